/**
 * Writes the body of an answer: whole, compressed, or piece by piece at the pace the client reads.
 *
 * Invariant: a body that is given whole leaves with its headers in one write where it can; of one in pieces
 * never more than a few are in memory. It knows no requests.
 */
import type { ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip, gzip } from 'node:zlib'
import type { Content } from './representation.ts'

/** Kubernetes compresses answers that are larger, at the cheapest level. */
const GZIP_ABOVE_BYTES = 128 * 1024
const GZIP_LEVEL = 1

type Pieces = Exclude<Content['body'], string | Buffer>

export interface Head {
  code: number
  /** Names and values in turn. */
  headers: string[]
  /** Whether the client takes gzip. */
  acceptsGzip: boolean
}

/** Resolves when everything has been handed to the connection; never rejects for a client that went away. */
export const writeAnswer = (
  response: ServerResponse,
  { code, headers, acceptsGzip }: Head,
  { type, body }: Content,
): void | Promise<void> => {
  if (code !== 304) headers.push('Content-Type', type)
  if (!headers.includes('Cache-Control')) headers.push('Cache-Control', 'no-cache, private')
  const isEncoded = headers.includes('Content-Encoding')
  if (typeof body !== 'string' && !Buffer.isBuffer(body))
    return writePieces(response, code, headers, acceptsGzip, body)
  if (acceptsGzip && !isEncoded && body.length > GZIP_ABOVE_BYTES)
    return compressed(body).then((bytes) => {
      if (isGone(response)) return
      headers.push('Content-Encoding', 'gzip', 'Vary', 'Accept-Encoding')
      headers.push('Content-Length', String(bytes.length))
      writeHead(response, code, headers)
      response.end(bytes)
    })
  headers.push('Content-Length', String(Buffer.byteLength(body)))
  writeHead(response, code, headers)
  response.end(body)
}

const writeHead = (response: ServerResponse, code: number, headers: string[]): void => {
  if (!isHttp2(response)) {
    response.writeHead(code, headers)
    return
  }
  for (let at = 0; at < headers.length; at += 2) response.setHeader(headers[at]!, headers[at + 1]!)
  response.writeHead(code)
}

const isHttp2 = (response: ServerResponse): boolean => 'stream' in response

/** Whether nobody is there to read any more. */
export const isGone = (response: ServerResponse): boolean =>
  isHttp2(response)
    ? (response as unknown as { stream: { destroyed: boolean } }).stream.destroyed
    : response.destroyed

const compressed = (body: string | Buffer): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    gzip(body, { level: GZIP_LEVEL }, (error, bytes) => (error ? reject(error) : resolve(bytes)))
  })

const writePieces = async (
  response: ServerResponse,
  code: number,
  headers: string[],
  acceptsGzip: boolean,
  pieces: Pieces,
): Promise<void> => {
  if (acceptsGzip) headers.push('Content-Encoding', 'gzip', 'Vary', 'Accept-Encoding')
  writeHead(response, code, headers)
  const source = Readable.from(withPauses(pieces))
  try {
    if (acceptsGzip) await pipeline(source, createGzip({ level: GZIP_LEVEL }), response)
    else await pipeline(source, response)
  } catch (error) {
    if (!isGone(response)) throw error
  }
}

/** Other requests get their turn between two pieces. */
async function* withPauses(pieces: Pieces): AsyncGenerator<string | Buffer> {
  for (const piece of pieces) {
    if (piece !== undefined) yield piece
    await new Promise<void>((resolve) => setImmediate(resolve))
  }
}
