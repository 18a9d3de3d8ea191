/**
 * What a node's pods refer to: secrets, config maps, claims, service accounts.
 *
 * Invariant: it says what the pods that are bound to the node say, in the same turn. A node's references are counted
 * when it first asks and kept by changes of its pods from then on, for a bounded number of nodes.
 */
import { PersistentVolumeClaim } from '../../../api/core/persistent-volume-claim.ts'
import { Pod } from '../../../api/core/pod.ts'
import { podReferences, type ReferencedResource } from '../../../api/core/pod-references.ts'
import type { Cache, Change } from '../../../client/view.ts'

/** How often something is referred to, by `<resource>/<namespace>/<name>`. */
type Counts = Map<string, number>

/** Nodes whose references are kept; the one that has not asked for longest goes. */
const NODES_MAX = 1000
const MIRROR = 'kubernetes.io/config.mirror'

export class NodeReferences {
  private readonly nodes = new Map<string, Counts>()
  private readonly cache: Cache
  readonly stop: () => void

  constructor(cache: Cache) {
    this.cache = cache
    this.stop = cache.subscribe((change) => {
      if (change.kind === Pod && this.nodes.size > 0) this.apply(change as Change<Pod>)
    })
  }

  has(node: string, resource: string, namespace: string, name: string): boolean {
    return this.countsOf(node).has(`${resource}/${namespace}/${name}`)
  }

  /** The claims that exist, of those that are referred to. */
  *claimsOf(node: string): Generator<PersistentVolumeClaim> {
    for (const key of this.countsOf(node).keys()) {
      const [resource, namespace = '', name = ''] = key.split('/')
      if (resource !== 'persistentvolumeclaims') continue
      const claim = this.cache.get(PersistentVolumeClaim, namespace, name)
      if (claim) yield claim
    }
  }

  private countsOf(node: string): Counts {
    const known = this.nodes.get(node)
    if (known) {
      this.nodes.delete(node)
      this.nodes.set(node, known)
      return known
    }
    const counts: Counts = new Map()
    for (const pod of this.cache.list(Pod, { node })) count(counts, pod, 1)
    this.nodes.set(node, counts)
    for (const each of this.nodes.keys()) {
      if (this.nodes.size <= NODES_MAX) break
      this.nodes.delete(each)
    }
    return counts
  }

  private apply({ type, object, previous }: Change<Pod>): void {
    if (type === 'MODIFIED' && previous && refersToTheSame(object, previous)) return
    if (previous) this.add(previous, -1)
    if (type !== 'DELETED') this.add(object, 1)
  }

  private add(pod: Pod, by: 1 | -1): void {
    const { nodeName } = pod.spec ?? {}
    const counts = nodeName ? this.nodes.get(nodeName) : undefined
    if (counts) count(counts, pod, by)
  }
}

/** A pod that the node made for itself opens nothing to it. */
const count = (counts: Counts, pod: Pod, by: 1 | -1): void => {
  const { namespace = '', annotations } = pod.metadata
  if (annotations?.[MIRROR] !== undefined) return
  for (const [resource, name] of podReferences(pod)) {
    const key = keyOf(resource, namespace, name)
    const next = (counts.get(key) ?? 0) + by
    if (next > 0) counts.set(key, next)
    else counts.delete(key)
  }
}

const keyOf = (resource: ReferencedResource, namespace: string, name: string): string =>
  `${resource}/${namespace}/${name}`

/** A look, not a comparison: what refers is immutable but for these. */
const refersToTheSame = (pod: Pod, old: Pod): boolean =>
  pod.metadata.uid === old.metadata.uid &&
  pod.metadata.annotations?.[MIRROR] === old.metadata.annotations?.[MIRROR] &&
  pod.spec?.nodeName === old.spec?.nodeName &&
  pod.spec?.ephemeralContainers?.length === old.spec?.ephemeralContainers?.length &&
  pod.status?.resourceClaimStatuses === old.status?.resourceClaimStatuses &&
  pod.status?.extendedResourceClaimStatus === old.status?.extendedResourceClaimStatus
