/**
 * SPDY/3 header blocks: names and values, compressed with zlib and the protocol's own dictionary.
 *
 * Each direction of a session is one zlib stream, so a reader and a writer belong to one session and see its
 * blocks in order. Invariant: a block never inflates beyond BLOCK_BYTES_MAX. The writer stores without
 * compressing: its blocks are a few bytes long.
 */
import { Unzlib } from 'fflate'

export type SpdyHeaders = ReadonlyMap<string, string>

const BLOCK_BYTES_MAX = 64 * 1024
const STORED_BYTES_MAX = 0xffff

/** Words of the dictionary that stand behind their length. */
const WORDS = (
  'options head post put delete trace accept accept-charset accept-encoding accept-language ' +
  'accept-ranges age allow authorization cache-control connection content-base content-encoding ' +
  'content-language content-length content-location content-md5 content-range content-type date ' +
  'etag expect expires from host if-match if-modified-since if-none-match if-range ' +
  'if-unmodified-since last-modified location max-forwards pragma proxy-authenticate ' +
  'proxy-authorization range referer retry-after server te trailer transfer-encoding upgrade ' +
  'user-agent vary via warning www-authenticate method get status 200\u00a0OK version HTTP/1.1 url ' +
  'public set-cookie keep-alive origin'
)
  .split(' ')
  .map((word) => word.replace('\u00a0', ' '))

/** The rest of the dictionary: codes, dates and media types. */
const PHRASES =
  '100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505' +
  '203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request' +
  '401 Unauthorized403 Forbidden404 Not Found500 Internal Server Error501 Not Implemented' +
  '503 Service UnavailableJan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 ' +
  'Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMTchunked,text/html,image/png,image/jpg,image/gif,' +
  'application/xml,application/xhtml+xml,text/plain,text/javascript,publicprivatemax-age=gzip,' +
  'deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0.'

const lengthPrefixed = (text: string): Buffer => {
  const bytes = Buffer.from(text)
  const framed = Buffer.alloc(4 + bytes.length)
  framed.writeUInt32BE(bytes.length)
  framed.set(bytes, 4)
  return framed
}

let dictionary: Buffer | undefined

/** The dictionary of SPDY/3, 1423 bytes. */
export const spdyDictionary = (): Buffer => {
  dictionary ??= Buffer.concat([...WORDS.map(lengthPrefixed), Buffer.from(PHRASES)])
  return dictionary
}

const adler32 = (bytes: Uint8Array): number => {
  let a = 1
  let b = 0
  for (const byte of bytes) {
    a = (a + byte) % 65521
    b = (b + a) % 65521
  }
  return ((b << 16) | a) >>> 0
}

/** Reads the blocks of one direction, in order. Throws when one is malformed or too large. */
export const createHeaderReader = (): ((block: Uint8Array) => SpdyHeaders) => {
  let chunks: Uint8Array[] = []
  const inflate = new Unzlib({ dictionary: spdyDictionary() }, (chunk) => {
    chunks.push(chunk)
  })
  return (block) => {
    chunks = []
    inflate.push(block)
    return parse(Buffer.concat(chunks))
  }
}

const parse = (bytes: Buffer): SpdyHeaders => {
  if (bytes.length > BLOCK_BYTES_MAX) throw new Error('a header block is too large')
  const headers = new Map<string, string>()
  let at = 0
  const number = () => {
    const value = bytes.readUInt32BE(at)
    at += 4
    return value
  }
  const text = () => {
    const length = number()
    if (length > bytes.length - at) throw new Error('a header block is cut short')
    at += length
    return bytes.toString('utf8', at - length, at)
  }
  const count = number()
  for (let index = 0; index < count; index++) {
    const name = text()
    headers.set(name.toLowerCase(), text())
  }
  return headers
}

/** Writes the blocks of one direction, in order. */
export const createHeaderWriter = (): ((headers: SpdyHeaders) => Buffer) => {
  let isFirst = true
  return (headers) => {
    const plain = Buffer.concat([
      numbered(headers.size),
      ...[...headers].flatMap(([name, value]) => [lengthPrefixed(name), lengthPrefixed(value)]),
    ])
    if (plain.length > STORED_BYTES_MAX) throw new Error('a header block is too large')
    const body = Buffer.concat([storedBlock(plain), FLUSH])
    if (!isFirst) return body
    isFirst = false
    return Buffer.concat([Buffer.of(0x78, 0xbb), numbered(adler32(spdyDictionary())), body])
  }
}

const storedBlock = (bytes: Uint8Array): Buffer => {
  const stored = Buffer.alloc(5 + bytes.length)
  stored.writeUInt16LE(bytes.length, 1)
  stored.writeUInt16LE(~bytes.length & 0xffff, 3)
  stored.set(bytes, 5)
  return stored
}

/** An empty block makes readers give out what they have instead of waiting for more. */
const FLUSH = storedBlock(Buffer.alloc(0))

const numbered = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}
