/**
 * `Streams`: the port to the two JetStream streams that hold the cluster's state and its Events.
 *
 * Invariant: a resolved publish is on disk; its number is the sequence in that stream, which is the
 * object's resourceVersion. It knows subjects and bytes, no kinds; only the store publishes.
 */
import type { StorageClass } from './subjects.ts'

export interface StreamWrite {
  subject: string
  /** Empty for a message that only carries an expectation. */
  payload: Uint8Array
  /** The sequence the subject must be at; 0: it has no message. */
  expected?: number
  /** The subject `expected` speaks of, when it is another one. */
  expectedOf?: string
  /** Found again in the stored message, to tell whose write it is. */
  writeId?: string
  /** A tombstone: earlier revisions go, the marker itself after `ttlSeconds`. */
  tombstone?: boolean
  /** Whole seconds, at least 1. */
  ttlSeconds?: number
}

export interface StreamMessage {
  subject: string
  sequence: number
  payload: Uint8Array
  tombstone: boolean
  writeId?: string
  /** Milliseconds since the epoch, by the server's clock. */
  time: number
}

/** How a publish failed, as far as its author must know. */
export type PublishFailure =
  /** An expectation does not hold; `actual` is where the subject is, when the server says so. */
  | 'conflict'
  /** Not accepted now, nothing was written: try again. */
  | 'retry'
  /** Nobody knows whether it was written. */
  | 'unknown'
  /** Never acceptable. */
  | 'refused'

export class PublishError extends Error {
  constructor(
    readonly failure: PublishFailure,
    message: string,
    readonly actual?: number,
  ) {
    super(message)
  }
}

export interface FollowHandler {
  /** In sequence order, each once; after a break it goes on with the next one. */
  onMessage(message: StreamMessage): void
  /** Everything up to `sequence` has been handed over or no longer exists. */
  onProgress(sequence: number): void
  /** Everything the stream holds at this moment has been handed over. */
  onCaughtUp(): void
  /**
   * The stream was out of reach for so long that expired tombstones may have been missed: it is handed over
   * again from the start, and what does not come before the next `onCaughtUp` no longer exists.
   */
  onGap(): void
}

export interface Follower {
  stop(): Promise<void>
}

export interface Streams {
  /** Largest message, in bytes. */
  readonly maxPayload: number
  /**
   * Creates both streams, or brings them to this program's settings; waits while JetStream elects.
   * Throws when the server is too old.
   */
  ensure(replicas: number): Promise<void>
  /** Publishes one message and resolves with its sequence. Throws PublishError. */
  publish(storage: StorageClass, write: StreamWrite): Promise<number>
  /**
   * Publishes all or none, with consecutive sequences, and resolves with the last one. Throws PublishError.
   * At most 1000 messages; a subject may occur once with an expectation.
   */
  publishBatch(storage: StorageClass, writes: readonly StreamWrite[]): Promise<number>
  /** Hands over every message from sequence `from` on, until stopped. */
  follow(storage: StorageClass, from: number, handler: FollowHandler): Follower
  /** The newest sequence, from the stream's leader. */
  lastSequence(storage: StorageClass): Promise<number>
  /** The newest message of a subject, from the stream's leader. */
  lastMessage(storage: StorageClass, subject: string): Promise<StreamMessage | undefined>
}
