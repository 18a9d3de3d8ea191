/**
 * A watch over HTTP: chunked JSON lines, as kube-apiserver sends them.
 *
 * Invariant: the answer begins before the first event, so that clients know the watch is accepted; errors
 * after that travel as an ERROR event. What is watched is decided in `watch.ts`.
 */
import type { ServerResponse } from 'node:http'
import { StatusError } from '../../api/status-error.ts'
import type { Clock } from '../../std/clock.ts'
import { formatOf } from './negotiate.ts'
import { objectText, type Presentation, presentationOf } from './representation.ts'
import type { ApiRequest } from './request.ts'
import type { Services } from './services.ts'
import { planWatch, startWatch } from './watch.ts'
import type { EventFormat, Sink, WatchHub } from './watch-hub.ts'

/** Kubernetes ends a watch that names no timeout after 30 to 60 minutes. */
const DEFAULT_TIMEOUT_MS = 45 * 60_000

const jsonFormat = (presentation: Presentation, clock: Clock): EventFormat => ({
  id: `json/${presentation.as ?? ''}/${presentation.include}`,
  encode: (events) => {
    let text = ''
    for (const { type, kind, object } of events) {
      const shown =
        type === 'BOOKMARK' && presentation.as !== 'Table'
          ? JSON.stringify(object)
          : objectText(kind, object, presentation, clock.now())
      text += `{"type":"${type}","object":${shown}}\n`
    }
    return Buffer.from(text)
  },
})

/** Serves the watch; resolves when it is live. Throws StatusError as long as nothing has been sent. */
export const serveWatch = async (
  services: Services,
  hub: WatchHub,
  request: ApiRequest,
  accept: string | undefined,
  response: ServerResponse,
): Promise<void> => {
  const { query } = request
  const presentation = presentationOf(formatOf(accept), query)
  const format = jsonFormat(presentation, services.clock)
  const plan = await planWatch(services, request)
  let leave: (() => void) | undefined
  let isOpen = !response.destroyed
  const close = () => {
    if (!isOpen) return
    isOpen = false
    cancelTimeout()
    leave?.()
  }
  const cancelTimeout = services.clock.after(timeoutMs(query), () => {
    close()
    response.end()
  })
  response.on('close', close)
  response.writeHead(200, {
    'Content-Type': 'application/json',
    'Cache-Control': 'no-cache, private',
  })
  response.flushHeaders()
  const sink = responseSink(response, close)
  try {
    const stop = await startWatch(services, hub, plan, format, sink, () => isOpen)
    if (isOpen) leave = stop
    else stop()
  } catch (error) {
    if (!(error instanceof StatusError)) throw error
    close()
    response.end(`{"type":"ERROR","object":${JSON.stringify(error.status)}}\n`)
  }
}

const timeoutMs = (query: URLSearchParams): number => {
  const seconds = Number(query.get('timeoutSeconds') ?? 0)
  return seconds > 0 ? Math.min(seconds * 1000, 2 ** 31 - 1) : DEFAULT_TIMEOUT_MS
}

const responseSink = (response: ServerResponse, close: () => void): Sink => ({
  write: (batch) => {
    response.write(batch)
  },
  backlog: () => response.writableLength + (response.socket?.writableLength ?? 0),
  drained: () =>
    response.writableNeedDrain && !response.destroyed
      ? new Promise((resolve) => {
          const done = () => {
            response.off('drain', done)
            response.off('close', done)
            resolve()
          }
          response.on('drain', done)
          response.on('close', done)
        })
      : Promise.resolve(),
  close: () => {
    close()
    response.destroy()
  },
})
