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
  bytes: Slice
  revision: number
  namespace: string | undefined
}

/** A part of a slab. */
interface Slice {
  slab: Uint8Array
  from: number
  to: number
}

const SLAB_BYTES = 256 * 1024

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
  private slab = new Uint8Array(0)
  private slabUsed = 0
  /** The newest change of each object. */
  private readonly newest = new Map<string, KeptChange>()
  /** Changes that somebody looked at lately, so that many watchers that resume share one copy. */
  private readonly shown = new WeakMap<KeptChange, WeakRef<Change>>()

  /** `floor`: changes up to that revision are unknown. */
  constructor(
    private readonly kind: Change['kind'],
    private readonly bounds: RingBounds,
    private readonly decode: (
      bytes: Uint8Array,
      revision: number,
      namespace: string | undefined,
    ) => KubernetesObject,
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
    const before = previous && (this.newest.get(key)?.object ?? this.atRest(previous))
    const bytes = stored ? this.keep(stored) : (before?.bytes ?? this.keep(encode(object)))
    const change: KeptChange = { type, revision, key, object: { bytes, revision, namespace } }
    if (before) change.previous = before
    this.changes.push(change)
    this.newest.set(key, change)
    this.bytes += sizeOf(bytes)
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
    this.bytes -= sizeOf(oldest.object.bytes)
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
      object: this.wake(object),
      revision,
      ...(previous ? { previous: this.wake(previous) } : {}),
    }
    this.shown.set(kept, new WeakRef(change))
    return change
  }

  private wake({ bytes: { slab, from, to }, revision, namespace }: Rest): KubernetesObject {
    return this.decode(slab.subarray(from, to), revision, namespace)
  }

  private atRest(object: KubernetesObject): Rest {
    const { resourceVersion, namespace } = object.metadata
    return { bytes: this.keep(encode(object)), revision: Number(resourceVersion), namespace }
  }

  /** A copy in slabs that only this ring uses: a view would hold the socket's chunk or Node's pool. */
  private keep(bytes: Uint8Array): Slice {
    if (this.slabUsed + bytes.length > this.slab.length) {
      this.slab = new Uint8Array(Math.max(SLAB_BYTES, bytes.length))
      this.slabUsed = 0
    }
    const from = this.slabUsed
    this.slab.set(bytes, from)
    this.slabUsed += bytes.length
    return { slab: this.slab, from, to: this.slabUsed }
  }
}

const sizeOf = ({ from, to }: Slice) => to - from
