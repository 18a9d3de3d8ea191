/**
 * The recent changes of one kind, bounded: what lets a watch resume.
 *
 * Invariant: `since(r)` is complete for every r ≥ `floor`, and undefined below it (Kubernetes' 410 Gone).
 */
import type { Change } from './view.ts'

export class ChangeRing {
  private readonly changes: Change[] = []
  /** Where the oldest change is. */
  private head = 0
  private full = false

  /** `floor`: changes up to that revision are unknown. */
  constructor(
    private readonly capacity: number,
    private floor: number,
  ) {}

  push(change: Change) {
    if (!this.full) {
      this.changes.push(change)
      this.full = this.changes.length === this.capacity
      return
    }
    this.floor = this.changes[this.head]!.revision
    this.changes[this.head] = change
    this.head = (this.head + 1) % this.capacity
  }

  /** Forgets everything up to `revision`. */
  reset(revision: number) {
    this.changes.length = 0
    this.head = 0
    this.full = false
    this.floor = revision
  }

  /** Changes after `revision`, oldest first; undefined below the floor. */
  since(revision: number): Change[] | undefined {
    if (revision < this.floor) return undefined
    const { length } = this.changes
    let low = 0
    let high = length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.at(middle).revision > revision) high = middle
      else low = middle + 1
    }
    const found: Change[] = []
    for (let index = low; index < length; index++) found.push(this.at(index))
    return found
  }

  private at(index: number): Change {
    return this.changes[(this.head + index) % this.changes.length]!
  }
}
