/**
 * A watch over WebSocket: each event is one message, text for JSON and binary for protobuf.
 *
 * The events are made for all watchers at once, HTTP's among them; here they are only taken apart. Invariant: what
 * is refused gets a plain HTTP answer; what the client sends is ignored. Kubernetes: `WatchServer.HandleWS`.
 */
import { type WebSocket, WebSocketServer } from 'ws'
import type { Upgrade, UpgradeOptions } from './http-upgrade.ts'
import { serveWatch, type WatchTransport } from './http-watch.ts'
import { type Format, streamFormatOf } from './negotiate.ts'
import { authorize } from './pipeline.ts'
import type { ApiRequest } from './request.ts'
import type { Sink } from './watch-hub.ts'

/** Nothing that a client sends is read. */
const MESSAGE_BYTES_MAX = 64 * 1024
/** Carries the token of a browser, which cannot set headers; it is never chosen. */
const TOKEN_PROTOCOL = 'base64url.bearer.authorization.k8s.io.'

/** Resolves when the watch is live. Throws StatusError for what is refused. */
export const watchOverWebSocket = async (
  { services, hub, flowControl }: UpgradeOptions,
  upgrade: Upgrade,
  request: ApiRequest,
): Promise<void> => {
  const { kind, namespace, user } = request
  const seat = await flowControl.admit(user, 'watch', kind, undefined, namespace, request)
  try {
    await authorize(services, request)
    const { accept } = upgrade.request.headers
    const format = streamFormatOf(accept, kind.isCustom ? 'custom' : 'builtIn')
    await serveWatch(services, hub, request, format, webSocketTransport(upgrade, format))
  } finally {
    seat.release()
  }
}

const webSocketTransport = (
  { request, socket, head }: Upgrade,
  { syntax }: Format,
): WatchTransport => {
  const messagesOf = syntax === 'protobuf' ? frames : lines
  let webSocket: WebSocket | undefined
  const send = (batch: Uint8Array): Promise<void> =>
    new Promise((resolve) => {
      if (!webSocket || batch.length === 0) return resolve()
      let left = 1
      const done = () => {
        left--
        if (left === 0) resolve()
      }
      for (const message of messagesOf(batch)) {
        left++
        webSocket.send(message, { binary: syntax === 'protobuf' }, done)
      }
      done()
    })
  return {
    isGone: () => socket.destroyed,
    onGone: (listener) => socket.on('close', listener),
    open: (_, close) => {
      const server = new WebSocketServer({
        noServer: true,
        maxPayload: MESSAGE_BYTES_MAX,
        handleProtocols: (offered) =>
          [...offered].find((each) => !each.startsWith(TOKEN_PROTOCOL)) ?? false,
      })
      server.handleUpgrade(request, socket, head, (opened) => {
        webSocket = opened
        opened.on('error', () => opened.terminate())
      })
      return sinkOf(socket, send, () => {
        close()
        webSocket?.close(1000)
      })
    },
    end: (last) => {
      if (last) void send(last)
      webSocket?.close(1000)
    },
  }
}

const sinkOf = (
  socket: Upgrade['socket'],
  send: (batch: Uint8Array) => Promise<void>,
  close: () => void,
): Sink => {
  let sent: Promise<void> = Promise.resolve()
  return {
    write: (batch) => {
      sent = send(batch)
    },
    backlog: () => socket.writableLength,
    drained: () => sent,
    close,
  }
}

const NEWLINE = 0x0a

/** One event a line, as JSON text has no line breaks of its own. */
function* lines(batch: Uint8Array): Generator<Uint8Array> {
  for (let from = 0; from < batch.length; ) {
    const end = batch.indexOf(NEWLINE, from)
    const to = end < 0 ? batch.length : end + 1
    yield batch.subarray(from, to)
    from = to
  }
}

/** Events behind their lengths; a message needs none. */
function* frames(batch: Uint8Array): Generator<Uint8Array> {
  const view = new DataView(batch.buffer, batch.byteOffset, batch.byteLength)
  for (let from = 0; from + 4 <= batch.length; ) {
    const to = from + 4 + view.getUint32(from)
    yield batch.subarray(from + 4, to)
    from = to
  }
}
