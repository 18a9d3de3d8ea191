/**
 * URLs in what a proxied server answers: those that mean the server itself lead through the proxy again. Pure.
 *
 * Invariant: what leads elsewhere, is relative, or leads through the proxy already stays as it is.
 */
import { posix } from 'node:path'

export interface ProxyPlace {
  /** The path of the proxy itself, without a slash at its end: `/api/v1/…/pods/p/proxy`. */
  prefix: string
  /** What the server may call itself: its address, and the name the client asked for. */
  ownHosts: readonly string[]
}

const PARTS = /^(?:([A-Za-z][-+.A-Za-z0-9]*):)?(?:\/\/([^/?#]*))?([^?#]*)(.*)$/s

export const proxiedUrl = (url: string, { prefix, ownHosts }: ProxyPlace): string => {
  const [, scheme, host, path = '', rest = ''] = PARTS.exec(url) ?? []
  const isElsewhere = host !== undefined && host !== '' && !ownHosts.includes(host)
  if (isElsewhere || !path.startsWith('/')) return url
  // Only the address of the server is unknown to the client.
  const start = host && host === ownHosts[1] ? `${scheme ? `${scheme}:` : ''}//${host}` : ''
  if (path.startsWith(prefix)) return `${start}${path}${rest}`
  const joined = posix.join(prefix, path)
  const slash = path.endsWith('/') && !joined.endsWith('/') ? '/' : ''
  return `${start}${joined}${slash}${rest}`
}
