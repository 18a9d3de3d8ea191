/**
 * Kubernetes' protobuf encoding of request bodies, which kubectl and client-go send for built-in kinds.
 *
 * Invariant: what it returns is the JSON form of the same object, as Go would have written it; lengths and
 * nesting are checked before anything is read. It only decodes: answers are `protobuf-encode.ts`.
 */
import type { Json } from '../../api/meta.ts'
import type { FieldType } from '../../api/schema.ts'
import { badRequest, unsupportedMediaType } from '../../api/status-error.ts'
import { timestamp } from '../../std/clock.ts'
import { malformed, Reader } from './protobuf-reader.ts'
import {
  type FieldSlot,
  type MessageSlots,
  modelNamed,
  slotsOf,
  type Union,
} from './protobuf-slots.ts'

const DEPTH_MAX = 64
const MAGIC = Buffer.from('k8s\0')

/** Throws 400 for bytes that are no such message, 415 for a type that is not known. */
export const decodeProtobuf = (bytes: Buffer): Json => {
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC))
    throw badRequest('provided data does not appear to be a protobuf message, expected prefix k8s')
  const envelope = new Reader(bytes, MAGIC.length, bytes.length)
  let apiVersion = ''
  let kind = ''
  let raw: Reader | undefined
  for (let field = envelope.next(); field !== 0; field = envelope.next()) {
    if (field === 1) {
      const typeMeta = envelope.message()
      for (let inner = typeMeta.next(); inner !== 0; inner = typeMeta.next()) {
        if (inner === 1) apiVersion = typeMeta.text()
        else if (inner === 2) kind = typeMeta.text()
        else typeMeta.skip()
      }
    } else if (field === 2) raw = envelope.message()
    else envelope.skip()
  }
  const model = modelNamed(apiVersion, kind)
  if (model === undefined)
    throw unsupportedMediaType(`no kind "${kind}" is registered for version "${apiVersion}"`)
  const object = raw ? readMessage(raw, slotsOf(model), 0) : {}
  return { apiVersion, kind, ...object }
}

type JsonObject = { [key: string]: Json }

const readMessage = (reader: Reader, slots: MessageSlots, depth: number): JsonObject => {
  if (depth > DEPTH_MAX) throw malformed()
  const object: JsonObject = {}
  for (let number = reader.next(); number !== 0; number = reader.next()) {
    const slot = slots.byNumber.get(number)
    if (!slot) reader.skip()
    else if ('embedded' in slot)
      Object.assign(object, readMessage(reader.message(), slot.embedded, depth + 1))
    else if (slot.union) readUnion(reader, object, slot, depth)
    else readField(reader, object, slot, depth)
  }
  return object
}

const readField = (reader: Reader, object: JsonObject, slot: FieldSlot, depth: number): void => {
  const { name, type } = slot
  if (slot.wrapped) object[name] = readList(reader.message(), (type as ListType).of, depth)
  else if (type.shape === 'list') {
    object[name] ??= []
    const items = object[name] as Json[]
    if (reader.wire === 2 && isNumeric(type.of)) {
      const packed = reader.message()
      while (packed.hasMore()) items.push(readNumber(packed, type.of, true))
    } else items.push(readValue(reader, type.of, depth))
  } else if (type.shape === 'map') {
    object[name] ??= {}
    const [key, value] = readEntry(reader.message(), type.of, depth)
    setOwn(object[name] as JsonObject, key, value)
  } else {
    const value = readValue(reader, type, depth)
    const isAbsent = value === null || (slot.dropsZero && isZero(value))
    if (!isAbsent) object[name] = value
  }
}

type ListType = Extract<FieldType, { shape: 'list' }>

const isZero = (value: Json): boolean => value === '' || value === 0 || value === false

/** Also a key named `__proto__` is only a key. */
const setOwn = (object: JsonObject, key: string, value: Json): void => {
  if (key === '__proto__')
    Object.defineProperty(object, key, {
      value,
      enumerable: true,
      writable: true,
      configurable: true,
    })
  else object[key] = value
}

const readEntry = (
  entry: Reader,
  of: FieldType | 'dependencies',
  depth: number,
): [string, Json] => {
  let key = ''
  let value: Json = typeof of === 'object' && of.shape === 'scalar' ? '' : {}
  for (let field = entry.next(); field !== 0; field = entry.next()) {
    if (field === 1) key = entry.text()
    else if (field === 2)
      value =
        of === 'dependencies' ? readChoice(entry.message(), of, depth) : readValue(entry, of, depth)
    else entry.skip()
  }
  return [key, value]
}

const isNumeric = (type: FieldType): boolean => type.shape === 'scalar' && NUMERIC.has(type.scalar)

const NUMERIC: ReadonlySet<string> = new Set(['int32', 'int64', 'boolean', 'double'])

/** Null stands for a zero time, which JSON leaves out. */
const readValue = (reader: Reader, type: FieldType, depth: number): Json => {
  switch (type.shape) {
    case 'model':
      return readMessage(reader.message(), slotsOf(type.model), depth + 1)
    case 'list':
      /** A list inside a map. */
      return readList(reader.message(), type.of, depth)
    case 'map':
      throw malformed()
    case 'scalar':
      return isNumeric(type) ? readNumber(reader, type, false) : readScalar(reader, type)
  }
}

/** A message whose field 1 repeats. */
const readList = (reader: Reader, of: FieldType, depth: number): Json[] => {
  const items: Json[] = []
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) items.push(readValue(reader, of, depth + 1))
    else reader.skip()
  }
  return items
}

const readNumber = (reader: Reader, type: FieldType, isPacked: boolean): number | boolean => {
  const { scalar } = type as Extract<FieldType, { shape: 'scalar' }>
  if (scalar === 'double') return isPacked ? reader.packedDouble() : reader.double()
  const value = isPacked ? reader.packedInteger() : reader.integer()
  return scalar === 'boolean' ? value !== 0 : value
}

const readScalar = (reader: Reader, { scalar }: FieldType & { shape: 'scalar' }): Json => {
  switch (scalar) {
    case 'byte':
      return reader.bytes().toString('base64')
    case 'quantity':
      return reader.message().firstText()
    case 'time':
    case 'microTime':
      return readTime(reader.message(), scalar === 'microTime')
    case 'intOrString':
      return readIntOrString(reader.message())
    case 'any': {
      const text = reader.message().firstText()
      try {
        return text === '' ? null : (JSON.parse(text) as Json)
      } catch {
        throw malformed()
      }
    }
    default:
      return reader.text()
  }
}

/** The years 1 to 9999, which Go's times are written in. */
const SECONDS_MIN = -62_135_596_800
const SECONDS_MAX = 253_402_300_799

const readTime = (reader: Reader, isMicro: boolean): string | null => {
  let seconds = 0
  let nanoseconds = 0
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) seconds = reader.integer()
    else if (field === 2) nanoseconds = reader.integer()
    else reader.skip()
  }
  if ((seconds === 0 && nanoseconds === 0) || seconds === SECONDS_MIN) return null
  if (seconds < SECONDS_MIN || seconds > SECONDS_MAX) throw malformed()
  const text = timestamp(seconds * 1000)
  if (!isMicro) return text
  const micros = Math.min(999_999, Math.max(0, Math.floor(nanoseconds / 1000)))
  return `${text.slice(0, -1)}.${String(micros).padStart(6, '0')}Z`
}

const SCHEMA = 'V1JSONSchemaProps'

const readIntOrString = (reader: Reader): Json => {
  let isText = false
  let number = 0
  let text = ''
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) isText = reader.integer() === 1
    else if (field === 2) number = reader.integer()
    else if (field === 3) text = reader.text()
    else reader.skip()
  }
  return isText ? text : number
}

/** A schema, or what JSON allows in its place. */
const readUnion = (
  reader: Reader,
  object: JsonObject,
  { name, union }: FieldSlot,
  depth: number,
): void => {
  if (union === 'dependencies') {
    object[name] ??= {}
    const [key, value] = readEntry(reader.message(), union, depth)
    setOwn(object[name] as JsonObject, key, value)
  } else object[name] = readChoice(reader.message(), union!, depth)
}

/** The field of the schema is 1, that of the alternative 2; `additionalProperties` has them the other way. */
const readChoice = (reader: Reader, union: Union, depth: number): Json => {
  const schema = union === 'additionalProperties' ? 2 : 1
  let found: Json | undefined
  const items: Json[] = []
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === schema) found = readMessage(reader.message(), slotsOf(SCHEMA), depth + 1)
    else if (field !== 3 - schema) reader.skip()
    else if (union === 'additionalProperties') found ??= reader.integer() !== 0
    else if (union === 'dependencies') items.push(reader.text())
    else items.push(readMessage(reader.message(), slotsOf(SCHEMA), depth + 1))
  }
  return items.length > 0 ? items : (found ?? {})
}
