/**
 * What a proxied server answered, on its way to the client: redirects and the links of HTML lead through the proxy.
 *
 * Invariant: everything but HTML is streamed; of HTML at most HTML_BYTES_MAX are held, larger pages pass as they are.
 */
import type { ServerResponse } from 'node:http'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { promisify } from 'node:util'
import { deflateRaw, gunzip, gzip, inflateRaw } from 'node:zlib'
import { type ProxyPlace, proxiedUrl } from './proxied-url.ts'
import { headerIn, setHeader } from './proxy-headers.ts'
import { rewriteHtml } from './rewrite-html.ts'

export interface ServerAnswer {
  code: number
  headers: Record<string, string[]>
  body: Readable
}

const HTML_BYTES_MAX = 4 * 1024 * 1024

interface Coding {
  decode(bytes: Buffer): Promise<Buffer>
  encode(bytes: Buffer): Promise<Buffer>
}

const bounded = { maxOutputLength: 4 * HTML_BYTES_MAX }
const CODINGS: Readonly<Record<string, Coding>> = {
  '': { decode: async (bytes) => bytes, encode: async (bytes) => bytes },
  gzip: {
    decode: (bytes) => promisify(gunzip)(bytes, bounded) as Promise<Buffer>,
    encode: (bytes) => promisify(gzip)(bytes) as Promise<Buffer>,
  },
  deflate: {
    decode: (bytes) => promisify(inflateRaw)(bytes, bounded) as Promise<Buffer>,
    encode: (bytes) => promisify(deflateRaw)(bytes) as Promise<Buffer>,
  },
}

export const sendAnswer = async (
  { code, headers, body }: ServerAnswer,
  place: ProxyPlace,
  response: ServerResponse,
): Promise<void> => {
  const location = headerIn(headers, 'location')
  const coding = CODINGS[headerIn(headers, 'content-encoding') ?? '']
  if (location) setHeader(headers, 'location', proxiedUrl(location, place))
  else if (isHtml(headers) && coding)
    return sendHtml({ code, headers, body }, place, response, coding)
  response.writeHead(code, headers)
  response.flushHeaders()
  await pipeline(body, response)
}

const isHtml = (headers: Record<string, string[]>): boolean =>
  headerIn(headers, 'content-type')?.split(';', 1)[0]?.trim() === 'text/html'

const sendHtml = async (
  { code, headers, body }: ServerAnswer,
  place: ProxyPlace,
  response: ServerResponse,
  coding: Coding,
): Promise<void> => {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of body.iterator({ destroyOnReturn: false })) {
    chunks.push(chunk as Buffer)
    size += (chunk as Buffer).length
    if (size > HTML_BYTES_MAX) break
  }
  const bytes = Buffer.concat(chunks)
  if (size > HTML_BYTES_MAX) {
    response.writeHead(code, headers)
    response.write(bytes)
    return pipeline(body, response)
  }
  const rewritten = size === 0 ? bytes : await rewrittenPage(bytes, place, coding)
  setHeader(headers, 'content-length', size === 0 ? headerIn(headers, 'content-length') : undefined)
  response.writeHead(code, headers)
  response.end(rewritten)
}

/** A page that is not what its headers say passes as it is. */
const rewrittenPage = async (
  bytes: Buffer,
  place: ProxyPlace,
  { decode, encode }: Coding,
): Promise<Buffer> => {
  try {
    const html = (await decode(bytes)).toString('utf8')
    return await encode(Buffer.from(rewriteHtml(html, (url) => proxiedUrl(url, place))))
  } catch {
    return bytes
  }
}
