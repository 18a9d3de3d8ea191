/**
 * Channels: two-way, ordered, flow-controlled byte streams over private subjects of a `Wire`.
 *
 * Invariant: frames arrive in order and complete, or the channel closes with a Failure; a sender never has
 * more than WINDOW_BYTES (and one frame) unread at its peer. A peer that is gone is noticed within two
 * ticks (nobody subscribes to its subject any more), one that hangs within DEAD_MS.
 *
 *   opener                                        acceptor
 *     │ request subject {greeting, Kubus-Channel: A}  │
 *     │──────────────────────────────────────────────▶│ subscribes B, calls onChannel
 *     │◀──────────────────── answer {Kubus-Channel: B}│ (or a service error: refused)
 *     │ data · credit · ping · pong · close on A and B │
 *
 * Each of the two subjects names who hears it and who alone may publish there; a peer that names another
 * subject is refused, since whoever serves it may be allowed more than it is.
 */
import { badRequest, type Status, StatusError, serviceUnavailable } from '../api/status-error.ts'
import type { Clock } from '../std/clock.ts'
import { newUid } from '../std/ids.ts'
import type { Log } from '../std/log.ts'
import { answerEncoding, errorAnswer, failureOf } from './answer.ts'
import type { Bus, Channel, Headers, Registration, RequestOptions } from './bus.ts'
import { decode, encode, encodingOf, MAX_PAYLOAD_BYTES, MSGPACK_TYPE } from './codec.ts'
import { APISERVER, type Subjects } from './subjects.ts'
import type { RawMessage, Wire } from './wire.ts'

const CHANNEL_HEADER = 'Kubus-Channel'
const WINDOW_BYTES = 1024 * 1024
/** A frame costs at least this much of the window, so empty frames are bounded too. */
const FRAME_COST_BYTES = 64
const FRAGMENT_BYTES = 256 * 1024
const TICK_MS = 1_000
const PING_AFTER_MS = 900
const DEAD_MS = 6_000
/** An opener is answered before anything is looked up. */
const OPEN_MS = 3_000

const DATA = 0
/** A part of a frame; the rest follows. */
const PART = 1
const CREDIT = 2
const PING = 3
const PONG = 4
const CLOSE = 5
/** type, tag, sequence (uint32) */
const DATA_HEADER_BYTES = 6

export interface ChannelPorts {
  wire: Wire
  subjects: Subjects
  clock: Clock
  log: Log
}

export const channelsOn = ({ wire, subjects, clock, log }: ChannelPorts) => {
  const live = new Set<ChannelEnd>()
  let cancelTick: (() => void) | undefined
  let tickedAt = 0
  const tick = () => {
    const now = clock.monotonic()
    // When this process did not run, what its peers said meanwhile is still to be read.
    const lateMs = now - tickedAt - TICK_MS
    if (lateMs > TICK_MS) for (const channel of live) channel.excuse(lateMs)
    tickedAt = now
    for (const channel of live) channel.tick(now)
    cancelTick = live.size > 0 ? clock.after(TICK_MS, tick) : undefined
  }
  const create = (inbox: string): ChannelEnd => {
    const channel = new ChannelEnd(wire, inbox, clock)
    live.add(channel)
    channel.closed.then(() => live.delete(channel))
    if (!cancelTick) {
      tickedAt = clock.monotonic()
      cancelTick = clock.after(TICK_MS, tick)
    }
    return channel
  }
  const endAll = (message: string) => {
    for (const channel of live) channel.close(serviceUnavailable(message).status)
  }
  wire.onState((state) => {
    if (state === 'disconnected') endAll('the connection to the bus was lost')
  })
  return {
    open: (subject: string, greeting: Uint8Array, options: RequestOptions = {}) =>
      open({ wire, subjects, log, create }, subject, greeting, options),
    accept: (
      subject: string,
      onChannel: Parameters<Bus['accept']>[1],
      queue?: string,
    ): Registration =>
      wire.subscribe(
        subject,
        (raw) => {
          void acceptOne(raw, { wire, subjects, log, create }, onChannel)
        },
        queue,
      ),
    stop: () => {
      endAll('the peer is shutting down')
      cancelTick?.()
    },
  }
}

const open = async (
  { wire, subjects, create }: End,
  subject: string,
  greeting: Uint8Array,
  { headers, timeoutMs = OPEN_MS, signal }: RequestOptions,
): Promise<Channel> => {
  const self = wire.parties?.[0] ?? APISERVER
  const server = subjects.serverOf(subject)
  const channel = create(subjects.channel(self, server, newUid()))
  try {
    const answer = await wire.request(subject, greeting, {
      headers: { ...headers, Accept: MSGPACK_TYPE, [CHANNEL_HEADER]: channel.inbox },
      timeoutMs,
      ...(signal ? { signal } : {}),
    })
    const failure = failureOf(answer)
    if (failure) throw failure
    const peer = answer.headers[CHANNEL_HEADER]
    const parsed = peer === undefined ? undefined : subjects.parseChannel(peer)
    if (!peer || parsed?.listener !== server || parsed.talker !== self)
      throw badRequest(`${subject} does not answer with a channel`)
    channel.connect(peer)
    return channel
  } catch (error) {
    channel.abandon()
    throw error
  }
}

/** What one side of a channel is made with. */
interface End extends Pick<ChannelPorts, 'wire' | 'subjects' | 'log'> {
  create(inbox: string): ChannelEnd
}

/** The inbox that hears `peer` alone; undefined when `peer` is no subject this side may talk to. */
const answeringInbox = ({ wire, subjects }: End, peer: string): string | undefined => {
  const parsed = subjects.parseChannel(peer)
  if (!parsed || (wire.parties && !wire.parties.includes(parsed.talker))) return undefined
  return subjects.channel(parsed.talker, parsed.listener, newUid())
}

const acceptOne = async (
  raw: RawMessage,
  acceptor: End,
  onChannel: Parameters<Bus['accept']>[1],
) => {
  const { wire, log } = acceptor
  const { reply } = raw
  if (!reply) return
  const refuse = (error: unknown) => {
    const { payload, headers } = errorAnswer(error, answerEncoding(raw))
    wire.publish(reply, payload, headers)
  }
  const peer = raw.headers[CHANNEL_HEADER]
  if (!peer) return refuse(badRequest('this subject opens a channel; it answers no plain request'))
  const inbox = answeringInbox(acceptor, peer)
  if (!inbox) return refuse(badRequest(`${CHANNEL_HEADER} names no channel to this side`))
  const channel = acceptor.create(inbox)
  let answered = false
  const fail = (error: unknown) => {
    if (!(error instanceof StatusError)) log.error({ err: error }, 'a channel handler failed')
    if (answered) return channel.close(statusOf(error))
    answered = true
    channel.abandon()
    refuse(error)
  }
  try {
    const greeting = decode(raw.payload, encodingOf(raw.headers['Content-Type']))
    channel.connect(peer)
    Promise.resolve(onChannel(channel, greeting, raw.subject, raw.headers)).catch(fail)
  } catch (error) {
    return fail(error)
  }
  // An async handler that threw before its first await has rejected by then.
  await null
  if (answered) return
  answered = true
  wire.publish(reply, new Uint8Array(0), { [CHANNEL_HEADER]: channel.inbox } as Headers)
}

const statusOf = (error: unknown): Status =>
  error instanceof StatusError
    ? error.status
    : new StatusError(500, 'InternalError', error instanceof Error ? error.message : String(error))
        .status

class ChannelEnd implements Channel {
  readonly closed: Promise<Status | undefined>
  private end!: (status: Status | undefined) => void
  private peer: string | undefined
  private readonly subscription: Registration
  private listener: ((tag: number, payload: Uint8Array) => void | Promise<void>) | undefined
  /** Frames that came before the listener. */
  private waiting: { tag: number; payload: Uint8Array; cost: number }[] = []
  private parts: Uint8Array[] = []
  private partBytes = 0
  private sent = 0
  private received = 0
  private credit = WINDOW_BYTES
  private owed = 0
  private senders: (() => void)[] = []
  private isClosed = false
  private heardAt: number

  constructor(
    private readonly wire: Wire,
    readonly inbox: string,
    private readonly clock: Clock,
  ) {
    this.closed = new Promise((resolve) => {
      this.end = resolve
    })
    this.heardAt = clock.monotonic()
    this.subscription = wire.subscribe(inbox, (raw) => this.hear(raw.payload))
  }

  /** The peer's subject is known: the channel may send. */
  connect(peer: string) {
    this.peer = peer
  }

  /** The channel never came to be: nothing is said to the peer. */
  abandon() {
    this.peer = undefined
    this.close()
  }

  async send(tag: number, payload: Uint8Array | string): Promise<void> {
    const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload
    while (!this.isClosed && this.credit <= 0)
      await new Promise<void>((resolve) => this.senders.push(resolve))
    if (this.isClosed) throw serviceUnavailable('the channel is closed')
    this.credit -= Math.max(FRAME_COST_BYTES, bytes.length)
    let from = 0
    while (bytes.length - from > FRAGMENT_BYTES) {
      this.transmit(PART, tag, bytes.subarray(from, from + FRAGMENT_BYTES))
      from += FRAGMENT_BYTES
    }
    this.transmit(DATA, tag, bytes.subarray(from))
  }

  onFrame(listener: (tag: number, payload: Uint8Array) => void | Promise<void>) {
    this.listener = listener
    const frames = this.waiting
    this.waiting = []
    for (const { tag, payload, cost } of frames) this.deliver(tag, payload, cost)
  }

  close(status?: Status) {
    if (this.isClosed) return
    if (this.peer) this.control(CLOSE, status === undefined ? undefined : encode(status))
    this.finish(status)
  }

  /** The last `ms` do not count as the peer's silence. */
  excuse(ms: number) {
    this.heardAt += ms
  }

  /** Pings a silent peer and buries a dead one. */
  tick(now: number) {
    const silentMs = now - this.heardAt
    if (silentMs > DEAD_MS) this.close(serviceUnavailable('the peer does not answer').status)
    else if (silentMs > PING_AFTER_MS && this.peer)
      this.wire.publish(this.peer, Uint8Array.of(PING), undefined, this.inbox)
  }

  private finish(status: Status | undefined) {
    if (this.isClosed) return
    this.isClosed = true
    void this.subscription.stop()
    for (const wake of this.senders.splice(0)) wake()
    this.end(status)
  }

  private transmit(type: number, tag: number, bytes: Uint8Array) {
    const message = Buffer.allocUnsafe(DATA_HEADER_BYTES + bytes.length)
    message[0] = type
    message[1] = tag
    message.writeUInt32BE(this.sent++ >>> 0, 2)
    message.set(bytes, DATA_HEADER_BYTES)
    this.wire.publish(this.peer!, message)
  }

  private control(type: number, body?: Uint8Array) {
    const message = Buffer.alloc(1 + (body?.length ?? 0))
    message[0] = type
    if (body) message.set(body, 1)
    this.wire.publish(this.peer!, message)
  }

  private hear(message: Uint8Array) {
    if (this.isClosed) return
    if (message.length === 0) return this.finish(serviceUnavailable('the peer is gone').status)
    this.heardAt = this.clock.monotonic()
    const type = message[0]
    if (type === DATA || type === PART)
      this.hearData(Buffer.from(message.buffer, message.byteOffset, message.length))
    else if (type === CREDIT) this.hearCredit(message)
    else if (type === PING && this.peer) this.control(PONG)
    else if (type === CLOSE) this.finish(closingStatus(message.subarray(1)))
  }

  private hearData(message: Buffer) {
    if (message.length < DATA_HEADER_BYTES) return
    if (message.readUInt32BE(2) !== this.received++ >>> 0)
      return this.close(serviceUnavailable('a frame was lost on the way').status)
    const body = message.subarray(DATA_HEADER_BYTES)
    this.partBytes += body.length
    if (this.partBytes > MAX_PAYLOAD_BYTES)
      return this.close(badRequest(`a frame is larger than ${MAX_PAYLOAD_BYTES} bytes`).status)
    this.parts.push(body)
    if (message[0] === PART) return
    const payload = this.parts.length === 1 ? body : Buffer.concat(this.parts)
    this.parts = []
    this.partBytes = 0
    const tag = message[1]!
    const cost = Math.max(FRAME_COST_BYTES, payload.length)
    if (this.listener) this.deliver(tag, payload, cost)
    else this.waiting.push({ tag, payload, cost })
  }

  private deliver(tag: number, payload: Uint8Array, cost: number) {
    const done = this.listener!(tag, payload)
    if (done instanceof Promise)
      done.then(
        () => this.giveCredit(cost),
        (error) => this.close(statusOf(error)),
      )
    else this.giveCredit(cost)
  }

  private giveCredit(cost: number) {
    this.owed += cost
    if (this.owed < WINDOW_BYTES / 4 || this.isClosed || !this.peer) return
    const body = Buffer.alloc(4)
    body.writeUInt32BE(this.owed)
    this.owed = 0
    this.control(CREDIT, body)
  }

  private hearCredit(message: Uint8Array) {
    if (message.length < 5) return
    this.credit += new DataView(message.buffer, message.byteOffset + 1, 4).getUint32(0)
    for (const wake of this.senders.splice(0)) wake()
  }
}

const closingStatus = (body: Uint8Array): Status | undefined => {
  try {
    return decode(body) as Status | undefined
  } catch {
    return serviceUnavailable('the peer closed the channel without a readable status').status
  }
}
