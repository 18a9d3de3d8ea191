/**
 * The bearer token that a browser's WebSocket brings as a subprotocol:
 * `base64url.bearer.authorization.k8s.io.<token>`.
 *
 * Invariant: the protocol is taken out of the header, so that it is never agreed on. Rules are Kubernetes 1.36's
 * (`apiserver/pkg/authentication/request/websocket`).
 */
import { isUtf8 } from 'node:buffer'
import type { IncomingMessage } from 'node:http'

const PREFIX = 'base64url.bearer.authorization.k8s.io.'
const ENCODED = /^[A-Za-z0-9_-]*$/

/** `isWrong`: it is there and cannot be used. */
export const takeProtocolToken = ({
  headers,
}: IncomingMessage): { token?: string; isWrong?: boolean } => {
  const offered = headers['sec-websocket-protocol']
  if (offered === undefined || headers.upgrade?.toLowerCase() !== 'websocket') return {}
  const protocols = offered.split(',').map((protocol) => protocol.trim())
  const tokens = protocols.filter((protocol) => protocol.startsWith(PREFIX))
  if (tokens.length === 0) return {}
  const others = protocols.filter((protocol) => !protocol.startsWith(PREFIX))
  const encoded = tokens[0]!.slice(PREFIX.length)
  const bytes = Buffer.from(encoded, 'base64url')
  if (tokens.length > 1 || !ENCODED.test(encoded) || !isUtf8(bytes)) return { isWrong: true }
  if (bytes.length === 0) return {}
  if (others.length === 0) return { isWrong: true }
  headers['sec-websocket-protocol'] = others.join(',')
  return { token: bytes.toString() }
}
