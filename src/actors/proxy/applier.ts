/**
 * Keeps the table in step with services and endpoints: what is applied, what is wanted, and the difference.
 *
 * A change marks its service; only marked services are computed again and only what differs is written, so
 * that the cost of a change does not grow with the number of services. Invariant: `applied` is what the
 * kernel holds after the last transaction that succeeded.
 */
import { Node } from '../../api/core/node.ts'
import { Service } from '../../api/core/service.ts'
import { EndpointSlice, SERVICE_NAME_LABEL } from '../../api/discovery/endpoint-slice.ts'
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

export class Applier {
  private applied = new Map<string, Pieces>()
  private readonly slices = new Map<string, Map<string, EndpointSlice>>()
  private readonly marked = new Set<string>()
  private readonly stale = new Set<string>()
  private readonly cidrsByNode = new Map<string, string>()
  private cidrsMarked = false
  private last: Promise<unknown> = Promise.resolve()

  constructor(
    private readonly view: Cache,
    private readonly ruleset: RulesetPort,
    private readonly localNodes: ReadonlySet<string>,
  ) {}

  get hasChanges(): boolean {
    return this.marked.size > 0 || this.cidrsMarked
  }
  get hasStaleChains(): boolean {
    return this.stale.size > 0
  }

  /** Takes note of a change; returns whether the rules may differ now. */
  observe(change: Change): boolean {
    const isGone = change.type === 'DELETED'
    if (change.kind === Service) {
      this.marked.add(objectKey(change.object))
      return true
    }
    if (change.kind === Node) {
      if (!this.keepNode(change.object as Node, isGone)) return false
      this.cidrsMarked = true
      return true
    }
    if (change.kind !== EndpointSlice) return false
    const before = change.previous && serviceKeyOf(change.previous as EndpointSlice)
    const after = this.keepSlice(change.object as EndpointSlice, isGone)
    if (before && before !== after) {
      this.keepSlice(change.previous as EndpointSlice, true)
      this.marked.add(before)
    }
    if (after) this.marked.add(after)
    return before !== undefined || after !== undefined
  }

  /** Reads the whole cache and writes the whole table. */
  async replace(): Promise<void> {
    this.marked.clear()
    this.stale.clear()
    this.slices.clear()
    this.cidrsByNode.clear()
    this.cidrsMarked = false
    for (const node of this.view.list(Node)) this.keepNode(node, false)
    for (const slice of this.view.list(EndpointSlice)) this.keepSlice(slice, false)
    const wanted = new Map<string, Pieces>()
    for (const service of this.view.list(Service)) {
      const pieces = this.compute(objectKey(service))
      if (pieces.elements.size > 0) wanted.set(objectKey(service), pieces)
    }
    await this.apply(fullText(this.ruleset.table, wanted.values(), this.podCIDRs()))
    this.applied = wanted
  }

  /** Writes what differs for the marked services. */
  async change(): Promise<void> {
    const { table } = this.ruleset
    const keys = [...this.marked]
    this.marked.clear()
    const wanted = new Map(keys.map((key) => [key, this.compute(key)]))
    const changes: PiecesChange[] = []
    for (const [key, after] of wanted)
      changes.push({ before: this.applied.get(key) ?? noPieces(), after })
    const cidrText = this.cidrsMarked ? `${podCIDRText(table, this.podCIDRs()).join('\n')}\n` : ''
    this.cidrsMarked = false
    const text = cidrText + changeText(table, changes)
    if (text) await this.apply(text)
    for (const [key, pieces] of wanted) this.remember(key, pieces)
    for (const one of changes) {
      for (const chain of staleChains(one)) this.stale.add(chain)
      for (const chain of one.after.chains.keys()) this.stale.delete(chain)
    }
  }

  /** Removes chains that nothing refers to any more. */
  async prune(): Promise<void> {
    const chains = [...this.stale]
    this.stale.clear()
    await this.apply(pruneText(this.ruleset.table, chains))
  }

  /** Resolves when no transaction is under way. */
  async idle(): Promise<void> {
    await this.last
  }

  private keepSlice(slice: EndpointSlice, isGone: boolean): string | undefined {
    const key = serviceKeyOf(slice)
    if (!key) return undefined
    const siblings = this.slices.get(key) ?? new Map<string, EndpointSlice>()
    if (isGone) siblings.delete(slice.metadata.name)
    else siblings.set(slice.metadata.name, slice)
    if (siblings.size > 0) this.slices.set(key, siblings)
    else this.slices.delete(key)
    return key
  }

  /** Returns whether the addresses of the node's pods changed. */
  private keepNode({ metadata: { name }, spec }: Node, isGone: boolean): boolean {
    const own = spec?.podCIDRs ?? (spec?.podCIDR ? [spec.podCIDR] : [])
    const text = isGone ? '' : own.filter((cidr) => !cidr.includes(':')).join()
    if ((this.cidrsByNode.get(name) ?? '') === text) return false
    if (text) this.cidrsByNode.set(name, text)
    else this.cidrsByNode.delete(name)
    return true
  }

  private compute(key: string): Pieces {
    const [namespace, name] = key.split('/') as [string, string]
    const service = this.view.get(Service, namespace, name)
    return service
      ? rulesOf(service, [...(this.slices.get(key)?.values() ?? [])], this.localNodes)
      : noPieces()
  }

  private podCIDRs(): string[] {
    return [...this.cidrsByNode.values()].flatMap((text) => text.split(',')).sort()
  }

  private apply(text: string): Promise<void> {
    const done = this.ruleset.apply(text)
    this.last = done.catch(() => {})
    return done
  }

  private remember(key: string, pieces: Pieces) {
    if (pieces.elements.size > 0) this.applied.set(key, pieces)
    else this.applied.delete(key)
  }
}

const serviceKeyOf = (slice: EndpointSlice): string | undefined => {
  const name = slice.metadata.labels?.[SERVICE_NAME_LABEL]
  return name && `${slice.metadata.namespace}/${name}`
}
