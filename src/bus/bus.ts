/**
 * `Bus`: the port through which components speak; NATS in production, memory in tests.
 *
 * Invariant: payloads are decoded values; the encoding (MessagePack, or JSON for people) is chosen here
 * and nowhere else. It knows no kinds and keeps no state of the cluster.
 */
import type { Status } from '../api/status-error.ts'

export type Headers = Readonly<Record<string, string>>

export interface Message {
  subject: string
  /** The payload, decoded on first access; undefined when it was empty. Throws StatusError when malformed. */
  readonly data: unknown
  headers: Headers
  reply?: string | undefined
  /** How the sender encoded it; an answer uses the same. */
  encoding: 'json' | 'msgpack'
}

export interface RequestOptions {
  headers?: Headers
  timeoutMs?: number
  signal?: AbortSignal
}

export interface Endpoint {
  /** `[-\w]+`, as `nats micro` prints it. */
  name: string
  /** May end in wildcards. */
  subject: string
  /** Shared by replicas; null: every instance gets every request. Default `q`. */
  queue?: string | null
  metadata?: Record<string, string>
  /** The returned value is the answer's payload; a thrown StatusError becomes the service error. */
  handle(message: Message): Promise<unknown> | unknown
}

/** A NATS micro service: every component is one. */
export interface ServiceDeclaration {
  name: string
  description: string
  version: string
  metadata?: Record<string, string>
  endpoints: readonly Endpoint[]
}

export interface Registration {
  stop(): Promise<void>
}

export type ConnectionState = 'connected' | 'disconnected'

export interface Bus {
  /** Subject prefix of this cluster, `kubus` by default; build subjects with `subjects.ts`. */
  readonly prefix: string
  /**
   * Sends MessagePack and awaits one answer. Throws StatusError: the server's, 503 `no responders`, or 504 on
   * timeout and as soon as nobody works on it any more. What a plain subscription answers must come within 1 s.
   */
  request(subject: string, data?: unknown, options?: RequestOptions): Promise<Message>
  publish(subject: string, data?: unknown, headers?: Headers): void
  /** Publishes JSON text, for people. */
  publishJson(subject: string, json: string, headers?: Headers): void
  /** Publishes bytes as they are, for people. */
  publishBytes(subject: string, bytes: Uint8Array, headers?: Headers): void
  /**
   * Whether anybody subscribes to `subject`, by itself or by wildcards; nobody hears the question. True when that
   * cannot be found out. It costs nats-server a look at every subscription: not for hot paths.
   */
  isHeard(subject: string): Promise<boolean>
  subscribe(
    subject: string,
    onMessage: (message: Message) => void,
    options?: { queue?: string },
  ): Registration
  /** Opens a two-way, ordered, flow-controlled stream to one server of `subject`; see channel.ts. */
  open(subject: string, greeting: unknown, options?: RequestOptions): Promise<Channel>
  /**
   * Accepts streams; a throw before the first await refuses the opener with that StatusError.
   * `opened` is the subject the opener used, where `subject` has wildcards; `headers` came with its request.
   */
  accept(
    subject: string,
    onChannel: (
      channel: Channel,
      greeting: unknown,
      opened: string,
      headers: Headers,
    ) => Promise<void> | void,
    options?: { queue?: string },
  ): Registration
  serve(service: ServiceDeclaration): Promise<Registration>
  readonly state: ConnectionState
  onState(listener: (state: ConnectionState) => void): () => void
  /** Finishes what is in flight, then closes. */
  drain(): Promise<void>
}

/**
 * A two-way stream over the bus: exec, attach, logs, watches, port-forward.
 * Each side may send until the other's window is used up; `send` resolves when there is room.
 */
export interface Channel {
  /** Sends one frame. `tag` tells streams apart (0 stdin, 1 stdout, 2 stderr, 3 error, 4 resize …). */
  send(tag: number, payload: Uint8Array | string): Promise<void>
  /**
   * One listener; frames that arrive earlier wait. A returned promise holds the peer back until it resolves
   * (the window bounds what may be under way) and closes the channel when it rejects.
   */
  onFrame(listener: (tag: number, payload: Uint8Array) => void | Promise<void>): void
  /** Ends both directions; the peer's `closed` resolves with `status` (absent: success). */
  close(status?: Status): void
  /** Resolves once, when either side closed or the peer died (a Failure status then). */
  readonly closed: Promise<Status | undefined>
}
