/**
 * Connects to NATS: one connection gives a `Bus`, the `Streams` and the `Doorkeeper`.
 *
 * It reconnects for ever and never ends the process: a lost connection is a state (`Bus.state`).
 */
import { jetstreamManager } from '@nats-io/jetstream'
import { connect } from 'nats'
import type { Clock } from '../std/clock.ts'
import type { Log } from '../std/log.ts'
import type { Bus } from './bus.ts'
import { type Doorkeeper, type ForeignReply, natsDoorkeeper } from './doorkeeper.ts'
import { type BusCredential, connectionOptions } from './nats-credential.ts'
import { natsStreams } from './nats-streams.ts'
import { natsWire } from './nats-wire.ts'
import type { Streams } from './stream.ts'
import { subjectsFor } from './subjects.ts'
import { busOnWire } from './wire-bus.ts'

const PING_MS = 5_000
const PINGS_MISSED = 2
const RECONNECT_MS = 200
/** Nobody answers for JetStream while it elects: ask again soon. */
const JETSTREAM_TIMEOUT_MS = 1_000

export interface BusOptions {
  /** `host:port` or `nats://…`; any of them will do. */
  servers: readonly string[]
  /** The cluster's subject prefix, default `kubus`. */
  prefix?: string
  /** What `nats server report connections` shows. */
  name: string
  /** Who it is and how it proves that; without it nats-server must ask nobody. */
  credential?: BusCredential | undefined
  log: Log
  clock: Clock
}

/** Resolves once a server has accepted the connection; waits for one as long as it takes. */
export const connectBus = async ({
  servers,
  prefix = 'kubus',
  name,
  credential,
  log,
  clock,
}: BusOptions): Promise<{ bus: Bus; streams: Streams; doorkeeper: Doorkeeper }> => {
  const subjects = subjectsFor(prefix)
  const connection = await connect({
    servers: [...servers],
    name,
    maxReconnectAttempts: -1,
    waitOnFirstConnect: true,
    reconnectTimeWait: RECONNECT_MS,
    pingInterval: PING_MS,
    maxPingOut: PINGS_MISSED,
    // Otherwise each request makes two Errors, with their stacks, in case it fails.
    noAsyncTraces: true,
    // Nodes are let in by apiservers, which may be starting just then.
    ignoreAuthErrorAbort: true,
    ...(credential ? connectionOptions(credential, subjects) : {}),
  })
  const manager = await jetstreamManager(connection, {
    checkAPI: false,
    timeout: JETSTREAM_TIMEOUT_MS,
  })
  let tellOfReply: (message: ForeignReply) => void = () => undefined
  const onForeignReply = (message: ForeignReply) => tellOfReply(message)
  const wire = natsWire({ connection, subjects, credential, clock, log, onForeignReply })
  return {
    bus: busOnWire({ prefix, wire, clock, log }),
    doorkeeper: {
      ...natsDoorkeeper(connection, clock, log),
      onForeignReply: (listener) => {
        tellOfReply = listener
      },
    },
    streams: natsStreams({ connection, manager, wire, prefix, clock, log }),
  }
}
