/**
 * Follows a stream: our own ordered push consumer, without acknowledgements, in memory, on one server.
 *
 * Invariant: messages are handed over in sequence order, each once; a gap in the consumer's numbering, a
 * missed heartbeat or a new connection makes a new consumer that starts after the last message handed over.
 * The library's ordered consumer is not used: it is slower and notices a dead consumer after a minute.
 *
 *   creating ──created──▶ following ──gap, silence, reconnect──▶ creating
 *      ▲ └─ no answer: again ─┐
 *      └──────────────────────┘
 */
import { AckPolicy, DeliverPolicy, type JetStreamManager, ReplayPolicy } from '@nats-io/jetstream'
import { type Msg, type NatsConnection, nuid, type Subscription } from 'nats'
import { type Clock, sleep } from '../std/clock.ts'
import type { Log } from '../std/log.ts'
import type { Headers } from './bus.ts'
import { headersOf } from './header-block.ts'
import type { Follower, FollowHandler, StreamMessage } from './stream.ts'
import type { Wire } from './wire.ts'

const HEARTBEAT_MS = 1_000
const SILENCE_MS = 2_500
const RETRY_MS = 50
/** Longer silence than this may hide tombstones that have expired. */
const GAP_MS = 15 * 60_000
const NANOS_PER_MS = 1_000_000
const WRITE_ID_HEADER = 'Kubus-Write'

export interface FollowPorts {
  connection: NatsConnection
  manager: JetStreamManager
  wire: Wire
  clock: Clock
  log: Log
}

export const followStream = (
  ports: FollowPorts,
  stream: string,
  from: number,
  handler: FollowHandler,
): Follower => {
  const follower = new NatsFollower(ports, stream, from, handler)
  follower.start()
  return follower
}

class NatsFollower implements Follower {
  /** The next sequence to hand over. */
  private next: number
  private delivered = 0
  private subscription: Subscription | undefined
  private consumer: string | undefined
  private isStopped = false
  private heardAt: number
  private cancelCheck: (() => void) | undefined
  private readonly offState: () => void

  constructor(
    private readonly ports: FollowPorts,
    private readonly stream: string,
    from: number,
    private readonly handler: FollowHandler,
  ) {
    this.next = from
    this.heardAt = ports.clock.monotonic()
    this.offState = ports.wire.onState((state) => {
      if (state === 'connected') this.restart('a new connection')
    })
  }

  start() {
    void this.create()
  }

  async stop() {
    this.isStopped = true
    this.offState()
    this.cancelCheck?.()
    const { consumer } = this
    this.dropSubscription()
    if (consumer && this.ports.wire.state === 'connected' && !this.ports.connection.isClosed())
      await this.ports.manager.consumers.delete(this.stream, consumer).catch(() => {})
  }

  private dropSubscription() {
    this.subscription?.unsubscribe()
    this.subscription = undefined
    this.consumer = undefined
  }

  private restart(why: string) {
    if (this.isStopped) return
    this.ports.log.debug({ stream: this.stream, next: this.next, why }, 'a follower starts again')
    void this.create()
  }

  /** Makes a new consumer; a later call supersedes an earlier one that is still waiting. */
  private async create() {
    this.cancelCheck?.()
    this.dropSubscription()
    const name = nuid.next()
    const inbox = this.ports.wire.inbox()
    this.consumer = name
    this.delivered = 0
    if (this.ports.clock.monotonic() - this.heardAt > GAP_MS) {
      this.next = 1
      this.handler.onGap()
    }
    const config = consumerConfig(name, inbox, this.next)
    const createdAt = this.ports.clock.monotonic()
    this.subscription = this.ports.connection.subscribe(inbox, {
      callback: (error, message) => {
        if (!error && this.consumer === name) this.hear(message)
      },
    })
    this.check(name, SILENCE_MS * 2)
    // Asked again under the same name: what it sends may come long before the answer.
    while (this.isCurrent(name) && this.heardAt < createdAt)
      try {
        const info = await this.ports.manager.consumers.add(this.stream, config)
        if (!this.isCurrent(name)) return
        this.heardAlive()
        if (info.num_pending === 0 && info.delivered.consumer_seq === 0) this.handler.onCaughtUp()
      } catch (error) {
        this.ports.log.debug({ stream: this.stream, err: error }, 'a follower cannot start yet')
        await sleep(RETRY_MS, this.ports.clock)
      }
  }

  private isCurrent(name: string): boolean {
    return this.consumer === name && !this.isStopped
  }

  /** Looks whether the consumer is alive; the timer is re-armed, never touched per message. */
  private check(name: string, afterMs: number) {
    this.cancelCheck?.()
    this.cancelCheck = this.ports.clock.after(afterMs, () => void this.look(name))
  }

  private async look(name: string) {
    if (!this.isCurrent(name)) return
    const { connection, clock } = this.ports
    const { heardAt } = this
    const silentMs = clock.monotonic() - heardAt
    if (silentMs < SILENCE_MS) return this.check(name, SILENCE_MS - silentMs + 1)
    // Whatever the server has sent us so far is handed over before its answer to a ping is.
    await connection.flush().catch(() => {})
    if (!this.isCurrent(name)) return
    if (this.heardAt !== heardAt) this.check(name, SILENCE_MS)
    else this.restart(`silence for ${Math.round(silentMs)} ms`)
  }

  private heardAlive() {
    this.heardAt = this.ports.clock.monotonic()
  }

  private hear(message: Msg) {
    const { reply } = message
    if (reply?.startsWith('$JS.ACK.')) return this.hearMessage(message, reply)
    this.heardAlive()
    const code = message.headers?.code
    if (code !== 100) return this.restart(`status ${code} ${message.headers?.description ?? ''}`)
    if (reply) return void message.respond()
    const stalled = message.headers?.get('Nats-Consumer-Stalled')
    if (stalled) this.ports.connection.publish(stalled)
    if (Number(message.headers?.get('Nats-Last-Consumer')) !== this.delivered)
      return this.restart('messages were lost on the way')
    const last = Number(message.headers?.get('Nats-Last-Stream'))
    if (last >= this.next) this.next = last + 1
    this.handler.onProgress(this.next - 1)
  }

  private hearMessage(message: Msg, reply: string) {
    const tokens = reply.split('.')
    // Newer servers put a domain and an account before the stream's name.
    const at = tokens.length > 9 ? 7 : 5
    const sequence = Number(tokens[at])
    if (Number(tokens[at + 1]) !== this.delivered + 1)
      return this.restart('messages were lost on the way')
    this.delivered++
    if (sequence < this.next) return
    this.next = sequence + 1
    this.heardAlive()
    this.handler.onMessage(
      toStreamMessage(message, sequence, Number(tokens[at + 2]) / NANOS_PER_MS),
    )
    if (tokens[at + 3] === '0') this.handler.onCaughtUp()
  }
}

const consumerConfig = (name: string, inbox: string, first: number) => ({
  name,
  deliver_subject: inbox,
  deliver_policy: DeliverPolicy.StartSequence,
  opt_start_seq: first,
  ack_policy: AckPolicy.None,
  replay_policy: ReplayPolicy.Instant,
  mem_storage: true,
  num_replicas: 1,
  flow_control: true,
  idle_heartbeat: HEARTBEAT_MS * NANOS_PER_MS,
  inactive_threshold: 60_000 * NANOS_PER_MS,
})

const toStreamMessage = (message: Msg, sequence: number, time: number): StreamMessage => {
  const headers = headersOf(message)
  const writeId = headers[WRITE_ID_HEADER]
  return {
    subject: message.subject,
    sequence,
    payload: message.data,
    tombstone: isTombstone(headers),
    ...(writeId ? { writeId } : {}),
    time,
  }
}

/** A deletion of ours or of the nats CLI, or the marker the server leaves when a message expires. */
export const isTombstone = (headers: Headers): boolean => {
  const operation = headers['KV-Operation']
  return operation === 'PURGE' || operation === 'DEL' || 'Nats-Marker-Reason' in headers
}
