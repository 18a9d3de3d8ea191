/**
 * A `Bus` within one process, with the semantics of NATS: wildcards, queue groups, no responders, at-most-once
 * asynchronous delivery, bytes on the way. For tests and simulations of whole clusters.
 *
 * Invariant: every bus made from one `memoryNetwork` hears the others. It has no streams.
 */
import { serviceUnavailable, timeout } from '../api/status-error.ts'
import type { Clock } from '../std/clock.ts'
import type { Log } from '../std/log.ts'
import { noResponders } from './answer.ts'
import type { Bus, ConnectionState, Registration } from './bus.ts'
import { MAX_PAYLOAD_BYTES } from './codec.ts'
import type { RawMessage, Wire } from './wire.ts'
import { busOnWire } from './wire-bus.ts'

interface Subscriber {
  tokens: readonly string[]
  queue: string
  owner: MemoryWire
  onMessage(message: RawMessage): void
}

export interface MemoryBus extends Bus {
  /** Plays a lost (or restored) connection. */
  setState(state: ConnectionState): void
}

/** Buses made by the result share one network. */
export const memoryNetwork = (clock: Clock, log: Log) => {
  const network = new Network(clock)
  return (prefix = 'kubus'): MemoryBus => {
    const wire = new MemoryWire(network)
    const bus = busOnWire({ prefix, wire, clock, log })
    return Object.defineProperties(
      { setState: (state: ConnectionState) => wire.setState(state) },
      Object.getOwnPropertyDescriptors(bus),
    ) as MemoryBus
  }
}

class Network {
  readonly subscribers = new Set<Subscriber>()
  private nextInbox = 0
  private nextMember = 0

  constructor(readonly clock: Clock) {}

  inbox() {
    return `_INBOX.memory.${++this.nextInbox}`
  }

  isHeard(subject: string): boolean {
    const tokens = subject.split('.')
    return [...this.subscribers].some(
      (subscriber) => subscriber.owner.state === 'connected' && matches(subscriber.tokens, tokens),
    )
  }

  /** Hands `message` to every plain subscriber and one of each queue; returns how many hear it. */
  deliver(message: RawMessage): number {
    const tokens = message.subject.split('.')
    const queues = new Map<string, Subscriber[]>()
    const heard: Subscriber[] = []
    for (const subscriber of this.subscribers) {
      if (subscriber.owner.state === 'disconnected' || !matches(subscriber.tokens, tokens)) continue
      if (!subscriber.queue) heard.push(subscriber)
      else {
        const members = queues.get(subscriber.queue)
        if (members) members.push(subscriber)
        else queues.set(subscriber.queue, [subscriber])
      }
    }
    for (const members of queues.values()) heard.push(members[this.nextMember++ % members.length]!)
    for (const subscriber of heard)
      queueMicrotask(() => {
        if (this.subscribers.has(subscriber)) subscriber.onMessage(message)
      })
    return heard.length
  }
}

/** NATS wildcards: `*` is one token, a last `>` one or more. */
const matches = (pattern: readonly string[], tokens: readonly string[]): boolean => {
  for (let at = 0; at < pattern.length; at++) {
    if (pattern[at] === '>') return tokens.length > at
    if (at >= tokens.length) return false
    if (pattern[at] !== '*' && pattern[at] !== tokens[at]) return false
  }
  return pattern.length === tokens.length
}

class MemoryWire implements Wire {
  readonly maxPayload = MAX_PAYLOAD_BYTES
  readonly isWorker = false
  state: ConnectionState = 'connected'
  private readonly listeners = new Set<(state: ConnectionState) => void>()
  private readonly own = new Set<Subscriber>()

  constructor(private readonly network: Network) {}

  setState(state: ConnectionState) {
    this.state = state
    for (const listener of [...this.listeners]) listener(state)
  }

  onState(listener: (state: ConnectionState) => void) {
    this.listeners.add(listener)
    return () => void this.listeners.delete(listener)
  }

  inbox() {
    return this.network.inbox()
  }

  publish(subject: string, payload: Uint8Array, headers = {}, reply?: string) {
    if (this.state === 'disconnected') return 0
    const heard = this.network.deliver({
      subject,
      payload: Uint8Array.from(payload),
      headers,
      ...(reply ? { reply } : {}),
    })
    if (heard === 0 && reply)
      this.network.deliver({ subject: reply, payload: new Uint8Array(0), headers: {} })
    return heard
  }

  subscribe(subject: string, onMessage: (message: RawMessage) => void, queue = ''): Registration {
    const subscriber = { tokens: subject.split('.'), queue, owner: this, onMessage }
    this.network.subscribers.add(subscriber)
    this.own.add(subscriber)
    return {
      stop: async () => {
        this.network.subscribers.delete(subscriber)
        this.own.delete(subscriber)
      },
    }
  }

  async isHeard(subject: string) {
    return this.network.isHeard(subject)
  }

  request(
    subject: string,
    payload: Uint8Array,
    { headers, timeoutMs, signal }: Parameters<Wire['request']>[2],
  ): Promise<RawMessage> {
    return new Promise((resolve, reject) => {
      if (this.state === 'disconnected')
        return reject(serviceUnavailable('the bus is not connected'))
      const inbox = this.network.inbox()
      const fail = (error: Error) => {
        finish()
        reject(error)
      }
      const finish = () => {
        cancel()
        off()
        void subscription.stop()
        signal?.removeEventListener('abort', abort)
      }
      const abort = () => fail(timeout(`the request to ${subject} was abandoned`))
      const subscription = this.subscribe(inbox, (message) => {
        finish()
        resolve(message)
      })
      const cancel = this.network.clock.after(timeoutMs, () =>
        fail(timeout(`${subject} did not answer in time`)),
      )
      const off = this.onState(() => fail(timeout('the connection to the bus was lost')))
      signal?.addEventListener('abort', abort, { once: true })
      if (signal?.aborted) abort()
      else if (this.publish(subject, payload, headers, inbox) === 0) fail(noResponders(subject))
    })
  }

  async serve({ endpoints }: Parameters<Wire['serve']>[0]): Promise<Registration> {
    const registrations = endpoints.map(({ subject, queue, answer }) =>
      this.subscribe(
        subject,
        (raw) => {
          void answer(raw).then(({ payload, headers }) => {
            if (raw.reply) this.publish(raw.reply, payload, headers)
          })
        },
        queue,
      ),
    )
    return {
      stop: async () => {
        await Promise.all(registrations.map((registration) => registration.stop()))
      },
    }
  }

  async drain() {
    for (const subscriber of this.own) this.network.subscribers.delete(subscriber)
    this.own.clear()
  }
}
