/**
 * `Wire`: what a transport must offer so that `wire-bus.ts` can build a Bus on it: raw bytes on subjects.
 *
 * Invariant: messages from one sender to one subscription keep their order; delivery is at most once.
 * It encodes nothing and interprets no header.
 */
import type { ConnectionState, Headers, Registration } from './bus.ts'

export interface RawMessage {
  subject: string
  payload: Uint8Array
  headers: Headers
  reply?: string
}

export interface RawAnswer {
  payload: Uint8Array
  headers?: Headers
  /** The service error to count, if the answer is one. */
  error?: Error
}

export interface RawEndpoint {
  name: string
  subject: string
  /** `''`: every instance gets every request. */
  queue: string
  metadata?: Record<string, string>
  answer(message: RawMessage): Promise<RawAnswer>
}

export interface RawService {
  name: string
  description: string
  version: string
  metadata?: Record<string, string>
  endpoints: readonly RawEndpoint[]
}

export interface Wire {
  /** Largest payload with its headers, in bytes. */
  readonly maxPayload: number
  readonly state: ConnectionState
  onState(listener: (state: ConnectionState) => void): () => void
  /** Where nobody subscribes to `subject`, `reply` gets an empty message. */
  publish(subject: string, payload: Uint8Array, headers?: Headers, reply?: string): void
  subscribe(subject: string, onMessage: (message: RawMessage) => void, queue?: string): Registration
  /** Throws StatusError 503 without a responder, 504 on timeout, abort or a lost connection. */
  request(
    subject: string,
    payload: Uint8Array,
    options: { headers?: Headers; timeoutMs: number; signal?: AbortSignal },
  ): Promise<RawMessage>
  serve(service: RawService): Promise<Registration>
  /** Whether anybody subscribes to `subject`; true when that cannot be found out. */
  isHeard(subject: string): Promise<boolean>
  /** A fresh private subject. */
  inbox(): string
  /** Who it is on channels, the first by itself; absent: whoever it is taken for. */
  readonly parties?: readonly string[] | undefined
  /** Whether it only speaks for itself: it tells nobody what it works on. */
  readonly isWorker: boolean
  drain(): Promise<void>
}
