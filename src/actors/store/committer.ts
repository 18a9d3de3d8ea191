/**
 * Group commit to one stream: while one commit is in flight the next one gathers, as in a write-ahead log.
 *
 * Invariant: one write per key is under way; a write is published with the revision its author read; a
 * conflict of one never fails another. A write whose answer was lost is read back by its write id.
 * Writes that belong together are members of one batch, always. It does not retry a lost race: its author decides.
 *
 *   add ─▶ ready ─▶ (few: singly │ many: one atomic batch) ─▶ acknowledged ─▶ cache reached ─▶ resolved
 *             ▲                              │ rejected: looked at again, then singly
 *             └── next write of the key ─────┘
 */

import { internalError, serviceUnavailable, tooManyRequests } from '../../api/status-error.ts'
import {
  PublishError,
  type StreamMessage,
  type Streams,
  type StreamWrite,
} from '../../bus/stream.ts'
import type { StorageClass } from '../../bus/subjects.ts'
import { RevisionConflict } from '../../client/storage.ts'
import type { StreamCache } from '../../client/stream-cache.ts'
import { backoffMs } from '../../std/backoff.ts'
import { type Clock, sleep } from '../../std/clock.ts'
import type { Log } from '../../std/log.ts'
import { type Fences, fenceLost } from './fences.ts'
import { membersOf, type PendingWrite, sizeOf, unknownOutcome } from './pending-write.ts'

/** Above this cost one batch (0.9 ms and little more for many) is cheaper than single publishes (0.3 to 0.5 ms each). */
const SINGLES_COST_MAX = 2
/** A write with a fence or with companions is a batch of its own when it goes singly. */
const BATCHED_COST = 10
const BATCH_WRITES_MAX = 256
const BATCH_BYTES_MAX = 4 * 1024 * 1024
const QUEUE_MAX = 20_000
const QUEUE_BYTES_MAX = 128 * 1024 * 1024
/** Longer than the watch window: what resumes within it sees the deletion. */
const TOMBSTONE_TTL_SECONDS = 1_800
const RETRY = { baseMs: 10, maxMs: 500 }
const CONFLICTS_RETRIED = 4

export interface CommitterPorts {
  streams: Streams
  cache: StreamCache
  fences: Fences
  clock: Clock
  log: Log
}

export class Committer {
  readonly counters = { commits: 0, batches: 0, batched: 0, singles: 0, conflicts: 0, retries: 0 }
  private ready: PendingWrite[] = []
  /** Writes that wait for an earlier one of the same key, by subject; the key is present while one is under way. */
  private readonly busy = new Map<string, PendingWrite[]>()
  private queued = 0
  private queuedBytes = 0
  private isRunning = false
  /** The newest sequence acknowledged. */
  private newest = 0
  private idle: (() => void)[] = []

  constructor(
    private readonly storage: StorageClass,
    private readonly ports: CommitterPorts,
  ) {}

  get length(): number {
    return this.queued
  }

  add(write: PendingWrite) {
    if (this.queued >= QUEUE_MAX || this.queuedBytes >= QUEUE_BYTES_MAX)
      throw tooManyRequests('the store has too many writes waiting, please try again later', 1)
    this.queued++
    this.queuedBytes += sizeOf(write)
    const waiting = this.busy.get(write.subject)
    if (waiting) waiting.push(write)
    else {
      this.busy.set(write.subject, [])
      this.makeReady(write)
    }
  }

  /** Resolves when nothing is under way. */
  drained(): Promise<void> {
    return this.queued === 0 ? Promise.resolve() : new Promise((resolve) => this.idle.push(resolve))
  }

  private makeReady(write: PendingWrite) {
    this.ready.push(write)
    if (this.isRunning) return
    this.isRunning = true
    // Let everybody who can write in this turn of the event loop join the first commit.
    setImmediate(() => void this.run())
  }

  private async run() {
    while (this.ready.length > 0) {
      const { writes, cost } = this.gather()
      if (writes.length === 0) continue
      this.counters.commits++
      if (cost <= SINGLES_COST_MAX || writes.length === 1)
        await Promise.all(writes.map((write) => this.commitOne(write)))
      else {
        await this.commitBatch(writes)
        await this.regather(writes)
      }
    }
    this.isRunning = false
  }

  /**
   * Lets the authors of the last batch, who hear of it within a fraction of a millisecond, join the next one:
   * a batch costs the same for half as many. Where as many wait already, nobody is waited for.
   */
  private async regather(last: readonly PendingWrite[]) {
    if (this.ready.length >= last.length) return
    await this.ports.cache.reached(last[0]!.kind, this.newest).catch(() => {})
    await new Promise<void>((resolve) => setImmediate(resolve))
  }

  /** The next commit: as many ready writes as fit, without those that have lost their race already. */
  private gather(): { writes: PendingWrite[]; cost: number } {
    const writes: PendingWrite[] = []
    let messages = 0
    let bytes = 0
    let taken = 0
    let cost = 0
    for (const write of this.ready) {
      if (messages >= BATCH_WRITES_MAX) break
      if (writes.length > 0 && bytes + sizeOf(write) > BATCH_BYTES_MAX) break
      taken++
      if (this.isLost(write)) continue
      writes.push(write)
      messages += 1 + write.before.length
      bytes += sizeOf(write)
      cost += write.fence || write.before.length > 0 ? BATCHED_COST : 1
    }
    this.ready.splice(0, taken)
    return { writes, cost }
  }

  /** Settles a write that the cache shows to be too late. A cache that is behind leaves it to the stream. */
  private isLost(write: PendingWrite): boolean {
    const { cache } = this.ports
    if (write.isAmbiguous) return false
    if (write.fence) {
      const current = cache.fence(write.fence.component)
      if (current && current.revision > write.fence.revision) {
        this.settle(write, fenceLost(write.fence))
        return true
      }
    }
    if (!membersOf(write).some((member) => this.isOvertaken(member))) return false
    this.settleConflict(write)
    return true
  }

  private isOvertaken(write: PendingWrite): boolean {
    const current = this.cached(write)
    if (write.expected === 0) return current > 0
    return (
      Math.max(current, this.ports.cache.tombstone(this.storage, write.subject)) > write.expected
    )
  }

  /** The revision of the object in the cache, 0 without one. */
  private cached({ kind, namespace, name }: PendingWrite): number {
    return Number(this.ports.cache.get(kind, namespace, name)?.metadata.resourceVersion ?? 0)
  }

  private async commitBatch(writes: PendingWrite[]): Promise<void> {
    for (let attempt = 1; writes.length > 0; attempt++) {
      const checks = this.checksOf(writes)
      try {
        const members = writes.flatMap(membersOf)
        const last = await this.ports.streams.publishBatch(this.storage, [
          ...checks,
          ...members.map((member) => this.streamWrite(member)),
        ])
        this.counters.batches++
        this.counters.batched += members.length
        let sequence = last - members.length
        for (const write of writes) {
          sequence += 1 + write.before.length
          this.acknowledge(write, sequence)
        }
        return
      } catch (error) {
        const failure = publishError(error)
        this.counters.retries++
        if (failure.failure === 'unknown') for (const write of writes) write.isAmbiguous = true
        if (failure.failure !== 'conflict' || attempt > 1 || !failure.actual) break
        await this.ports.cache.reached(writes[0]!.kind, failure.actual).catch(() => {})
        writes = writes.filter((write) => !this.isLost(write))
      }
    }
    await Promise.all(writes.map((write) => this.commitOne(write)))
  }

  /** One check for each component whose fence a member carries. */
  private checksOf(writes: readonly PendingWrite[]): StreamWrite[] {
    const checks = new Map<string, StreamWrite>()
    for (const { fence } of writes)
      if (fence) {
        const check = this.ports.fences.check(fence)
        checks.set(`${check.subject} ${check.expected}`, check)
      }
    return [...checks.values()]
  }

  private streamWrite(write: PendingWrite): StreamWrite {
    return {
      subject: write.subject,
      payload: write.payload,
      expected: this.expectedOf(write),
      writeId: write.writeId,
      ...(write.isDeletion
        ? { tombstone: true, ttlSeconds: TOMBSTONE_TTL_SECONDS }
        : write.ttlSeconds
          ? { ttlSeconds: write.ttlSeconds }
          : {}),
    }
  }

  /** A create over a tombstone expects the tombstone. */
  private expectedOf({ expected, tombstoneAt, subject }: PendingWrite): number {
    if (expected > 0) return expected
    return tombstoneAt ?? this.ports.cache.tombstone(this.storage, subject)
  }

  /** Publishes one write until it is stored, has lost, or its time is up. Settles it, never throws. */
  private async commitOne(write: PendingWrite): Promise<void> {
    let conflicts = 0
    for (let failures = 1; ; failures++) {
      try {
        if (write.isAmbiguous) {
          const stored = await this.readBack(write)
          if (stored !== undefined) return this.acknowledge(write, stored)
        }
        this.counters.singles++
        return this.acknowledge(write, await this.publishOne(write))
      } catch (error) {
        const failure = publishError(error)
        if (failure.failure === 'refused') return this.settle(write, internalError(failure.message))
        if (failure.failure === 'unknown') write.isAmbiguous = true
        if (failure.failure === 'conflict') {
          if (await this.lostRace(write, failure)) return
          if (++conflicts > CONFLICTS_RETRIED) return this.settleConflict(write)
        }
        if (this.ports.clock.monotonic() > write.deadline)
          return this.settle(
            write,
            write.isAmbiguous
              ? unknownOutcome(failure.message)
              : serviceUnavailable(`the store cannot write: ${failure.message}`),
          )
        this.counters.retries++
        await sleep(backoffMs(failures, RETRY), this.ports.clock)
      }
    }
  }

  private publishOne(write: PendingWrite): Promise<number> {
    const { streams } = this.ports
    if (!write.fence && write.before.length === 0)
      return streams.publish(this.storage, this.streamWrite(write))
    const messages = membersOf(write).map((member) => this.streamWrite(member))
    return streams.publishBatch(this.storage, [...this.checksOf([write]), ...messages])
  }

  /**
   * Where an earlier attempt of `write` was stored; undefined when the key is still where the write expects
   * it. Throws a conflict when somebody else's write is there, as ours may be under it.
   */
  private async readBack(write: PendingWrite): Promise<number | undefined> {
    const [first] = membersOf(write) as [PendingWrite]
    let stored: StreamMessage | undefined
    try {
      stored = await this.ports.streams.lastMessage(this.storage, first.subject)
    } catch (error) {
      throw new PublishError('retry', error instanceof Error ? error.message : String(error))
    }
    if (stored?.writeId === first.writeId) return stored.sequence + write.before.length
    if (!stored || stored.sequence === this.expectedOf(first) || stored.tombstone) return undefined
    throw new PublishError('conflict', 'another write is stored', stored.sequence)
  }

  /** Decides a conflict the stream reported; true when the write is settled by it. */
  private async lostRace(write: PendingWrite, { actual }: PublishError): Promise<boolean> {
    if (write.isAmbiguous) {
      const stored = await this.readBack(write).catch(() => null)
      if (typeof stored === 'number') {
        this.acknowledge(write, stored)
        return true
      }
    }
    if (write.fence) {
      const holds = await this.ports.fences.holds(write.fence).catch(() => undefined)
      if (holds === undefined) return false
      if (!holds) {
        this.settle(write, fenceLost(write.fence))
        return true
      }
    }
    if (write.before.length > 0) {
      if (!(await this.isGroupLost(write, actual))) return false
    } else {
      if (write.expected === 0 && (await this.overTombstone(write))) return false
      if (actual === undefined) return false
      // The author's next read of this cache shows what won.
      await this.ports.cache.reached(write.kind, actual).catch(() => {})
    }
    if (write.isAmbiguous) this.settle(write, unknownOutcome('another write followed'))
    else this.settleConflict(write)
    return true
  }

  /** Whether one of the members came too late; which one, its author sees in the cache. */
  private async isGroupLost(write: PendingWrite, actual: number | undefined): Promise<boolean> {
    if (actual !== undefined) await this.ports.cache.reached(write.kind, actual).catch(() => {})
    const members = membersOf(write)
    if (members.some((member) => this.isOvertaken(member))) return true
    for (const member of members) if (member.expected === 0) await this.overTombstone(member)
    return false
  }

  /** Whether a create may go on: the key holds no object, at most a tombstone, which it now expects. */
  private async overTombstone(write: PendingWrite): Promise<boolean> {
    try {
      const stored = await this.ports.streams.lastMessage(this.storage, write.subject)
      if (stored && !stored.tombstone) return false
      write.tombstoneAt = stored?.sequence ?? 0
      return true
    } catch {
      return false
    }
  }

  /** The write is on disk: its author hears of it once the cache shows it. */
  private acknowledge(write: PendingWrite, sequence: number) {
    this.newest = Math.max(this.newest, sequence)
    this.ports.cache.reached(write.kind, sequence).then(
      () => this.settle(write, sequence),
      (error) => this.settle(write, error),
    )
  }

  private settleConflict(write: PendingWrite) {
    this.counters.conflicts++
    this.settle(
      write,
      new RevisionConflict(
        `${write.kind.plural} "${write.name}" is at ${this.cached(write)}, not ${write.expected}`,
      ),
    )
  }

  private settle(write: PendingWrite, outcome: number | Error) {
    this.queued--
    this.queuedBytes -= sizeOf(write)
    if (typeof outcome === 'number') write.resolve(outcome)
    else write.reject(outcome)
    const next = this.busy.get(write.subject)?.shift()
    if (next) this.makeReady(next)
    else this.busy.delete(write.subject)
    if (this.queued === 0) for (const wake of this.idle.splice(0)) wake()
  }
}

const publishError = (error: unknown): PublishError =>
  error instanceof PublishError
    ? error
    : new PublishError('refused', error instanceof Error ? error.message : String(error))
