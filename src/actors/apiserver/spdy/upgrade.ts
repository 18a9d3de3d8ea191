/**
 * From an HTTP/1.1 request with `Upgrade: SPDY/3.1` to a session, with Kubernetes' choice of a protocol.
 *
 * Invariant: nothing is answered before `accept`; what is refused gets a plain HTTP answer. The protocol is the
 * first of the client's `X-Stream-Protocol-Version` that the server knows.
 */
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { badRequest, StatusError } from '../../../api/status-error.ts'
import { SpdySession, type SpdyStream } from './session.ts'

export interface SpdyUpgrade {
  protocol: string
  /** Switches protocols; to be called once. A stream that `onStream` throws for is refused. */
  accept(onStream: (stream: SpdyStream) => void): SpdySession
}

export const isSpdyRequest = ({ headers }: IncomingMessage): boolean =>
  headers.upgrade?.toLowerCase() === 'spdy/3.1'

/** Throws StatusError when client and server have no protocol in common. */
export const spdyProtocol = ({ headers }: IncomingMessage, served: readonly string[]): string => {
  const given = headers['x-stream-protocol-version']
  const offered = (Array.isArray(given) ? given.join(',') : (given ?? ''))
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '')
  if (offered.length === 0)
    throw badRequest('unable to upgrade: X-Stream-Protocol-Version is required')
  const protocol = offered.find((each) => served.includes(each))
  if (protocol) return protocol
  throw new StatusError(
    403,
    'Forbidden',
    `unable to upgrade: unable to negotiate protocol: client supports [${offered.join(' ')}], server accepts [${served.join(' ')}]`,
  )
}

export const spdyUpgrade = (
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  served: readonly string[],
): SpdyUpgrade => {
  const protocol = spdyProtocol(request, served)
  return {
    protocol,
    accept: (onStream) => {
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: ${protocol}\r\n\r\n`,
      )
      return new SpdySession(socket, head, onStream)
    },
  }
}
