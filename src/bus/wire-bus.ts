/**
 * A `Bus` on any `Wire`: chooses encodings, carries StatusErrors, opens channels.
 *
 * Invariant: an answer, an error included, is in the encoding the requester wrote or accepts, so people
 * get JSON and components MessagePack. It knows no NATS.
 */
import { StatusError, tooLarge } from '../api/status-error.ts'
import type { Clock } from '../std/clock.ts'
import type { Log } from '../std/log.ts'
import { answerEncoding, errorAnswer, failureOf, REQUEST_TIMEOUT_MS } from './answer.ts'
import type { Bus, Endpoint, Headers, Message, ServiceDeclaration } from './bus.ts'
import { channelsOn } from './channel.ts'
import { decode, encode, encodingOf, MSGPACK_TYPE } from './codec.ts'
import { type PendingRequests, pendingRequests } from './pending-requests.ts'
import { subjectsFor } from './subjects.ts'
import type { RawAnswer, RawMessage, Wire } from './wire.ts'

export interface WireBusPorts {
  prefix: string
  wire: Wire
  clock: Clock
  log: Log
}

export const busOnWire = ({ prefix, wire, clock, log }: WireBusPorts): Bus => {
  const subjects = subjectsFor(prefix)
  const channels = channelsOn({ wire, subjects, clock, log })
  const pending = pendingRequests(wire, subjects.working, clock)
  const send = (subject: string, payload: Uint8Array, headers?: Headers) => {
    checkSize(payload, wire.maxPayload)
    wire.publish(subject, payload, headers)
  }
  return {
    prefix,
    get state() {
      return wire.state
    },
    onState: (listener) => wire.onState(listener),
    request: async (subject, data, options = {}) => {
      const payload = encode(data)
      checkSize(payload, wire.maxPayload)
      const answer = await pending.send(subject, (id) =>
        wire.request(subject, payload, {
          ...options,
          headers: withTypes(payload, { ...options.headers, ...id }),
          timeoutMs: options.timeoutMs ?? REQUEST_TIMEOUT_MS,
        }),
      )
      const failure = failureOf(answer)
      if (failure) throw failure
      return toMessage(answer)
    },
    publish: (subject, data, headers) => {
      const payload = encode(data)
      send(subject, payload, withTypes(payload, headers))
    },
    publishJson: (subject, json, headers) => send(subject, Buffer.from(json), headers),
    publishBytes: send,
    isHeard: (subject) => wire.isHeard(subject),
    subscribe: (subject, onMessage, options) =>
      wire.subscribe(
        subject,
        (raw) => {
          try {
            onMessage(toMessage(raw))
          } catch (error) {
            log.warn({ subject: raw.subject, err: error }, 'a message could not be handled')
          }
        },
        options?.queue,
      ),
    open: async (subject, greeting, options) => channels.open(subject, encode(greeting), options),
    accept: (subject, onChannel, options) => channels.accept(subject, onChannel, options?.queue),
    serve: (service) => wire.serve(rawService(service, pending, log)),
    drain: async () => {
      channels.stop()
      pending.stop()
      await wire.drain()
    },
  }
}

/** The payload is decoded when somebody looks at it, at most once. */
class WireMessage implements Message {
  private decoded: { data: unknown } | undefined
  constructor(private readonly raw: RawMessage) {}
  get subject() {
    return this.raw.subject
  }
  get headers() {
    return this.raw.headers
  }
  get reply() {
    return this.raw.reply
  }
  get encoding() {
    return answerEncoding(this.raw)
  }
  /** Throws StatusError 400 or 413 for a payload that is no value. */
  get data(): unknown {
    const { payload, headers } = this.raw
    this.decoded ??= { data: decode(payload, encodingOf(headers['Content-Type'])) }
    return this.decoded.data
  }
}

const toMessage = (raw: RawMessage): Message => new WireMessage(raw)

/** Names the encoding where the first byte does not tell: an empty payload, or a bare number. */
const withTypes = (payload: Uint8Array, headers: Headers | undefined): Headers | undefined => {
  const first = payload[0]
  if (first === undefined) return { Accept: MSGPACK_TYPE, ...headers }
  return first < 0x80 || first === 0xef ? { 'Content-Type': MSGPACK_TYPE, ...headers } : headers
}

const checkSize = (payload: Uint8Array, limit: number) => {
  if (payload.length > limit)
    throw tooLarge(`the message has ${payload.length} bytes, the bus carries ${limit}`)
}

const rawService = (service: ServiceDeclaration, pending: PendingRequests, log: Log) => ({
  ...service,
  endpoints: service.endpoints.map(({ name, subject, queue, metadata, handle }: Endpoint) => ({
    name,
    subject,
    queue: queue === null ? '' : (queue ?? 'q'),
    ...(metadata ? { metadata } : {}),
    answer: async (raw: RawMessage): Promise<RawAnswer> => {
      const encoding = answerEncoding(raw)
      try {
        const answer = await pending.serve(raw.headers, async () => handle(toMessage(raw)))
        const payload = encode(answer, encoding)
        return {
          payload,
          ...(encoding === 'msgpack' && payload[0]! < 0x80
            ? { headers: { 'Content-Type': MSGPACK_TYPE } }
            : {}),
        }
      } catch (error) {
        if (!(error instanceof StatusError))
          log.error({ subject: raw.subject, err: error }, 'a request handler failed')
        return errorAnswer(error, encoding)
      }
    },
  })),
})
