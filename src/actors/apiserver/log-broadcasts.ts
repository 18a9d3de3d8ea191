/**
 * Container logs on the bus: `kubus.logs.<namespace>.<pod>.<container>`, a message a line, while somebody listens.
 *
 * Asking (`logs` with `follow`) needs the right to read the log; listening, that to read all of the namespace's
 * (`bus-entry/user-rights.ts`). Invariant: one stream a container in the whole cluster, however many ask and
 * whichever apiserver they reach, as its node grants only one (`sole`). Nothing is dropped: what cannot be said yet
 * stays at the node. It resumes nothing: a stream that broke says so, and is asked for again.
 */
import { Pod } from '../../api/core/pod.ts'
import { badRequest, StatusError, tooManyRequests } from '../../api/status-error.ts'
import type { Bus, Channel } from '../../bus/bus.ts'
import { subjectsFor } from '../../bus/subjects.ts'
import { type Clock, sleep } from '../../std/clock.ts'
import type { Log } from '../../std/log.ts'
import { live } from './commit.ts'
import { LineCutter, Pace } from './log-lines.ts'
import { containerOf, LOG_BYTES, type LogGreeting } from './node-logs.ts'
import { openNodeStream } from './node-stream.ts'
import type { ApiRequest } from './request.ts'
import type { Services } from './services.ts'

/** Of one replica. */
const STREAMS_MAX = 64
/** Who asked has so long to subscribe, and is noticed so soon. */
const FIRST_LISTENER_MS = 10_000
const FIRST_LOOK_MS = 250
/** How often it is looked whether somebody listens; who reconnects is not there for a moment. */
const LOOK_MS = 10_000
const LOOKS_IN_VAIN_MAX = 2
/** A connection that was lost is waited for so long, and listeners a little longer than it. */
const RECONNECT_MS = 30_000
const RECONNECTED_MS = 1_000
/** Marks the last message of a stream, which says that, or why, it ended. */
const LOG_HEADER = 'Kubus-Log'
/** Said in place of an empty line, since the nats command shows an empty message as `nil body`. */
const EMPTY_LINE = Buffer.from(' ')

/** What a request to follow is answered with. */
export interface FollowedLog {
  /** Where the lines come. */
  subject: string
  /** They came there already, as whoever asked first has wanted them. */
  shared: boolean
}

interface Running {
  uid: string
  /** Whether the node has granted it: false when another apiserver follows this log. Rejects with its refusal. */
  granted: Promise<boolean>
  /** Aborted with the reason that listeners are told. */
  over: AbortController
  /** Never rejects. */
  ended: Promise<void>
}

interface Ports {
  bus: Bus
  clock: Clock
  pace: Pace
}

export class LogBroadcasts {
  private readonly running = new Map<string, Running>()
  private readonly ports: Ports
  private readonly services: Services
  private readonly log: Log

  constructor(services: Services, bus: Bus, log: Log) {
    this.services = services
    this.log = log
    this.ports = { bus, clock: services.clock, pace: new Pace(services.clock) }
  }

  /** Resolves when the node has agreed. Throws StatusError as reading the log does, 429 when too many are followed. */
  async follow(request: ApiRequest, options: LogGreeting): Promise<FollowedLog> {
    const { namespace, name } = request
    const { bus } = this.ports
    const pod = (await live(this.services, Pod, namespace, name!)) as Pod
    const container = containerOf(pod, options.container)
    if (!pod.spec?.nodeName)
      throw badRequest(`container "${container}" in pod "${name}" is waiting to start: no node yet`)
    const subject = subjectsFor(bus.prefix).logs(namespace!, name!, container)
    const known = this.running.get(subject)
    if (known?.uid === pod.metadata.uid) {
      await known.granted
      return { subject, shared: true }
    }
    if (known) {
      known.over.abort('the pod was replaced')
      await known.ended
      return this.follow(request, options)
    }
    if (this.running.size >= STREAMS_MAX)
      throw tooManyRequests(`${STREAMS_MAX} logs are followed already`, LOOK_MS / 1000)
    const { granted } = this.begin(subject, pod, { ...options, container, sole: true })
    return { subject, shared: !(await granted) }
  }

  async stop(): Promise<void> {
    const running = [...this.running.values()]
    for (const { over } of running) over.abort('the apiserver that followed this log ends')
    await Promise.all(running.map(({ ended }) => ended))
  }

  private begin(subject: string, pod: Pod, greeting: object): Running {
    const over = new AbortController()
    const opening = openNodeStream(this.ports.bus, pod, 'logs', greeting)
    const granted = opening.then(
      () => true,
      (error: unknown) => {
        if (error instanceof StatusError && error.status.reason === 'AlreadyExists') return false
        throw error
      },
    )
    const ended = opening
      .then((channel) => broadcast(this.ports, subject, channel, over.signal))
      .catch((error: unknown) => {
        if (error instanceof StatusError || over.signal.aborted) return
        this.log.error({ subject, err: error }, 'a log is no longer followed')
      })
      .then(() => void this.running.delete(subject))
    const running = { uid: pod.metadata.uid, granted, over, ended }
    this.running.set(subject, running)
    return running
  }
}

/** Says what comes on the channel until that ends, nobody listens, or `signal` aborts. */
const broadcast = async (
  ports: Ports,
  subject: string,
  channel: Channel,
  signal: AbortSignal,
): Promise<void> => {
  const { bus, pace } = ports
  signal.addEventListener('abort', () => channel.close(), { once: true })
  if (signal.aborted || !(await hasFirstListener(ports, subject, signal))) return channel.close()
  const lines = new LineCutter()
  let isAlone = false
  let said: Promise<void> = Promise.resolve()
  const say = async (piece: Uint8Array) => {
    for (const line of lines.cut(piece)) {
      if (isAlone) return
      bus.publishBytes(subject, line.length > 0 ? line : EMPTY_LINE)
      const pause = pace.after(line.length, signal)
      if (pause) await pause
    }
  }
  channel.onFrame((tag, piece) => {
    if (tag !== LOG_BYTES) return undefined
    said = said.then(() => say(piece))
    return said
  })
  const closed = new AbortController()
  const leave = () => {
    isAlone = true
    channel.close()
  }
  untilAlone(ports, subject, closed.signal).then(leave, () => undefined)
  const status = await channel.closed
  closed.abort()
  await said.catch(() => undefined)
  if (isAlone) return
  const rest = lines.rest()
  if (rest) bus.publishBytes(subject, rest)
  await untilConnected(ports, signal)
  const why = signal.aborted
    ? String(signal.reason)
    : status?.status === 'Failure' && status.message
  bus.publishBytes(subject, Buffer.from(why || 'the log ended'), { [LOG_HEADER]: 'ended' })
}

const hasFirstListener = async (
  { bus, clock }: Ports,
  subject: string,
  signal: AbortSignal,
): Promise<boolean> => {
  const untilMs = clock.monotonic() + FIRST_LISTENER_MS
  while (!(await bus.isHeard(subject))) {
    if (clock.monotonic() >= untilMs) return false
    await sleep(FIRST_LOOK_MS, clock, signal)
  }
  return true
}

const untilAlone = async ({ bus, clock }: Ports, subject: string, signal: AbortSignal) => {
  for (let inVain = 0; inVain < LOOKS_IN_VAIN_MAX; ) {
    await sleep(LOOK_MS, clock, signal)
    inVain = (await bus.isHeard(subject)) ? 0 : inVain + 1
  }
}

/** A connection that was lost took the stream with it; its listeners come back about when this side does. */
const untilConnected = async ({ bus, clock }: Ports, signal: AbortSignal): Promise<void> => {
  if (bus.state === 'connected') return
  await new Promise<void>((resolve) => {
    const end = () => {
      offState()
      cancel()
      signal.removeEventListener('abort', end)
      resolve()
    }
    const offState = bus.onState((state) => state === 'connected' && end())
    const cancel = clock.after(RECONNECT_MS, end)
    signal.addEventListener('abort', end)
    if (signal.aborted) end()
  })
  await sleep(RECONNECTED_MS, clock)
}
