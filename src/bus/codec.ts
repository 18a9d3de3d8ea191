/**
 * Values to bytes and back: MessagePack between components, JSON for people.
 *
 * Invariant: what `decode` returns is plain JSON data (plus byte strings), at most MAX_DEPTH deep, whatever
 * the sender wrote: extension types, deep nesting and truncated input are refused before anything is built.
 * It checks no schema.
 */
import { Packr, Unpackr } from 'msgpackr'
import { badRequest, tooLarge } from '../api/status-error.ts'

export type Encoding = 'json' | 'msgpack'

/** Largest payload accepted or sent, in bytes; Kubernetes allows objects of about 1.5 MiB. */
export const MAX_PAYLOAD_BYTES = 8 * 1024 * 1024
/** Deepest nesting accepted. */
export const MAX_DEPTH = 128

export const JSON_TYPE = 'application/json'
export const MSGPACK_TYPE = 'application/msgpack'

/** `auto` (a number where it is exact) is a documented value that the package's types leave out. */
const options = {
  useRecords: false,
  int64AsType: 'auto' as 'number',
  encodeUndefinedAsNil: true,
  variableMapSize: true,
}
const packr = new Packr(options)
const unpackr = new Unpackr(options)
const EMPTY = new Uint8Array(0)
const textDecoder = new TextDecoder('utf-8', { fatal: true })

/** The payload of `value`; an undefined value is an empty payload. */
export const encode = (value: unknown, encoding: Encoding = 'msgpack'): Uint8Array => {
  if (value === undefined) return EMPTY
  return encoding === 'json' ? Buffer.from(JSON.stringify(value)) : packr.pack(value)
}

/** Decodes bytes that this program stored itself: no checks. */
export const decodeTrusted = (bytes: Uint8Array): unknown => unpackr.unpack(bytes)

/**
 * Decodes a payload from outside. Undefined when it is empty.
 * Throws StatusError 413 above MAX_PAYLOAD_BYTES, 400 when it is malformed or nested too deeply.
 */
export const decode = (bytes: Uint8Array, encoding: Encoding = sniff(bytes)): unknown => {
  if (bytes.length === 0) return undefined
  if (bytes.length > MAX_PAYLOAD_BYTES)
    throw tooLarge(`the payload has ${bytes.length} bytes, the limit is ${MAX_PAYLOAD_BYTES}`)
  return encoding === 'json' ? decodeJson(bytes) : decodeMsgpack(bytes)
}

/**
 * The encoding of a payload, by its first byte: JSON text begins with a printable character, white space
 * or a byte order mark; a MessagePack map, array, string, nil or boolean never does.
 */
export const sniff = (bytes: Uint8Array): Encoding => {
  const first = bytes[0]
  if (first === undefined) return 'json'
  return first < 0x80 || (first === 0xef && bytes[1] === 0xbb) ? 'json' : 'msgpack'
}

/** The encoding a `Content-Type` or `Accept` header names, if it names one of ours. */
export const encodingOf = (mediaType: string | undefined): Encoding | undefined => {
  if (!mediaType) return undefined
  if (mediaType.includes('msgpack')) return 'msgpack'
  return mediaType.includes('json') ? 'json' : undefined
}

const decodeJson = (bytes: Uint8Array): unknown => {
  let value: unknown
  try {
    value = JSON.parse(textDecoder.decode(bytes))
  } catch (error) {
    throw badRequest(`the payload is not JSON: ${(error as Error).message}`)
  }
  if (!isShallow(value, MAX_DEPTH))
    throw badRequest(`the payload is nested deeper than ${MAX_DEPTH}`)
  return value
}

const isShallow = (value: unknown, levels: number): boolean => {
  if (typeof value !== 'object' || value === null) return true
  if (levels === 0) return false
  for (const item of Object.values(value)) if (!isShallow(item, levels - 1)) return false
  return true
}

const decodeMsgpack = (bytes: Uint8Array): unknown => {
  const fault = msgpackFault(bytes)
  if (fault) throw badRequest(`the payload is not acceptable MessagePack: ${fault}`)
  try {
    return unpackr.unpack(bytes)
  } catch (error) {
    throw badRequest(`the payload is not MessagePack: ${(error as Error).message}`)
  }
}

/** Bytes of the length field behind the first byte; it counts `items` per entry, otherwise bytes. */
const LENGTHS: Readonly<Record<number, { field: 1 | 2 | 4; items?: 1 | 2 }>> = {
  196: { field: 1 },
  197: { field: 2 },
  198: { field: 4 },
  217: { field: 1 },
  218: { field: 2 },
  219: { field: 4 },
  220: { field: 2, items: 1 },
  221: { field: 4, items: 1 },
  222: { field: 2, items: 2 },
  223: { field: 4, items: 2 },
}
/** Bytes after a number's first byte, 0xca … 0xd3. */
const NUMBER_BYTES = [4, 8, 1, 2, 4, 8, 1, 2, 4, 8]

/** Walks MessagePack without building anything; returns what is wrong with it, if something is. */
const msgpackFault = (bytes: Uint8Array): string | undefined => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  /** Items still to come on each level. */
  const open: number[] = []
  let at = 0
  do {
    while (open.length > 0 && open[open.length - 1] === 0) open.pop()
    if (open.length > 0) open[open.length - 1]!--
    else if (at > 0) break
    if (at >= bytes.length) return 'it ends too early'
    const first = bytes[at++]!
    let items = -1
    if (first < 0x80 || first >= 0xe0) continue
    if (first < 0x90) items = 2 * (first & 15)
    else if (first < 0xa0) items = first & 15
    else if (first < 0xc0) at += first & 31
    else if (first < 0xc4) {
      if (first === 0xc1) return 'it holds the byte 0xc1'
    } else if (first >= 0xca && first <= 0xd3) at += NUMBER_BYTES[first - 0xca]!
    else {
      const form = LENGTHS[first]
      if (!form) return 'it holds an extension type'
      if (at + form.field > bytes.length) return 'it ends too early'
      const length =
        form.field === 1
          ? view.getUint8(at)
          : form.field === 2
            ? view.getUint16(at)
            : view.getUint32(at)
      at += form.field
      if (form.items) items = length * form.items
      else at += length
    }
    if (items > bytes.length - at) return 'it ends too early'
    if (items >= 0) open.push(items)
    if (open.length > MAX_DEPTH) return `it is nested deeper than ${MAX_DEPTH}`
  } while (open.length > 0)
  if (at > bytes.length) return 'it ends too early'
  return at < bytes.length ? 'something follows the value' : undefined
}
