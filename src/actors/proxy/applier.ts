/**
 * Keeps the table in step with services and endpoints: what is applied, what is wanted, and the difference.
 *
 * A change marks its service; only marked services are computed again and only what differs is written, so
 * that the cost of a change does not grow with the number of services. Invariant: `applied` is what the
 * kernel holds after the last transaction that succeeded.
 */
import { Node } from '../../api/core/node.ts'
import { Service } from '../../api/core/service.ts'
import { EndpointSlice } from '../../api/discovery/endpoint-slice.ts'
import { objectKey } from '../../api/meta.ts'
import type { Cache, Change } from '../../client/view.ts'
import type { RulesetPort } from '../../node/nftables.ts'
import { noPieces, type Pieces, rulesOf } from './rules.ts'
import {
  changeText,
  fullText,
  type PiecesChange,
  podCIDRText,
  pruneText,
  staleChains,
} from './ruleset.ts'

export interface Applier {
  /** Takes note of a change; returns whether the rules may differ now. */
  observe(change: Change): boolean
  readonly hasChanges: boolean
  readonly hasStaleChains: boolean
  replace(): Promise<void>
  change(): Promise<void>
  prune(): Promise<void>
  /** Resolves when no transaction is under way. */
  idle(): Promise<void>
}

const SERVICE_LABEL = 'kubernetes.io/service-name'

export const createApplier = (
  view: Cache,
  ruleset: RulesetPort,
  localNodes: ReadonlySet<string>,
): Applier => {
  const { table } = ruleset
  let applied = new Map<string, Pieces>()
  const slices = new Map<string, Map<string, EndpointSlice>>()
  const marked = new Set<string>()
  const stale = new Set<string>()
  const cidrsByNode = new Map<string, string>()
  let cidrsMarked = false
  let last: Promise<unknown> = Promise.resolve()

  const serviceKeyOf = (slice: EndpointSlice): string | undefined => {
    const name = slice.metadata.labels?.[SERVICE_LABEL]
    return name && `${slice.metadata.namespace}/${name}`
  }

  const keepSlice = (slice: EndpointSlice, isGone: boolean): string | undefined => {
    const key = serviceKeyOf(slice)
    if (!key) return undefined
    const siblings = slices.get(key) ?? new Map<string, EndpointSlice>()
    if (isGone) siblings.delete(slice.metadata.name)
    else siblings.set(slice.metadata.name, slice)
    if (siblings.size > 0) slices.set(key, siblings)
    else slices.delete(key)
    return key
  }

  const compute = (key: string): Pieces => {
    const [namespace, name] = key.split('/') as [string, string]
    const service = view.get(Service, namespace, name)
    return service
      ? rulesOf(service, [...(slices.get(key)?.values() ?? [])], localNodes)
      : noPieces()
  }

  /** Returns whether the addresses of the node's pods changed. */
  const keepNode = ({ metadata: { name }, spec }: Node, isGone: boolean): boolean => {
    const own = spec?.podCIDRs ?? (spec?.podCIDR ? [spec.podCIDR] : [])
    const text = isGone ? '' : own.filter((cidr) => !cidr.includes(':')).join()
    if ((cidrsByNode.get(name) ?? '') === text) return false
    if (text) cidrsByNode.set(name, text)
    else cidrsByNode.delete(name)
    return true
  }

  const podCIDRs = () => [...cidrsByNode.values()].flatMap((text) => text.split(',')).sort()

  const apply = (text: string): Promise<void> => {
    const done = ruleset.apply(text)
    last = done.catch(() => {})
    return done
  }

  const remember = (key: string, pieces: Pieces) => {
    if (pieces.elements.size > 0) applied.set(key, pieces)
    else applied.delete(key)
  }

  const observe = (change: Change): boolean => {
    if (change.kind === Service) {
      marked.add(objectKey(change.object))
      return true
    }
    if (change.kind === Node) {
      if (!keepNode(change.object as Node, change.type === 'DELETED')) return false
      cidrsMarked = true
      return true
    }
    if (change.kind !== EndpointSlice) return false
    const before = change.previous && serviceKeyOf(change.previous as EndpointSlice)
    const after = keepSlice(change.object as EndpointSlice, change.type === 'DELETED')
    if (before && before !== after) {
      keepSlice(change.previous as EndpointSlice, true)
      marked.add(before)
    }
    if (after) marked.add(after)
    return before !== undefined || after !== undefined
  }

  return {
    observe,
    get hasChanges() {
      return marked.size > 0 || cidrsMarked
    },
    get hasStaleChains() {
      return stale.size > 0
    },
    replace: async () => {
      marked.clear()
      stale.clear()
      slices.clear()
      cidrsByNode.clear()
      cidrsMarked = false
      for (const node of view.list(Node)) keepNode(node, false)
      for (const slice of view.list(EndpointSlice)) keepSlice(slice, false)
      const wanted = new Map<string, Pieces>()
      for (const service of view.list(Service)) {
        const pieces = compute(objectKey(service))
        if (pieces.elements.size > 0) wanted.set(objectKey(service), pieces)
      }
      await apply(fullText(table, wanted.values(), podCIDRs()))
      applied = wanted
    },
    change: async () => {
      const keys = [...marked]
      marked.clear()
      const wanted = new Map(keys.map((key) => [key, compute(key)]))
      const changes: PiecesChange[] = []
      for (const [key, after] of wanted)
        changes.push({ before: applied.get(key) ?? noPieces(), after })
      const cidrText = cidrsMarked ? `${podCIDRText(table, podCIDRs()).join('\n')}\n` : ''
      cidrsMarked = false
      const text = cidrText + changeText(table, changes)
      if (text) await apply(text)
      for (const [key, pieces] of wanted) remember(key, pieces)
      for (const one of changes) {
        for (const chain of staleChains(one)) stale.add(chain)
        for (const chain of one.after.chains.keys()) stale.delete(chain)
      }
    },
    prune: async () => {
      const chains = [...stale]
      stale.clear()
      await apply(pruneText(table, chains))
    },
    idle: async () => {
      await last
    },
  }
}
