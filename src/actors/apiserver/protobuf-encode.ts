/**
 * Kubernetes' protobuf encoding of answers: objects, lists, watch events, Status and other documents.
 *
 * An answer is an envelope (`k8s\0`, then `runtime.Unknown`) around the message. Invariant: an object's bytes
 * depend on nothing but the object, so they are made once and shared while they are asked for; a list is
 * joined from them. Defaults of Go that JSON leaves out are left out here, too, which means the same.
 */
import { wholeFields } from '../../api/managed-fields/compact-fields.ts'
import { managersOf } from '../../api/managed-fields/manager-entry.ts'
import type { KubernetesObject } from '../../api/meta.ts'
import type { FieldType } from '../../api/schema.ts'
import { type FieldSlot, type MessageSlots, modelNamed, slotsOf } from './protobuf-slots.ts'
import { Writer } from './protobuf-writer.ts'

type JsonObject = Readonly<Record<string, unknown>>

const MAGIC = Buffer.from('k8s\0')
const METADATA = 'V1ObjectMeta'
const SCHEMA = 'V1JSONSchemaProps'

const shared = new Writer()

/** The envelope's bytes; undefined for a type without protobuf form. Not for objects that change. */
export const encodeDocument = (document: object): Buffer | undefined => {
  const { apiVersion = '', kind = '' } = document as { apiVersion?: string; kind?: string }
  const model = modelNamed(apiVersion, kind)
  if (model === undefined) return undefined
  writeMessage(shared, document as JsonObject, slotsOf(model))
  return envelope(apiVersion, kind, shared.take())
}

/** An object of `model` in its envelope, as a get shows it. */
export const encodeObject = (object: KubernetesObject, model: string): Buffer =>
  envelope(object.apiVersion, object.kind, messageOf(object, model))

/** The metadata of an object in its envelope, as PartialObjectMetadata. */
export const encodePartial = (object: KubernetesObject, apiVersion: string): Buffer =>
  envelope(apiVersion, 'PartialObjectMetadata', partialMessage(object))

export interface ListHead {
  apiVersion: string
  kind: string
  metadata: { resourceVersion: string; continue?: string; remainingItemCount?: number }
}

/**
 * A list in pieces of about `pieceBytes`; `model` undefined stands for PartialObjectMetadata.
 *
 * The first bytes tell the length of all, so items are written twice unless their bytes are still known. Of
 * `undefined` nothing is to be sent: others get their turn.
 */
export function* encodeList(
  head: ListHead,
  items: readonly KubernetesObject[],
  model: string | undefined,
  pieceBytes: number,
): Generator<Buffer | undefined> {
  const isPassing = items.length > ITEMS_KEPT
  const bytesOf = (item: KubernetesObject): Buffer =>
    model === undefined ? partialMessage(item) : messageOf(item, model, isPassing)
  writeMessage(shared, head.metadata, slotsOf('V1ListMeta'))
  shared.close(1, 0)
  const metadata = shared.take()
  let length = metadata.length
  for (let at = 0; at < items.length; at++) {
    const size = bytesOf(items[at]!).length
    length += 1 + varintSize(size) + size
    if (at % ITEMS_A_TURN === ITEMS_A_TURN - 1) yield undefined
  }
  yield Buffer.concat([envelopeHead(head.apiVersion, head.kind, length), metadata])
  let parts: Buffer[] = []
  let gathered = 0
  for (const item of items) {
    const bytes = bytesOf(item)
    parts.push(itemKey(bytes.length), bytes)
    gathered += bytes.length
    if (gathered < pieceBytes) continue
    yield Buffer.concat(parts)
    parts = []
    gathered = 0
  }
  yield Buffer.concat([...parts, ENVELOPE_END])
}

/** What stands before an item of `length` bytes. */
const itemKey = (length: number): Buffer => {
  const bytes: number[] = [(2 << 3) | 2]
  let rest = length
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80)
  bytes.push(rest)
  return Buffer.from(bytes)
}

/** The bytes of longer lists' items are not kept. */
const ITEMS_KEPT = 1000
const ITEMS_A_TURN = 250

/** One frame of a watch: four bytes of length, then a WatchEvent that holds the enveloped object. */
export const encodeWatchFrame = (type: string, enveloped: Buffer): Buffer => {
  shared.bytes(1, enveloped)
  shared.close(2, 0)
  shared.text(1, type)
  const event = shared.take()
  const frame = Buffer.allocUnsafe(4 + event.length)
  frame.writeUInt32BE(event.length)
  event.copy(frame, 4)
  return frame
}

const BYTES_MAX = 4 * 1024 * 1024
let young = new WeakMap<object, Buffer>()
let old = new WeakMap<object, Buffer>()
let youngBytes = 0

/** The object's own message. What was not asked for while BYTES_MAX of others were made is forgotten. */
const messageOf = (object: KubernetesObject, model: string, isPassing = false): Buffer => {
  const known = young.get(object)
  if (known) return known
  let bytes = old.get(object)
  if (!bytes) {
    writeMessage(shared, object as unknown as JsonObject, slotsOf(model))
    bytes = shared.take()
  }
  if (isPassing) return bytes
  if (youngBytes > BYTES_MAX) {
    old = young
    young = new WeakMap()
    youngBytes = 0
  }
  young.set(object, bytes)
  youngBytes += bytes.length
  return bytes
}

const partialMessage = ({ metadata }: KubernetesObject): Buffer => {
  writeMessage(shared, metadata as unknown as JsonObject, slotsOf(METADATA))
  shared.close(1, 0)
  return shared.take()
}

/** `contentEncoding` and `contentType`, which are always empty. */
const ENVELOPE_END = Buffer.from([0x1a, 0x00, 0x22, 0x00])

const envelope = (apiVersion: string, kind: string, message: Buffer): Buffer =>
  Buffer.concat([envelopeHead(apiVersion, kind, message.length), message, ENVELOPE_END])

/** Everything before a message of `length` bytes. */
const envelopeHead = (apiVersion: string, kind: string, length: number): Buffer => {
  shared.integer(2, length)
  const lengthAndKey = shared.take()
  /** The field's key of an integer becomes that of bytes. */
  lengthAndKey[0] = (2 << 3) | 2
  shared.text(2, kind)
  shared.text(1, apiVersion)
  shared.close(1, 0)
  return Buffer.concat([MAGIC, shared.take(), lengthAndKey])
}

const varintSize = (value: number): number =>
  value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x20_0000 ? 3 : value < 0x1000_0000 ? 4 : 5

const writeMessage = (writer: Writer, object: JsonObject, { list, byName }: MessageSlots): void => {
  if (byName) {
    const managers = byName.get('managedFields')
    if (managers && !object['managedFields']) writeManagers(writer, managers.number, object)
    const names = Object.keys(object)
    for (let at = names.length - 1; at >= 0; at--) {
      const slot = byName.get(names[at]!)
      if (slot) writeSlot(writer, slot, object[slot.name])
    }
    return
  }
  for (let at = list.length - 1; at >= 0; at--) {
    const slot = list[at]!
    if ('embedded' in slot) {
      const from = writer.size
      writeMessage(writer, object, slot.embedded)
      if (writer.size > from) writer.close(slot.number, from)
    } else writeSlot(writer, slot, object[slot.name])
  }
}

const writeSlot = (writer: Writer, slot: FieldSlot, value: unknown): void => {
  if (value === undefined || value === null) return
  if (slot.union) writeUnion(writer, slot, value)
  else writeField(writer, slot, value)
}

/** The managers that hang on a metadata object, as its `managedFields`. */
const writeManagers = (writer: Writer, number: number, metadata: object): void => {
  const managers = managersOf({ metadata }) ?? []
  for (let at = managers.length - 1; at >= 0; at--) {
    const { manager, operation, apiVersion, time, subresource } = managers[at]!
    const from = writer.size
    if (subresource !== '') writer.text(8, subresource)
    const entry = writer.size
    writer.text(1, wholeFields(managers[at]!))
    writer.close(7, entry)
    writer.text(6, 'FieldsV1')
    if (time !== '') writeScalar(writer, 4, 'time', time)
    writer.text(3, apiVersion)
    writer.text(2, operation)
    writer.text(1, manager)
    writer.close(number, from)
  }
}

const writeField = (writer: Writer, { number, type, wrapped }: FieldSlot, value: unknown): void => {
  if (wrapped) {
    const from = writer.size
    writeList(writer, 1, (type as ListType).of, value)
    writer.close(number, from)
  } else if (type.shape === 'list') writeList(writer, number, type.of, value)
  else if (type.shape === 'map') writeMap(writer, number, value as JsonObject, type.of)
  else writeValue(writer, number, type, value)
}

type ListType = Extract<FieldType, { shape: 'list' }>

const writeList = (writer: Writer, number: number, of: FieldType, value: unknown): void => {
  const items = value as readonly unknown[]
  for (let at = items.length - 1; at >= 0; at--) writeValue(writer, number, of, items[at])
}

const writeMap = (writer: Writer, number: number, map: JsonObject, of: FieldType): void => {
  const keys = Object.keys(map).sort()
  for (let at = keys.length - 1; at >= 0; at--) {
    const key = keys[at]!
    const from = writer.size
    writeValue(writer, 2, of, map[key])
    writer.text(1, key)
    writer.close(number, from)
  }
}

const writeValue = (writer: Writer, number: number, type: FieldType, value: unknown): void => {
  if (type.shape === 'scalar') {
    writeScalar(writer, number, type.scalar, value)
    return
  }
  const from = writer.size
  if (type.shape === 'model') writeMessage(writer, (value ?? {}) as JsonObject, slotsOf(type.model))
  else if (type.shape === 'list') writeList(writer, 1, type.of, value ?? [])
  writer.close(number, from)
}

const writeScalar = (writer: Writer, number: number, scalar: string, value: unknown): void => {
  if (scalar === 'string') writer.text(number, String(value ?? ''))
  else if (scalar === 'boolean') writer.integer(number, value ? 1 : 0)
  else if (scalar === 'int32' || scalar === 'int64') writer.integer(number, Number(value))
  else if (scalar === 'double') writer.double(number, Number(value))
  else if (scalar === 'byte') writer.bytes(number, Buffer.from(String(value ?? ''), 'base64'))
  else writeWrapped(writer, number, scalar, value)
}

/** Scalars of JSON that are messages here. */
const writeWrapped = (writer: Writer, number: number, scalar: string, value: unknown): void => {
  const from = writer.size
  if (scalar === 'quantity') writer.text(1, String(value))
  else if (scalar === 'intOrString') {
    writer.text(3, typeof value === 'string' ? value : '')
    writer.integer(2, typeof value === 'number' ? value : 0)
    writer.integer(1, typeof value === 'string' ? 1 : 0)
  } else if (scalar === 'any') writer.text(1, JSON.stringify(value))
  else {
    const [seconds, nanoseconds] = timeOf(String(value))
    writer.integer(2, nanoseconds)
    writer.integer(1, seconds)
  }
  writer.close(number, from)
}

/** Seconds and nanoseconds since the epoch of an RFC 3339 time. */
const timeOf = (text: string): [number, number] => {
  const milliseconds = Date.parse(text)
  if (Number.isNaN(milliseconds)) return [0, 0]
  const fraction = /\.(\d{1,9})/.exec(text)?.[1] ?? ''
  return [Math.floor(milliseconds / 1000), Number(fraction.padEnd(9, '0'))]
}

const writeUnion = (writer: Writer, { number, union }: FieldSlot, value: unknown): void => {
  if (union !== 'dependencies') {
    writeChoice(writer, number, union!, value)
    return
  }
  for (const [key, each] of Object.entries(value as JsonObject).reverse()) {
    const from = writer.size
    writeChoice(writer, 2, union, each)
    writer.text(1, key)
    writer.close(number, from)
  }
}

const STRING: FieldType = { shape: 'scalar', scalar: 'string' }
const SCHEMAS: FieldType = { shape: 'model', model: SCHEMA }

/** A schema, or what JSON allows in its place; numbers as in `protobuf.ts`. */
const writeChoice = (
  writer: Writer,
  number: number,
  union: NonNullable<FieldSlot['union']>,
  value: unknown,
): void => {
  const from = writer.size
  const isOfProperties = union === 'additionalProperties'
  if (Array.isArray(value)) writeList(writer, 2, union === 'dependencies' ? STRING : SCHEMAS, value)
  else if (typeof value === 'boolean') writer.integer(1, value ? 1 : 0)
  else {
    writeValue(writer, isOfProperties ? 2 : 1, SCHEMAS, value)
    /** Go sets it beside a schema. */
    if (isOfProperties) writer.integer(1, 1)
  }
  writer.close(number, from)
}
