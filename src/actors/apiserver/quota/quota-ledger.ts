/**
 * Writes that are charged to quotas: what a quota has used and the objects that use it are stored together.
 *
 * The status of a quota moves in the same atomic batch as the objects that it is charged for, by compare-and-set.
 * So no number of replicas lets more in than there is room for, nothing is charged that was not stored, and a replica
 * that dies leaves nothing behind. Writes of one namespace that come while a batch is under way share the next one.
 * Invariant: a write is judged by the very revision of the quotas that its batch expects. It gives nothing back:
 * the quota controller counts again what has gone.
 */
import { ResourceQuota } from '../../../api/core/resource-quota.ts'
import { listOfAmounts } from '../../../api/quota/amounts.ts'
import { chargesOf, type RunningQuota, runningQuota } from '../../../api/quota/charge.ts'
import type { Evaluator, QuotaWrite, UsageContext } from '../../../api/quota/evaluator.ts'
import { internalError } from '../../../api/status-error.ts'
import { type Fence, RevisionConflict, type Storage, type Write } from '../../../client/storage.ts'
import type { View } from '../../../client/view.ts'
import type { Clock } from '../../../std/clock.ts'

/** Objects of one batch. */
const BATCH_MAX = 64
/** Characters in them, more or less; one object may have more. */
const BATCH_SIZE_MAX = 2 * 1024 * 1024
/** How long a write may lose against those of other replicas. */
const PATIENCE_MS = 10_000

/** A write and what it is judged by. */
export interface Demand {
  request: QuotaWrite
  evaluator: Evaluator
}

interface Entry extends Demand {
  write: Write
  size: number
  /** Monotonic ms. */
  deadline: number
  resolve(revision: number): void
  reject(error: unknown): void
}

/** In the order of their names, so that refusals are always worded alike. */
export const quotasIn = (view: View, namespace: string): ResourceQuota[] => {
  const quotas = view.list(ResourceQuota, { namespace })
  return quotas.length > 1
    ? quotas.sort((one, other) => (one.metadata.name < other.metadata.name ? -1 : 1))
    : quotas
}

export class QuotaLedger {
  private readonly storage: Storage
  private readonly clock: Clock
  /** Writes that wait, by namespace; the key is there while a batch of it is under way. */
  private readonly waiting = new Map<string, Entry[]>()

  constructor(storage: Storage, clock: Clock) {
    this.storage = storage
    this.clock = clock
  }

  /** Whether the write is to be charged; throws 403 when there is no room for it. Nothing is charged yet. */
  check(namespace: string, { request, evaluator }: Demand): boolean {
    const quotas = quotasIn(this.storage.cache, namespace).map(runningQuota)
    return chargesOf(quotas, request, evaluator, this.context()).length > 0
  }

  /** Writes and charges; throws 403 when there is no room left, and what `Storage.write` throws. */
  commit(namespace: string, demand: Demand, write: Write): Promise<number> {
    return new Promise((resolve, reject) => {
      const deadline = this.clock.monotonic() + PATIENCE_MS
      const size = sizeOf(write.object)
      const entry: Entry = { ...demand, write, size, deadline, resolve, reject }
      const waiting = this.waiting.get(namespace)
      if (waiting) waiting.push(entry)
      else {
        this.waiting.set(namespace, [entry])
        // Let everybody who writes in this turn of the event loop join the first batch.
        setImmediate(() => void this.run(namespace))
      }
    })
  }

  private context(): UsageContext {
    return { objects: this.storage.cache, now: this.clock.now() }
  }

  private async run(namespace: string): Promise<void> {
    for (;;) {
      const waiting = this.waiting.get(namespace)!
      if (waiting.length === 0) break
      const batch = takeBatch(waiting)
      try {
        await this.commitTogether(namespace, batch)
      } catch (error) {
        for (const { reject } of batch) reject(error)
      }
    }
    this.waiting.delete(namespace)
  }

  private async commitTogether(namespace: string, batch: readonly Entry[]): Promise<void> {
    const quotas = quotasIn(this.storage.cache, namespace).map(runningQuota)
    const changed = new Set<RunningQuota>()
    const entries = batch.filter((entry) => this.charge(entry, quotas, changed))
    if (entries.length === 0) return
    const statuses = [...changed].map(statusWrite)
    const last = statuses.pop()
    if (!last) return this.commitSingly(entries)
    const objects = entries.map(({ write: { fence: _, ...write } }) => write)
    const before = [...objects, ...statuses]
    const { fence } = entries[0]!.write
    try {
      const revision = await this.storage.write({ ...last, before, ...(fence ? { fence } : {}) })
      entries.forEach(({ resolve }, index) => {
        resolve(revision - before.length + index)
      })
    } catch (error) {
      if (!(error instanceof RevisionConflict)) throw error
      await this.storage.barrier(ResourceQuota)
      this.tryAgain(namespace, entries)
    }
  }

  /** Judges one write after those before it; whether it may go on. */
  private charge(entry: Entry, quotas: RunningQuota[], changed: Set<RunningQuota>): boolean {
    try {
      for (const { quota, used } of chargesOf(
        quotas,
        entry.request,
        entry.evaluator,
        this.context(),
      )) {
        quota.used = used
        changed.add(quota)
      }
      return true
    } catch (error) {
      entry.reject(error)
      return false
    }
  }

  /** The quotas have gone, or no longer bound these. */
  private async commitSingly(entries: readonly Entry[]): Promise<void> {
    await Promise.all(
      entries.map(({ write, resolve, reject }) => this.storage.write(write).then(resolve, reject)),
    )
  }

  /** Ends those that lost a race of their own; the others were in company of one that did, or met another batch. */
  private tryAgain(namespace: string, entries: readonly Entry[]): void {
    const left: Entry[] = []
    for (const entry of entries) {
      const { write, deadline, reject } = entry
      const stored = this.storage.cache.get(write.kind, write.namespace, write.name)
      if (Number(stored?.metadata.resourceVersion ?? 0) !== write.expected)
        reject(new RevisionConflict(`${write.kind.plural} "${write.name}" was written meanwhile`))
      else if (this.clock.monotonic() > deadline)
        reject(internalError('resource quota evaluation timed out'))
      else left.push(entry)
    }
    this.waiting.get(namespace)!.unshift(...left)
  }
}

/** Those from the front that may share a batch: of one fence, and no object twice. The others stay. */
const takeBatch = (waiting: Entry[]): Entry[] => {
  const [first] = waiting as [Entry]
  const taken: Entry[] = []
  const left: Entry[] = []
  const keys = new Set<string>()
  let size = 0
  for (const entry of waiting) {
    const { kind, name, fence } = entry.write
    const key = `${kind.group}/${kind.plural}/${name}`
    const isRoom = taken.length < BATCH_MAX && (size === 0 || size + entry.size <= BATCH_SIZE_MAX)
    const fits = isRoom && !keys.has(key) && isSameFence(fence, first.write.fence)
    if (fits) {
      keys.add(key)
      size += entry.size
    }
    ;(fits ? taken : left).push(entry)
  }
  waiting.splice(0, waiting.length, ...left)
  return taken
}

/** Characters of its texts, with a little for everything else. */
const sizeOf = (value: unknown): number => {
  if (typeof value === 'string') return value.length
  if (typeof value !== 'object' || value === null) return 8
  let size = 8
  for (const each of Object.values(value)) size += sizeOf(each)
  return size
}

const isSameFence = (one: Fence | undefined, other: Fence | undefined): boolean =>
  one?.component === other?.component && one?.revision === other?.revision

const statusWrite = ({ quota, used }: RunningQuota): Write => ({
  kind: ResourceQuota,
  namespace: quota.metadata.namespace!,
  name: quota.metadata.name,
  expected: Number(quota.metadata.resourceVersion),
  object: { ...quota, status: { ...quota.status, used: listOfAmounts(used) } } as ResourceQuota,
})
