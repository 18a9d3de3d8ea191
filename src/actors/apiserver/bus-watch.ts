/**
 * Watches over the bus: a channel of frames, each an array of events.
 *
 * Invariant: the greeting is Kubernetes' ListOptions and means what the same query means over HTTPS; a frame
 * is encoded once for all channels that watch the same. What is watched is decided in `watch.ts`.
 */
import { badRequest, StatusError } from '../../api/status-error.ts'
import type { Bus, Channel, Headers, Registration } from '../../bus/bus.ts'
import { encode } from '../../bus/codec.ts'
import { type ApiSubject, subjectsFor } from '../../bus/subjects.ts'
import type { Log } from '../../std/log.ts'
import type { Auditor } from './audit/auditor.ts'
import { auditBus, refusalBooks } from './audit/bus-audit.ts'
import type { Refusals } from './audit/refusals.ts'
import { busUser, vouchedInfo } from './bus-identity.ts'
import { placeOf, queryOf } from './bus-place.ts'
import { authorize } from './pipeline.ts'
import type { ApiRequest } from './request.ts'
import type { Services } from './services.ts'
import { planWatch, startWatch } from './watch.ts'
import type { EventFormat, Sink, WatchHub } from './watch-hub.ts'

export interface BusWatchOptions {
  services: Services
  hub: WatchHub
  bus: Bus
  log: Log
  /** Absent: nothing is audited. */
  auditor?: Auditor | undefined
  refusals?: Refusals | undefined
}

const FORMAT: EventFormat = {
  id: 'msgpack',
  encode: (events) => encode(events.map(({ type, object }) => ({ type, object }))),
}

export const acceptWatches = (options: BusWatchOptions): Registration => {
  const subjects = subjectsFor(options.bus.prefix)
  const { cache } = options.services.storage
  const { onUnserved } = refusalBooks(options.refusals, subjects, options.services.clock)
  const read = (parsed: ApiSubject, opened: string, greeting: unknown, headers: Headers) => {
    try {
      const user = busUser(parsed.as, headers)
      return { user, place: placeOf(parsed, cache.kinds), query: queryOf(greeting) }
    } catch (error) {
      onUnserved({ subject: opened, headers }, 'watch', error)
      throw error
    }
  }
  const accept: Parameters<Bus['accept']>[1] = async (channel, greeting, opened, headers) => {
    const parsed = subjects.parseApi(opened)
    if (!parsed) throw badRequest(`${opened} is no subject of the API`)
    const { auditor, services } = options
    const { user, place, query } = read(parsed, opened, greeting, headers)
    const asked = { ...place, user, body: undefined }
    const message = { subject: opened, info: vouchedInfo(parsed.as, headers) }
    const audit = auditor && auditBus(auditor, message, 'watch', asked, services.clock)
    const request: ApiRequest = { verb: 'watch', ...place, user, query, audit }
    try {
      await authorize(services, request)
    } catch (error) {
      if (error instanceof StatusError) audit?.answered(error.code, error.status)
      audit?.complete()
      throw error
    }
    audit?.started(200)
    void channel.closed.then(() => audit?.complete())
    return serve(options, request, channel)
  }
  const registrations = [subjects.apiAll('watch'), subjects.asAll('watch')].map((subject) =>
    options.bus.accept(subject, accept, { queue: 'q' }),
  )
  return {
    stop: async () => {
      await Promise.all(registrations.map((registration) => registration.stop()))
    },
  }
}

const serve = async (
  { services, hub }: BusWatchOptions,
  request: ApiRequest,
  channel: Channel,
): Promise<void> => {
  const sink = new ChannelSink(channel)
  try {
    const plan = await planWatch(services, request)
    const leave = await startWatch(services, hub, plan, FORMAT, sink, () => sink.isOpen)
    if (sink.isOpen) sink.onClose = () => leave()
    else leave()
  } catch (error) {
    if (!(error instanceof StatusError)) throw error
    sink.write(encode([{ type: 'ERROR', object: error.status }]))
    await sink.drained()
    channel.close(error.status)
  }
}

class ChannelSink implements Sink {
  isOpen = true
  onClose: (() => void) | undefined
  private waiting = 0
  private last: Promise<void> = Promise.resolve()
  private readonly channel: Channel

  constructor(channel: Channel) {
    this.channel = channel
    channel.closed.then(() => this.end())
  }

  write(batch: Uint8Array): void {
    this.waiting += batch.length
    /** One send at a time: a channel's senders may wait for room and must not overtake each other. */
    this.last = this.last
      .then(() => this.channel.send(0, batch))
      .then(
        () => {
          this.waiting -= batch.length
        },
        () => this.end(),
      )
  }

  backlog(): number {
    return this.waiting
  }

  drained(): Promise<void> {
    return this.last
  }

  close(): void {
    this.end()
    this.channel.close()
  }

  private end(): void {
    if (!this.isOpen) return
    this.isOpen = false
    this.onClose?.()
  }
}
