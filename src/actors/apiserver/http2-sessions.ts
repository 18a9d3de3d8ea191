/**
 * HTTP/2 on the door's connections: whoever negotiates `h2` gets it, all others speak HTTP/1.1 as before.
 *
 * Loaded with the first such connection. Invariant: a session that carries nothing is closed after a while; at
 * the end all are. Upgrades stay with HTTP/1.1: clients ask for that protocol when they open such a stream.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createSecureServer, type ServerHttp2Session } from 'node:http2'
import type { TLSSocket } from 'node:tls'

export type RequestHandler = (request: IncomingMessage, response: ServerResponse) => void

/** As kube-apiserver: an informer is a stream. */
const STREAMS_MAX = 1000
/** A client that sends a body may be ahead of us by this much, on a stream and on the connection. */
const WINDOW_BYTES = 512 * 1024
const IDLE_MS = 5 * 60_000

export class Http2Sessions {
  private readonly sessions = new Set<ServerHttp2Session>()
  /** Never listens: connections are handed to it. */
  private readonly server

  constructor(handle: RequestHandler) {
    this.server = createSecureServer(
      {
        settings: {
          maxConcurrentStreams: STREAMS_MAX,
          initialWindowSize: WINDOW_BYTES,
          enablePush: false,
        },
      },
      /** The two classes offer the same as their namesakes of HTTP/1.1, as far as the door asks. */
      handle as unknown as (request: object, response: object) => void,
    )
    this.server.on('session', (session) => this.keep(session))
    this.server.on('sessionError', () => undefined)
  }

  serve(socket: TLSSocket): void {
    socket.setKeepAlive(true, IDLE_MS / 10)
    this.server.emit('secureConnection', socket)
  }

  /** Lets open streams end and takes no more; `destroy` ends them at once. */
  close(): void {
    for (const session of this.sessions) session.close()
  }

  destroy(): void {
    for (const session of this.sessions) session.destroy()
  }

  private keep(session: ServerHttp2Session): void {
    this.sessions.add(session)
    let streams = 0
    session.on('stream', (stream) => {
      streams++
      stream.on('close', () => {
        streams--
      })
    })
    session.setTimeout(IDLE_MS, () => {
      if (streams === 0) session.close()
    })
    session.on('error', () => undefined)
    session.on('close', () => this.sessions.delete(session))
  }
}
