/**
 * Kubernetes' URL library: url(), isURL() and the parts of a URL.
 *
 * A URL is absolute, or a path beginning with a slash, as Go's ParseRequestURI takes it.
 */
import { CelError } from '../cel-error.ts'
import { ComputedMap, ListValue, Opaque, type Value } from '../value.ts'
import { define, type Overload, traversal } from './overload.ts'

interface Parts {
  scheme: string
  host: string
  path: string
  query: string
}

const SHAPE = /^(?:([A-Za-z][A-Za-z0-9+.-]*):)?(?:\/\/(?:[^/?@]*@)?([^/?]*))?([^?]*)(?:\?(.*))?$/s
/** Controls, or a percent that encodes nothing. */
const MALFORMED = /\p{Cc}|%(?![0-9A-Fa-f]{2})/u

const parseUrl = (text: string): Parts | undefined => {
  const shape = SHAPE.exec(text)
  if (!shape || text === '' || MALFORMED.test(text)) return undefined
  const [, scheme = '', host, path = '', query = ''] = shape
  if (scheme === '' && !text.startsWith('/')) return undefined
  if (host !== undefined && !isHost(host)) return undefined
  /** Behind a scheme, what begins without a slash is opaque: it has no path. */
  const isOpaque = host === undefined && !path.startsWith('/')
  return { scheme: scheme.toLowerCase(), host: host ?? '', path: isOpaque ? '' : path, query }
}

const isHost = (host: string): boolean =>
  /^(?:\[[0-9A-Fa-f:.]+(?:%25[^\]]+)?\]|[^:[\]<>"\s]*)(?::\d*)?$/.test(host)

class Url extends Opaque {
  readonly typeName = 'kubernetes.URL'
  readonly text: string
  readonly parts: Parts

  constructor(text: string, parts: Parts) {
    super()
    this.text = text
    this.parts = parts
  }

  equals(other: Opaque): boolean {
    return other instanceof Url && other.text === this.text
  }
}

const url = (text: string): Url => {
  const parts = parseUrl(text)
  if (!parts)
    throw new CelError(
      `URL parse error during conversion from string: parse ${JSON.stringify(text)}: invalid URI for request`,
    )
  return new Url(text, parts)
}

const decode = (text: string): string => {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return text
  }
}

const queryOf = ({ parts: { query } }: Url): Value => {
  const values = new Map<string, string[]>()
  for (const pair of query.split('&').filter(Boolean)) {
    const [name = '', ...rest] = pair.split('=')
    const key = decode(name)
    values.set(key, [...(values.get(key) ?? []), decode(rest.join('='))])
  }
  return new ComputedMap([...values].map(([name, list]) => [name, new ListValue(list)]))
}

const escapedPath = (path: string): string =>
  path.replace(/[^A-Za-z0-9\-._~$&+,/:;=@!'()*%]/gu, (sign) => encodeURIComponent(sign))

export const urls: readonly Overload[] = [
  ...define(
    {
      'url(string): kubernetes.URL': url,
      'isURL(string): bool': (text: string) => parseUrl(text) !== undefined,
    },
    traversal(),
  ),
  ...define({
    'kubernetes.URL.getScheme(): string': ({ parts }: Url) => parts.scheme,
    'kubernetes.URL.getHost(): string': ({ parts }: Url) => parts.host,
    'kubernetes.URL.getHostname(): string': ({ parts }: Url) =>
      parts.host.replace(/:\d*$/, '').replace(/^\[(.*)\]$/, '$1'),
    'kubernetes.URL.getPort(): string': ({ parts }: Url) => /:(\d*)$/.exec(parts.host)?.[1] ?? '',
    'kubernetes.URL.getEscapedPath(): string': ({ parts }: Url) => escapedPath(parts.path),
    'kubernetes.URL.getQuery(): map<string, list<string>>': queryOf,
  }),
]
