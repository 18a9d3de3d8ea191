/**
 * Several requests in one message: what a component asks within one turn of the event loop goes out together,
 * because a message and its answer cost both sides about as much as a small request itself.
 *
 * Invariant: each request is executed, authorized, counted and audited as if it had come alone, and has its own
 * outcome; the answers come when the last of a message has one, so only requests of one lane share a message,
 * and a slow webhook of one namespace holds up nobody in another. Only requests with small answers are gathered,
 * so that a message is bounded. It knows no verbs.
 */
import { type Status, StatusError } from '../api/status-error.ts'
import type { Headers } from '../bus/bus.ts'
import { encode } from '../bus/codec.ts'
import { assert } from '../std/assert.ts'

/** Subject, headers, and the body in MessagePack; an empty one for none. */
export type GatheredRequest = readonly [subject: string, headers: Headers, body: Uint8Array]
/** What was answered, or why the request failed. */
export type GatheredAnswer = readonly [answer: unknown] | readonly [answer: null, failure: Status]

/** Most requests in one message. */
export const GATHERED_MAX = 64
/** A larger body goes alone. */
const BODY_BYTES_MAX = 8 * 1024

export interface Request {
  subject: string
  headers: Headers
  body: unknown
  /** What it does, to what, and in which namespace. */
  lane: string
}

interface Waiting {
  request: Request
  resolve(answer: unknown): void
  reject(error: unknown): void
}

/** How messages are sent: one request by itself, or many as one. */
export interface Sender {
  alone(request: Request): Promise<unknown>
  together(requests: readonly GatheredRequest[]): Promise<readonly GatheredAnswer[]>
}

/** The result sends `request` with others of this turn, and resolves to its answer. */
export const gatherer = (sender: Sender): ((request: Request) => Promise<unknown>) => {
  let waiting: Waiting[] = []
  const flush = () => {
    const lanes = new Map<string, Waiting[]>()
    for (const one of waiting) {
      const { lane } = one.request
      const others = lanes.get(lane)
      if (others && others.length < GATHERED_MAX) others.push(one)
      else {
        if (others) sendTogether(sender, others)
        lanes.set(lane, [one])
      }
    }
    waiting = []
    for (const all of lanes.values()) sendTogether(sender, all)
  }
  return (request) =>
    new Promise((resolve, reject) => {
      if (waiting.length === 0) setImmediate(flush)
      waiting.push({ request, resolve, reject })
    })
}

const sendTogether = (sender: Sender, all: readonly Waiting[]) => {
  if (all.length === 1) return sendAlone(sender, all[0]!)
  const small: Waiting[] = []
  const requests: GatheredRequest[] = []
  for (const one of all) {
    const { subject, headers, body } = one.request
    const bytes = encode(body)
    if (bytes.length > BODY_BYTES_MAX) {
      sendAlone(sender, one)
      continue
    }
    small.push(one)
    requests.push([subject, headers, bytes])
  }
  if (small.length === 0) return
  sender.together(requests).then(
    (answers) => {
      assert(answers.length === small.length, 'one answer a request')
      small.forEach(({ resolve, reject }, index) => {
        const [answer, failure] = answers[index]!
        if (failure) reject(StatusError.from(failure))
        else resolve(answer ?? undefined)
      })
    },
    (error: unknown) => {
      for (const { reject } of small) reject(error)
    },
  )
}

const sendAlone = ({ alone }: Sender, { request, resolve, reject }: Waiting) => {
  alone(request).then(resolve, reject)
}
