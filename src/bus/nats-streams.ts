/**
 * `Streams` on JetStream: the two streams' settings, compare-and-set publishes, atomic batches, reads.
 *
 * Invariant: every member of a batch carries its own expectation, so a stale one anywhere rejects all of it
 * (the library's batch publisher drops those of all but the first). It retries nothing.
 */
import {
  DiscardPolicy,
  JetStreamApiError,
  type JetStreamManager,
  RetentionPolicy,
  StorageType,
  StoreCompression,
  type StreamConfig,
} from '@nats-io/jetstream'
import { type NatsConnection, nuid } from 'nats'
import { StatusError, serviceUnavailable } from '../api/status-error.ts'
import { type Clock, sleep } from '../std/clock.ts'
import type { Log } from '../std/log.ts'
import { parseBlock } from './header-block.ts'
import { followStream, isTombstone } from './nats-follower.ts'
import { PublishError, type StreamMessage, type Streams, type StreamWrite } from './stream.ts'
import { type StorageClass, type Subjects, subjectsFor } from './subjects.ts'
import type { RawMessage, Wire } from './wire.ts'

const OLDEST_SERVER = { major: 2, minor: 12 }
/** As long as the shortest election: then the write is asked after. */
const ACK_TIMEOUT_MS = 4_000
/** Nobody answers while the stream has no leader; whoever must know asks again. */
const READ_TIMEOUT_MS = 1_000
const ENSURE_MS = 60_000
/** Longer than an election of the stream's leader, which takes 4 to 9 s. */
const INFO_MS = 15_000
/** Nobody answers for a stream without a leader, so the question is put again soon. */
const INFO_TRY_MS = 500
const INFO_RETRY_MS = 50
const NANOS_PER_MS = 1_000_000
const EVENTS_AGE_MS = 3_600_000
/** How long the marker of an expired Event is kept for followers that were away. */
const EVENT_MARKER_MS = 900_000

const WRONG_LAST_SEQUENCE = 10071
const NO_MESSAGE_FOUND = 10037
const NO_STREAM_FOUND = 10059
/** A batch whose members did not all arrive: nothing of it is stored. */
const INCOMPLETE_BATCH = 10176

export interface StreamPorts {
  connection: NatsConnection
  manager: JetStreamManager
  wire: Wire
  prefix: string
  clock: Clock
  log: Log
}

export const natsStreams = (ports: StreamPorts): Streams => {
  const { connection, wire, prefix } = ports
  const subjects = subjectsFor(prefix)
  return {
    get maxPayload() {
      return wire.maxPayload
    },
    ensure: (replicas) => ensure(ports, subjects, replicas),
    publish: async (_storage, write) => {
      const { seq } = await publishLast(wire, write, messageHeaders(write))
      return seq
    },
    publishBatch: async (_storage, writes) => {
      const id = nuid.next()
      writes.forEach((write, index) => {
        if (index === writes.length - 1) return
        const headers = messageHeaders(write)
        headers['Nats-Batch-Id'] = id
        headers['Nats-Batch-Sequence'] = String(index + 1)
        wire.publish(write.subject, write.payload, headers)
      })
      const last = writes[writes.length - 1]!
      const headers = messageHeaders(last)
      headers['Nats-Batch-Id'] = id
      headers['Nats-Batch-Sequence'] = String(writes.length)
      headers['Nats-Batch-Commit'] = '1'
      const ack = await publishLast(wire, last, headers)
      if (ack.count !== writes.length)
        throw new PublishError('unknown', `${ack.count} of ${writes.length} messages acknowledged`)
      return ack.seq
    },
    follow: (storage, from, handler) =>
      followStream({ ...ports, connection }, subjects.stream(storage), from, handler),
    lastSequence: (storage) => lastSequence(ports, subjects.stream(storage)),
    lastMessage: (storage, subject) => readLast(wire, subjects.stream(storage), subject),
  }
}

const messageHeaders = (write: StreamWrite): Record<string, string> => {
  const headers: Record<string, string> = {}
  if (write.expected !== undefined)
    headers['Nats-Expected-Last-Subject-Sequence'] = String(write.expected)
  if (write.expectedOf) headers['Nats-Expected-Last-Subject-Sequence-Subject'] = write.expectedOf
  if (write.writeId) headers['Kubus-Write'] = write.writeId
  if (write.tombstone) {
    headers['KV-Operation'] = 'PURGE'
    headers['Nats-Rollup'] = 'sub'
  }
  if (write.ttlSeconds) headers['Nats-TTL'] = `${write.ttlSeconds}s`
  return headers
}

interface Ack {
  seq: number
  count?: number
  error?: { code: number; err_code?: number; description: string }
}

const publishLast = async (
  wire: Wire,
  { subject, payload }: StreamWrite,
  headers: Record<string, string>,
): Promise<Ack> => {
  let answer: RawMessage
  try {
    answer = await wire.request(subject, payload, { headers, timeoutMs: ACK_TIMEOUT_MS })
  } catch (error) {
    throw requestError(error)
  }
  const ack = JSON.parse(Buffer.from(answer.payload).toString()) as Ack
  if (ack.error) throw publishError(ack.error)
  return ack
}

/** Without a responder nothing was stored: no stream leader, or no JetStream, at this moment. */
const requestError = (error: unknown): PublishError => {
  const message = error instanceof Error ? error.message : String(error)
  const code = error instanceof StatusError ? error.code : 504
  if (code === 503) return new PublishError('retry', message)
  return new PublishError(code === 504 ? 'unknown' : 'refused', message)
}

const publishError = ({ code, err_code, description }: NonNullable<Ack['error']>): PublishError => {
  if (err_code === WRONG_LAST_SEQUENCE) {
    const actual = /(\d+)$/.exec(description)?.[1]
    return new PublishError('conflict', description, actual ? Number(actual) : undefined)
  }
  // Among them 10164: another write to that subject is under way in the cluster.
  if (/^wrong last sequence/.test(description) || err_code === INCOMPLETE_BATCH)
    return new PublishError('retry', description)
  return new PublishError(code === 503 || code === 429 ? 'retry' : 'refused', description)
}

interface StoredMessage {
  error?: { err_code?: number; description: string }
  message?: { subject: string; seq: number; hdrs?: string; data?: string; time: string }
}

const readLast = async (
  wire: Wire,
  stream: string,
  subject: string,
): Promise<StreamMessage | undefined> => {
  const query = Buffer.from(JSON.stringify({ last_by_subj: subject }))
  const answer = await wire.request(`$JS.API.STREAM.MSG.GET.${stream}`, query, {
    timeoutMs: READ_TIMEOUT_MS,
  })
  const { error, message } = JSON.parse(Buffer.from(answer.payload).toString()) as StoredMessage
  if (error?.err_code === NO_MESSAGE_FOUND) return undefined
  if (error || !message) throw new StatusError(503, 'ServiceUnavailable', error?.description ?? '')
  const headers = parseBlock(Buffer.from(message.hdrs ?? '', 'base64'))
  const writeId = headers['Kubus-Write']
  return {
    subject: message.subject,
    sequence: message.seq,
    payload: Buffer.from(message.data ?? '', 'base64'),
    tombstone: isTombstone(headers),
    ...(writeId ? { writeId } : {}),
    time: Date.parse(message.time),
  }
}

interface StreamState {
  config: Record<string, unknown>
  state: { last_seq: number }
}

/** What the stream's leader says of it; undefined when there is no such stream. Throws while nobody answers. */
const streamState = async (wire: Wire, stream: string): Promise<StreamState | undefined> => {
  const answer = await wire.request(`$JS.API.STREAM.INFO.${stream}`, new Uint8Array(0), {
    timeoutMs: INFO_TRY_MS,
  })
  const info = JSON.parse(Buffer.from(answer.payload).toString()) as StreamState & {
    error?: { err_code?: number; description: string }
  }
  if (info.error?.err_code === NO_STREAM_FOUND) return undefined
  if (info.error) throw serviceUnavailable(info.error.description)
  return info
}

/** Asks again while the stream has no leader. */
const lastSequence = async ({ wire, clock }: StreamPorts, stream: string): Promise<number> => {
  const deadline = clock.monotonic() + INFO_MS
  for (;;)
    try {
      const info = await streamState(wire, stream)
      if (info) return info.state.last_seq
      throw serviceUnavailable(`there is no stream ${stream}`)
    } catch (error) {
      if (clock.monotonic() > deadline) throw error
      await sleep(INFO_RETRY_MS, clock)
    }
}

const ensure = async (ports: StreamPorts, subjects: Subjects, replicas: number) => {
  const version = ports.connection.info?.version ?? '0.0.0'
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (major < OLDEST_SERVER.major || (major === OLDEST_SERVER.major && minor < OLDEST_SERVER.minor))
    throw new Error(
      `nats-server ${version} is too old: Kubus needs ${OLDEST_SERVER.major}.${OLDEST_SERVER.minor} or newer, for atomic batches and message TTLs`,
    )
  const deadline = ports.clock.monotonic() + ENSURE_MS
  for (const storage of ['state', 'events'] as const)
    for (;;) {
      try {
        await ensureStream(ports, streamConfig(subjects, storage, replicas))
        break
      } catch (error) {
        if (ports.clock.monotonic() > deadline || isFinal(error)) throw error
        ports.log.debug({ storage, err: error }, 'JetStream is not ready for streams yet')
        await sleep(INFO_RETRY_MS, ports.clock)
      }
    }
}

/** A refusal of the settings themselves, which waiting does not cure. */
const isFinal = (error: unknown) =>
  error instanceof JetStreamApiError && error.code !== 10074 && error.status === 400

/** A stream that is right already answers by itself: adding it would wait for the servers' own leader. */
const ensureStream = async (
  { manager, wire }: StreamPorts,
  config: Partial<StreamConfig> & { name: string },
) => {
  const known = await streamState(wire, config.name)
  if (!known) await manager.streams.add(config)
  else if (!Object.entries(config).every(([key, value]) => isEqual(known.config[key], value)))
    await manager.streams.update(config.name, config)
}

/** Of settings, which are flat or nested by one level. */
const isEqual = (known: unknown, wanted: unknown): boolean =>
  typeof wanted === 'object' && wanted !== null
    ? Object.entries(wanted).every(
        ([key, value]) => (known as Record<string, unknown> | undefined)?.[key] === value,
      )
    : known === wanted

/**
 * One message per key, fsynced by the server's own `sync_interval: always`. Without delete markers in the
 * state stream: its tombstones are written by the store and only they expire.
 */
const streamConfig = (subjects: Subjects, storage: StorageClass, replicas: number) => ({
  name: subjects.stream(storage),
  subjects: [subjects.keys(storage)],
  storage: StorageType.File,
  retention: RetentionPolicy.Limits,
  discard: DiscardPolicy.New,
  num_replicas: replicas,
  max_msgs_per_subject: 1,
  allow_rollup_hdrs: true,
  allow_direct: true,
  allow_msg_ttl: true,
  allow_atomic: true,
  deny_delete: true,
  compression: StoreCompression.S2,
  republish: { src: subjects.keys(storage), dest: subjects.feedOf(storage) },
  ...(storage === 'events'
    ? {
        max_age: EVENTS_AGE_MS * NANOS_PER_MS,
        subject_delete_marker_ttl: EVENT_MARKER_MS * NANOS_PER_MS,
      }
    : {}),
})
