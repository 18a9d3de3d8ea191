/**
 * A queue of keys to work on: each key waits once, is worked on by one worker at a time, and a key that is
 * added while it is worked on comes back afterwards (client-go's `workqueue`, with its delays and its
 * per-key exponential back-off in one).
 *
 * Invariant: a key is in at most one of `ready` and `processing`; `dirty` keys of `processing` follow when
 * they are done. Every operation takes constant time. It starts no work: whoever takes keys is told by
 * `onReady`.
 */
import { type Backoff, backoffMs } from '../std/backoff.ts'
import type { Clock } from '../std/clock.ts'

/** client-go's default per-key limits: 5 ms, doubling, at most 1000 s. */
const DEFAULT_BACKOFF: Backoff = { baseMs: 5, maxMs: 1_000_000 }

export interface Workqueue<Key> {
  add(key: Key): void
  /** Adds `key` after `delayMs`; of several waits for one key the earliest counts. */
  addAfter(key: Key, delayMs: number): void
  /** Adds `key` after the back-off of one more failure, `mostMs` at most. */
  addRateLimited(key: Key, mostMs?: number): void
  /** Forgets the failures of `key`. */
  forget(key: Key): void
  /** Failures of `key` since it was forgotten. */
  failures(key: Key): number
  /** The next key, which is being processed from now on; undefined when none is ready. */
  take(): Key | undefined
  /** Ends the processing of `key`. */
  done(key: Key): void
  /** Keys ready to be taken. */
  readonly size: number
  /** Keys taken and not yet done. */
  readonly processing: number
  /** Drops what waits and takes nothing more; `done` still counts. */
  close(): void
}

/** `onReady` is called whenever a key becomes ready to be taken. */
export const createWorkqueue = <Key>(
  clock: Clock,
  onReady: () => void = () => undefined,
  backoff: Backoff = DEFAULT_BACKOFF,
): Workqueue<Key> => {
  const ready = new Set<Key>()
  /** Keys in order of arrival; those before `head` were taken. A Set alone would search its own holes. */
  let line: Key[] = []
  let head = 0
  const processing = new Set<Key>()
  const dirty = new Set<Key>()
  const delayed = new Map<Key, { dueMs: number; cancel: () => void }>()
  const failed = new Map<Key, number>()
  let closed = false

  const undelay = (key: Key) => {
    delayed.get(key)?.cancel()
    delayed.delete(key)
  }

  const add = (key: Key) => {
    if (closed) return
    undelay(key)
    if (processing.has(key)) {
      dirty.add(key)
      return
    }
    if (ready.has(key)) return
    ready.add(key)
    line.push(key)
    onReady()
  }

  const addAfter = (key: Key, delayMs: number) => {
    if (closed) return
    if (delayMs <= 0) return add(key)
    const dueMs = clock.monotonic() + delayMs
    const waiting = delayed.get(key)
    if (waiting && waiting.dueMs <= dueMs) return
    waiting?.cancel()
    delayed.set(key, { dueMs, cancel: clock.after(delayMs, () => add(key)) })
  }

  return {
    add,
    addAfter,
    addRateLimited: (key, mostMs = Number.POSITIVE_INFINITY) => {
      const failures = (failed.get(key) ?? 0) + 1
      failed.set(key, failures)
      addAfter(key, Math.min(mostMs, backoffMs(failures, backoff)))
    },
    forget: (key) => {
      failed.delete(key)
    },
    failures: (key) => failed.get(key) ?? 0,
    take: () => {
      if (head === line.length) return undefined
      const key = line[head++]!
      if (head === line.length || (head > 1024 && head * 2 > line.length)) {
        line = line.slice(head)
        head = 0
      }
      ready.delete(key)
      processing.add(key)
      return key
    },
    done: (key) => {
      processing.delete(key)
      if (dirty.delete(key)) add(key)
    },
    get size() {
      return ready.size
    },
    get processing() {
      return processing.size
    },
    close: () => {
      closed = true
      for (const { cancel } of delayed.values()) cancel()
      delayed.clear()
      ready.clear()
      line = []
      head = 0
      dirty.clear()
      failed.clear()
    },
  }
}
