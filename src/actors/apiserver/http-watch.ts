/**
 * A watch over HTTP: JSON lines or length-delimited protobuf, as kube-apiserver sends them.
 *
 * Invariant: the answer begins before the first event, so that clients know the watch is accepted; errors
 * after that travel as an ERROR event. What is watched is decided in `watch.ts`; the same bytes go over WebSocket in
 * frames of their own (`websocket-watch.ts`).
 */
import type { ServerResponse } from 'node:http'
import { type Status, StatusError } from '../../api/status-error.ts'
import { toPartialObjectMetadata } from '../../api/table.ts'
import type { Clock } from '../../std/clock.ts'
import { randomFraction } from '../../std/ids.ts'
import { isGone } from './http-answer.ts'
import type { Format } from './negotiate.ts'
import {
  objectBytes,
  objectText,
  type Presentation,
  type ProtobufCodec,
  presentationOf,
} from './representation.ts'
import type { ApiRequest } from './request.ts'
import type { Services } from './services.ts'
import { planWatch, startWatch } from './watch.ts'
import type { EventFormat, Sink, WatchEvent, WatchHub } from './watch-hub.ts'

/** Kubernetes ends a watch that names no timeout after 30 to 60 minutes. */
const TIMEOUT_MIN_MS = 30 * 60_000
const TIMERS_MAX_MS = 2 ** 31 - 1

interface StreamFormat extends EventFormat {
  type: string
  encodeError(status: Status): Uint8Array
}

const formatFor = (presentation: Presentation, clock: Clock): StreamFormat =>
  presentation.protobuf
    ? protobufFormat(presentation, presentation.protobuf)
    : jsonFormat(presentation, clock)

const idOf = ({ syntax, as, include, metaVersion }: Presentation): string =>
  `${syntax}/${as ?? ''}/${include}/${metaVersion}`

const jsonFormat = (presentation: Presentation, clock: Clock): StreamFormat => {
  const isTable = presentation.as === 'Table'
  const encode = (events: readonly WatchEvent[], isFirst: boolean): Buffer => {
    let text = ''
    for (const [at, event] of events.entries())
      text += `{"type":"${event.type}","object":${shownText(event, presentation, clock, isFirst && at === 0)}}\n`
    return Buffer.from(text)
  }
  return {
    type: 'application/json',
    id: idOf(presentation),
    encode: (events) => encode(events, false),
    /** The columns of a table come with a watch's first event. */
    ...(isTable ? { encodeFirst: (events: readonly WatchEvent[]) => encode(events, true) } : {}),
    encodeError: (status) => Buffer.from(`{"type":"ERROR","object":${JSON.stringify(status)}}\n`),
  }
}

const shownText = (
  { type, kind, object }: WatchEvent,
  presentation: Presentation,
  clock: Clock,
  isFirst: boolean,
): string => {
  if (type !== 'BOOKMARK') return objectText(kind, object, presentation, clock.now(), !isFirst)
  const { as, metaVersion } = presentation
  if (as === undefined) return JSON.stringify(object)
  const partial = toPartialObjectMetadata(object, metaVersion)
  if (as !== 'Table') return JSON.stringify(partial)
  /** There is nothing of the kind's own to print. */
  const rows = [{ cells: kind.columns.map(() => ''), object: partial }]
  const { resourceVersion } = object.metadata
  const metadata = { resourceVersion }
  return JSON.stringify({
    kind: as,
    apiVersion: metaVersion,
    metadata,
    columnDefinitions: null,
    rows,
  })
}

const protobufFormat = (presentation: Presentation, codec: ProtobufCodec): StreamFormat => ({
  type: 'application/vnd.kubernetes.protobuf;stream=watch',
  id: idOf(presentation),
  encode: (events) =>
    Buffer.concat(
      events.map(({ type, kind, object }) =>
        codec.encodeWatchFrame(type, objectBytes(kind, object, presentation, codec)),
      ),
    ),
  encodeError: (status) => codec.encodeWatchFrame('ERROR', codec.encodeDocument(status)!),
})

/** The way of a watch's bytes to its client. */
export interface WatchTransport {
  isGone(): boolean
  onGone(listener: () => void): void
  /** Tells the client that the watch is accepted. The sink's `close` calls `close`, too. */
  open(type: string, close: () => void): Sink
  /** Ends the watch after what was written, and this. */
  end(last?: Uint8Array): void
}

/** Serves the watch; resolves when it is live. Throws StatusError as long as nothing has been sent. */
export const serveWatch = async (
  services: Services,
  hub: WatchHub,
  request: ApiRequest,
  wanted: Format,
  transport: WatchTransport,
): Promise<void> => {
  const { query } = request
  const format = formatFor(await presentationOf(wanted, query), services.clock)
  const plan = await planWatch(services, request)
  let leave: ((isTimeout?: boolean) => void) | undefined
  let isOpen = !transport.isGone()
  const close = (isTimeout = false) => {
    if (!isOpen) return
    isOpen = false
    cancelTimeout()
    leave?.(isTimeout)
  }
  const cancelTimeout = services.clock.after(timeoutMs(plan.timeoutSeconds), () => {
    close(true)
    transport.end()
  })
  transport.onGone(() => close())
  const sink = transport.open(format.type, close)
  try {
    const stop = await startWatch(services, hub, plan, format, sink, () => isOpen)
    if (isOpen) leave = stop
    else stop()
  } catch (error) {
    if (!(error instanceof StatusError)) throw error
    close()
    transport.end(format.encodeError(error.status))
  }
}

const timeoutMs = (seconds: number): number =>
  seconds > 0 ? Math.min(seconds * 1000, TIMERS_MAX_MS) : TIMEOUT_MIN_MS * (1 + randomFraction())

/** The body of an answer. */
export const responseTransport = (response: ServerResponse): WatchTransport => ({
  isGone: () => isGone(response),
  onGone: (listener) => response.on('close', listener),
  open: (type, close) => {
    response.writeHead(200, { 'Content-Type': type, 'Cache-Control': 'no-cache, private' })
    response.flushHeaders()
    return responseSink(response, close)
  },
  end: (last) => {
    if (last) response.end(last)
    else response.end()
  },
})

const responseSink = (response: ServerResponse, close: () => void): Sink => {
  let isFull = false
  return {
    write: (batch) => {
      isFull = !response.write(batch)
    },
    backlog: () =>
      response.writableLength +
      (response.req.httpVersionMajor === 1 ? (response.socket?.writableLength ?? 0) : 0),
    drained: () => {
      if (!isFull || isGone(response)) return Promise.resolve()
      return new Promise((resolve) => {
        const done = () => {
          response.off('drain', done)
          response.off('close', done)
          isFull = false
          resolve()
        }
        response.on('drain', done)
        response.on('close', done)
      })
    },
    close: () => {
      close()
      response.destroy()
    },
  }
}
