/**
 * The recent changes of one kind, bounded in number and bytes: what lets a watch resume.
 *
 * Objects are kept as they were stored, encoded, because decoded ones cost six times the memory, and hardly
 * anybody looks at them. Invariant: `since(r)` is complete for every r ≥ `floor`, and undefined below it
 * (Kubernetes' 410 Gone).
 */
import { type KubernetesObject, objectKey } from '../api/meta.ts'
import { encode } from '../bus/codec.ts'
import type { Change } from './view.ts'

/** An object at rest. */
export interface Rest {
  bytes: Uint8Array
  revision: number
  namespace: string | undefined
}

interface KeptChange {
  type: Change['type']
  revision: number
  key: string
  object: Rest
  previous?: Rest
}

export interface RingBounds {
  changes: number
  bytes: number
}

export class ChangeRing {
  /** From `head` on, by revision. */
  private changes: KeptChange[] = []
  private head = 0
  private bytes = 0
  /** The newest change of each object. */
  private readonly newest = new Map<string, KeptChange>()
  /** Changes that somebody looked at lately, so that many watchers that resume share one copy. */
  private readonly shown = new WeakMap<KeptChange, WeakRef<Change>>()

  /** `floor`: changes up to that revision are unknown. */
  constructor(
    private readonly kind: Change['kind'],
    private readonly bounds: RingBounds,
    private readonly decode: (rest: Rest) => KubernetesObject,
    private floor = Number.POSITIVE_INFINITY,
  ) {}

  /** `stored`: the bytes that `object` was decoded from, if it was. */
  push({ type, object, previous, revision }: Change, stored?: Uint8Array) {
    if (this.bounds.changes === 0) {
      this.floor = revision
      return
    }
    const key = objectKey(object)
    const { namespace } = object.metadata
    const before = previous && (this.newest.get(key)?.object ?? atRest(previous))
    const bytes = stored ? Buffer.from(stored) : (before?.bytes ?? encode(object))
    const change: KeptChange = { type, revision, key, object: { bytes, revision, namespace } }
    if (before) change.previous = before
    this.changes.push(change)
    this.newest.set(key, change)
    this.bytes += bytes.length
    while (this.length > this.bounds.changes || this.bytes > this.bounds.bytes) this.drop()
    if (this.head > 1024 && this.head > this.length) {
      this.changes = this.changes.slice(this.head)
      this.head = 0
    }
  }

  /** Forgets everything up to `revision`. */
  reset(revision: number) {
    this.changes = []
    this.head = 0
    this.bytes = 0
    this.newest.clear()
    this.floor = revision
  }

  /** Changes after `revision`, oldest first; undefined below the floor. */
  since(revision: number): Change[] | undefined {
    if (revision < this.floor) return undefined
    let low = this.head
    let high = this.changes.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.changes[middle]!.revision > revision) high = middle
      else low = middle + 1
    }
    const found: Change[] = []
    for (let at = low; at < this.changes.length; at++) found.push(this.show(this.changes[at]!))
    return found
  }

  private get length() {
    return this.changes.length - this.head
  }

  private drop() {
    const oldest = this.changes[this.head]!
    this.bytes -= oldest.object.bytes.length
    this.floor = oldest.revision
    if (this.newest.get(oldest.key) === oldest) this.newest.delete(oldest.key)
    this.changes[this.head++] = undefined as unknown as KeptChange
  }

  private show(kept: KeptChange): Change {
    const known = this.shown.get(kept)?.deref()
    if (known) return known
    const { type, revision, object, previous } = kept
    const change: Change = {
      type,
      kind: this.kind,
      object: this.decode(object),
      revision,
      ...(previous ? { previous: this.decode(previous) } : {}),
    }
    this.shown.set(kept, new WeakRef(change))
    return change
  }
}

const atRest = (object: KubernetesObject): Rest => ({
  bytes: encode(object),
  revision: Number(object.metadata.resourceVersion),
  namespace: object.metadata.namespace,
})
