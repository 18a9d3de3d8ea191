/**
 * Notices that nobody works on a request any more, because the process that took it died or hangs.
 *
 *   requester ── no answer for PATIENCE_MS: who works on <id>? ──▶ every process that serves
 *       ▲                                                             │
 *       ├── "I do": patience for as long again ◀──────────────────────┘
 *       └── silence for ANSWER_MS: given up, its outcome is unknown
 *
 * Invariant: a request that somebody works on is never given up here, however long it takes.
 */
import { timeout } from '../api/status-error.ts'
import type { Clock } from '../std/clock.ts'
import type { Wire } from './wire.ts'

const REQUEST_HEADER = 'Kubus-Request'
const PATIENCE_MS = 1_000
/** Longer than a busy process keeps its event loop from answering. */
const ANSWER_MS = 2_000
const TICK_MS = 250

export interface PendingRequests {
  /** The headers of a new request, and its answer or, when nobody works on it any more, a 504. */
  send<T>(subject: string, request: (headers: Record<string, string>) => Promise<T>): Promise<T>
  /** Says so to whoever asks, while `work` is under way on the request with these headers. */
  serve<T>(headers: Readonly<Record<string, string>>, work: () => Promise<T>): Promise<T>
  stop(): void
}

interface Sent {
  askAt: number
  giveUp(): void
}

export const pendingRequests = (wire: Wire, subject: string, clock: Clock): PendingRequests => {
  const own = wire.inbox()
  let count = 0
  /** Oldest question first. */
  const sent = new Map<string, Sent>()
  const served = new Set<string>()
  let isAnswering = false
  let cancelTick: (() => void) | undefined

  const ask = async (id: string, request: Sent) => {
    try {
      await wire.request(subject, Buffer.from(id), { timeoutMs: ANSWER_MS })
    } catch {
      if (sent.delete(id)) request.giveUp()
      return
    }
    if (!sent.delete(id)) return
    request.askAt = clock.monotonic() + PATIENCE_MS
    sent.set(id, request)
    watch()
  }
  const watch = () => {
    cancelTick ??= clock.after(TICK_MS, () => {
      cancelTick = undefined
      const now = clock.monotonic()
      let isWaiting = false
      for (const [id, request] of sent) {
        if (request.askAt === Number.POSITIVE_INFINITY) continue
        isWaiting = true
        if (request.askAt > now) break
        request.askAt = Number.POSITIVE_INFINITY
        void ask(id, request)
      }
      if (isWaiting) watch()
    })
  }
  const answer = () => {
    if (isAnswering || wire.isWorker) return
    isAnswering = true
    wire.subscribe(subject, ({ payload, reply }) => {
      if (reply && served.has(Buffer.from(payload).toString()))
        wire.publish(reply, Uint8Array.of(1))
    })
  }

  return {
    send: (to, request) =>
      new Promise((resolve, reject) => {
        const id = `${own}.${++count}`
        sent.set(id, {
          askAt: clock.monotonic() + PATIENCE_MS,
          giveUp: () =>
            reject(
              timeout(`nobody works on the request to ${to} any more; its outcome is unknown`),
            ),
        })
        watch()
        request({ [REQUEST_HEADER]: id })
          .then(resolve, reject)
          .finally(() => sent.delete(id))
      }),
    serve: async (headers, work) => {
      const id = headers[REQUEST_HEADER]
      if (id === undefined) return work()
      answer()
      served.add(id)
      try {
        return await work()
      } finally {
        served.delete(id)
      }
    },
    stop: () => cancelTick?.(),
  }
}
