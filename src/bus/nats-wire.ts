/**
 * The `Wire` on a NATS connection.
 *
 * Invariant: a request under way when the connection is lost fails at once with 504 (its outcome is unknown),
 * and one made while disconnected waits for the connection, because the client library drops what is
 * published without one. It encodes nothing.
 */
import { Svcm } from '@nats-io/services'
import { createInbox, errors, type Msg, type NatsConnection } from 'nats'
import { StatusError, serviceUnavailable, timeout, tooLarge } from '../api/status-error.ts'
import type { Clock } from '../std/clock.ts'
import type { Log } from '../std/log.ts'
import { noResponders } from './answer.ts'
import type { ConnectionState, Registration } from './bus.ts'
import type { ForeignReply } from './doorkeeper.ts'
import { headersOf, toNatsHeaders } from './header-block.ts'
import { hasListener } from './listeners.ts'
import type { BusCredential } from './nats-credential.ts'
import type { Subjects } from './subjects.ts'
import type { RawEndpoint, RawMessage, RawService, Wire } from './wire.ts'

/** Room for headers in a message of the largest size. */
const HEADER_ROOM_BYTES = 16 * 1024
const DRAIN_MS = 5_000

export interface NatsWirePorts {
  connection: NatsConnection
  subjects: Subjects
  credential: BusCredential | undefined
  clock: Clock
  log: Log
  /** Is told of messages that are not answered because of where the answer should go. */
  onForeignReply?(message: ForeignReply): void
}

export const natsWire = (ports: NatsWirePorts): Wire => {
  const { connection, subjects, credential, clock, log } = ports
  const toRaw = rawMessages(subjects, ports.onForeignReply)
  const inboxes = credential && subjects.inboxes(credential.name)
  const link = watchLink(connection, clock, log)
  const publish: Wire['publish'] = (subject, payload, headers, reply) => {
    if (link.state === 'disconnected' || connection.isClosed()) return
    connection.publish(subject, payload, {
      ...(headers ? { headers: toNatsHeaders(headers) } : {}),
      ...(reply ? { reply } : {}),
    })
  }
  return {
    get maxPayload() {
      return (connection.info?.max_payload ?? 1024 * 1024) - HEADER_ROOM_BYTES
    },
    get state() {
      return link.state
    },
    onState: link.onState,
    publish,
    subscribe: (subject, onMessage, queue) => {
      const subscription = connection.subscribe(subject, {
        ...(queue ? { queue } : {}),
        callback: (error, message) => {
          if (error) log.error({ subject, err: error }, 'a subscription failed')
          else onMessage(toRaw(message))
        },
      })
      return stopped(() => subscription.unsubscribe())
    },
    request: async (subject, payload, { headers, timeoutMs, signal }) => {
      await link.connected(timeoutMs)
      const sent = connection.request(subject, payload, {
        timeout: timeoutMs,
        ...(headers ? { headers: toNatsHeaders(headers) } : {}),
      })
      return toRaw(await link.orLost(sent, subject, signal))
    },
    serve: (service) => serve(connection, clock, service, toRaw),
    isHeard: (subject) => hasListener(connection, subject),
    inbox: () => createInbox(inboxes),
    parties: credential?.parties,
    isWorker: credential?.isWorker ?? false,
    drain: async () => {
      const cancel = clock.after(DRAIN_MS, () => void connection.close())
      if (!connection.isClosed() && !connection.isDraining())
        await connection.drain().catch(() => connection.close())
      cancel()
    },
  }
}

const stopped = (run: () => void): Registration => ({
  stop: async () => run(),
})

/** The state of the connection, and what must end when it breaks. */
const watchLink = (connection: NatsConnection, clock: Clock, log: Log) => {
  const listeners = new Set<(state: ConnectionState) => void>()
  const pending = new Set<(error: Error) => void>()
  const closing = new Set<() => void>()
  let state: ConnectionState = 'connected'
  const move = (next: ConnectionState) => {
    if (state === next) return
    state = next
    log.info({ state, server: connection.getServer() }, 'the connection to NATS changed')
    if (next === 'disconnected') {
      const lost = timeout('the connection to the bus was lost; the outcome is unknown')
      for (const reject of pending) reject(lost)
      pending.clear()
    }
    for (const listener of [...listeners]) listener(next)
  }
  const follow = async () => {
    for await (const status of connection.status()) {
      if (status.type === 'disconnect') move('disconnected')
      else if (status.type === 'reconnect') move('connected')
      else if (status.type === 'error') log.error({ err: status.error }, 'NATS reports an error')
    }
    move('disconnected')
    for (const fail of [...closing]) fail()
  }
  void follow()
  const onState = (listener: (state: ConnectionState) => void) => {
    listeners.add(listener)
    return () => void listeners.delete(listener)
  }
  return {
    get state() {
      return state
    },
    onState,
    connected: (timeoutMs: number): Promise<void> | undefined =>
      state === 'connected'
        ? undefined
        : waitConnected(connection, closing, onState, clock, timeoutMs),
    orLost: (sent: Promise<Msg>, subject: string, signal?: AbortSignal) =>
      new Promise<Msg>((resolve, reject) => {
        const settle = () => {
          pending.delete(reject)
          signal?.removeEventListener('abort', abort)
        }
        const abort = () => {
          settle()
          reject(timeout(`the request to ${subject} was abandoned`))
        }
        pending.add(reject)
        signal?.addEventListener('abort', abort, { once: true })
        if (signal?.aborted) abort()
        sent.then(
          (message) => {
            settle()
            resolve(message)
          },
          (error) => {
            settle()
            reject(requestFailure(error, subject))
          },
        )
      }),
  }
}

/** `closing` is called when the connection is closed for good. */
const waitConnected = (
  connection: NatsConnection,
  closing: Set<() => void>,
  onState: Wire['onState'],
  clock: Clock,
  timeoutMs: number,
) =>
  new Promise<void>((resolve, reject) => {
    if (connection.isClosed()) return reject(serviceUnavailable('the bus is closed'))
    const end = () => {
      off()
      cancel()
      closing.delete(fail)
    }
    const fail = () => {
      end()
      reject(serviceUnavailable('the bus is not connected'))
    }
    const off = onState((state) => {
      if (state !== 'connected') return
      end()
      resolve()
    })
    const cancel = clock.after(timeoutMs, fail)
    closing.add(fail)
  })

/** The StatusError of a failed request: 503 when nobody answers the subject, 504 when the answer is late. */
const requestFailure = (error: unknown, subject: string): StatusError => {
  const cause = error instanceof errors.RequestError && error.cause ? error.cause : error
  if (cause instanceof errors.NoRespondersError) return noResponders(subject)
  if (error instanceof errors.RequestError && error.isNoResponders()) return noResponders(subject)
  if (cause instanceof errors.TimeoutError) return timeout(`${subject} did not answer in time`)
  const message = error instanceof Error ? error.message : String(error)
  if (cause instanceof errors.InvalidArgumentError) return tooLarge(message)
  if (cause instanceof errors.PermissionViolationError)
    return new StatusError(403, 'Forbidden', `${subject} is forbidden on the bus: ${message}`)
  return serviceUnavailable(`${subject}: ${message}`)
}

type ToRaw = (message: Msg) => RawMessage

/**
 * Whoever answers may be allowed more than who asks: a reply subject that is no inbox is not answered, or a
 * requester could have the answer written to the stream.
 */
const rawMessages =
  ({ isInbox }: Subjects, onForeignReply: NatsWirePorts['onForeignReply']): ToRaw =>
  (message) => {
    const { subject, data: payload, reply } = message
    const headers = headersOf(message)
    if (!reply) return { subject, payload, headers }
    if (isInbox(reply)) return { subject, payload, headers, reply }
    onForeignReply?.({ subject, headers, reply })
    return { subject, payload, headers }
  }

/** What the library keeps per endpoint: its own counting ends before an asynchronous handler does. */
interface EndpointStats {
  stats: { countError(error: Error): void; processing_time: number }
}

const serve = async (
  connection: NatsConnection,
  clock: Clock,
  service: RawService,
  toRaw: ToRaw,
): Promise<Registration> => {
  const { name, description, version, metadata } = service
  const registered = await new Svcm(connection).add({
    name,
    description,
    version,
    queue: '',
    ...(metadata ? { metadata } : {}),
  })
  const { handlers } = registered as unknown as { handlers: EndpointStats[] }
  service.endpoints.forEach((endpoint: RawEndpoint, index) => {
    registered.addEndpoint(endpoint.name, {
      subject: endpoint.subject,
      queue: endpoint.queue,
      ...(endpoint.metadata ? { metadata: endpoint.metadata } : {}),
      handler: (_error, message) => {
        const startedAt = clock.monotonic()
        // The library wraps it.
        const raw = toRaw((message as unknown as { msg: Msg }).msg)
        void endpoint.answer(raw).then(({ payload, headers, error }) => {
          const { stats } = handlers[index]!
          if (error) stats.countError(error)
          stats.processing_time += Math.round((clock.monotonic() - startedAt) * 1e6)
          if (raw.reply && !connection.isClosed())
            message.respond(payload, headers ? { headers: toNatsHeaders(headers) } : {})
        })
      },
    })
  })
  return {
    stop: async () => {
      await registered.stop()
    },
  }
}
