/**
 * Headers on their way through the proxy. Pure.
 *
 * Invariant: what concerns one connection only is not passed on, nor are the client's credentials: they are for
 * the apiserver.
 */

/** Names and values in turn, as Node.js keeps them. */
export type RawHeaders = readonly string[]

const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'proxy-connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

const pairsOf = (raw: RawHeaders): [string, string][] => {
  const pairs: [string, string][] = []
  for (let at = 0; at + 1 < raw.length; at += 2) pairs.push([raw[at]!, raw[at + 1]!])
  return pairs
}

/** Without those of the connection, among them the ones that `Connection` names. */
const endToEnd = (raw: RawHeaders): [string, string][] => {
  const pairs = pairsOf(raw)
  const named = new Set(
    pairs
      .filter(([name]) => name.toLowerCase() === 'connection')
      .flatMap(([, value]) => value.split(',').map((each) => each.trim().toLowerCase())),
  )
  return pairs.filter(([name]) => {
    const key = name.toLowerCase()
    return !HOP_BY_HOP.has(key) && !named.has(key) && !name.startsWith(':')
  })
}

export interface Forwarded {
  /** The client's address. */
  client: string | undefined
  /** The `Host` the client asked for. */
  host: string
  /** The path the client used. */
  uri: string
  /** Of a connection that leaves HTTP: what it becomes. */
  upgrade?: string | undefined
}

export const requestHeaders = (
  raw: RawHeaders,
  { client, host, uri, upgrade }: Forwarded,
): Record<string, string[]> => {
  const headers: Record<string, string[]> = {}
  for (const [name, value] of endToEnd(raw)) {
    const key = name.toLowerCase()
    if (key === 'authorization' || key.startsWith('impersonate-') || key === 'host') continue
    add(headers, key, value)
  }
  headers['host'] = [host]
  headers['x-forwarded-uri'] = [uri]
  if (client) {
    const before = headers['x-forwarded-for'] ?? []
    headers['x-forwarded-for'] = [[...before, client].join(', ')]
  }
  if (upgrade) Object.assign(headers, { connection: ['Upgrade'], upgrade: [upgrade] })
  return headers
}

export const responseHeaders = (raw: RawHeaders): Record<string, string[]> => {
  const headers: Record<string, string[]> = {}
  for (const [name, value] of endToEnd(raw)) add(headers, name, value)
  return headers
}

const add = (headers: Record<string, string[]>, name: string, value: string): void => {
  const values = headers[name]
  if (values) values.push(value)
  else headers[name] = [value]
}

/** The value of a header in `headers`, however it is written. */
export const headerIn = (headers: Record<string, string[]>, name: string): string | undefined => {
  for (const key in headers) if (key.toLowerCase() === name) return headers[key]?.[0]
  return undefined
}

/** Puts `value` in the place of the header, or removes it. */
export const setHeader = (
  headers: Record<string, string[]>,
  name: string,
  value: string | undefined,
): void => {
  for (const key of Object.keys(headers)) if (key.toLowerCase() === name) delete headers[key]
  if (value !== undefined) headers[name] = [value]
}
