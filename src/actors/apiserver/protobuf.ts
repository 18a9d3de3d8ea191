/**
 * Kubernetes' protobuf encoding of request bodies, which kubectl and client-go send for built-in kinds.
 *
 * Types come from the field schemas, numbers from `protobuf-fields.json` (see
 * `ops/derive-protobuf-fields.mjs`). Invariant: what it returns is the JSON form of the same object; lengths
 * and nesting are checked before anything is read. It only decodes: answers are always JSON.
 */
import { kindByName } from '../../api/kinds.ts'
import type { Json } from '../../api/meta.ts'
import { type FieldType, hasSchema, schemaOf } from '../../api/schema.ts'
import { badRequest, unsupportedMediaType } from '../../api/status-error.ts'
import { microTimestamp, timestamp } from '../../std/clock.ts'
import numbersByModel from './protobuf-fields.json'

type Numbers = { [field: string]: number | Numbers }
type Slot = { name: string; type: FieldType } | { embedded: Map<number, Slot> }

const DEPTH_MAX = 64
const MAGIC = Buffer.from('k8s\0')
/** Bodies that are no stored kinds; a DeleteOptions may come under any group's version. */
const DOCUMENTS: Readonly<Record<string, string>> = {
  DeleteOptions: 'V1DeleteOptions',
  Eviction: 'V1Eviction',
  Binding: 'V1Binding',
  Scale: 'V1Scale',
}

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
  const model = kindByName(apiVersion, kind)?.model ?? DOCUMENTS[kind]
  if (!model || !hasSchema(model))
    throw unsupportedMediaType(`no kind "${kind}" is registered for version "${apiVersion}"`)
  const object = raw ? readMessage(raw, slotsOf(model), 0) : {}
  return { apiVersion, kind, ...object }
}

const slots = new Map<string, Map<number, Slot>>()

const slotsOf = (model: string): Map<number, Slot> => {
  let found = slots.get(model)
  if (!found) {
    const numbers = (numbersByModel as Record<string, Numbers>)[model] ?? {}
    found = compile(model, numbers)
    slots.set(model, found)
  }
  return found
}

const compile = (model: string, numbers: Numbers): Map<number, Slot> => {
  const { fields } = schemaOf(model)
  const compiled = new Map<number, Slot>()
  for (const [name, number] of Object.entries(numbers)) {
    if (typeof number === 'object')
      compiled.set(Number(name.slice(1)), { embedded: compile(model, number) })
    else {
      const field = fields.get(name)
      if (field) compiled.set(number, { name, type: field.type })
    }
  }
  return compiled
}

type JsonObject = { [key: string]: Json }

const readMessage = (reader: Reader, known: Map<number, Slot>, depth: number): JsonObject => {
  if (depth > DEPTH_MAX) throw malformed()
  const object: JsonObject = {}
  for (let number = reader.next(); number !== 0; number = reader.next()) {
    const slot = known.get(number)
    if (!slot) reader.skip()
    else if ('embedded' in slot)
      Object.assign(object, readMessage(reader.message(), slot.embedded, depth + 1))
    else readField(reader, object, slot.name, slot.type, depth)
  }
  return object
}

const readField = (
  reader: Reader,
  object: JsonObject,
  name: string,
  type: FieldType,
  depth: number,
): void => {
  if (type.shape === 'list') {
    object[name] ??= []
    const items = object[name] as Json[]
    if (reader.wire === 2 && isPackable(type.of)) {
      const packed = reader.message()
      while (packed.hasMore()) items.push(packed.number(type.of))
    } else items.push(readValue(reader, type.of, depth))
    return
  }
  if (type.shape === 'map') {
    object[name] ??= {}
    const [key, value] = readEntry(reader.message(), type.of, depth)
    Object.defineProperty(object[name], key, {
      value,
      enumerable: true,
      writable: true,
      configurable: true,
    })
    return
  }
  const value = readValue(reader, type, depth)
  if (value !== null) object[name] = value
}

const readEntry = (entry: Reader, of: FieldType, depth: number): [string, Json] => {
  let key = ''
  let value: Json = of.shape === 'scalar' ? '' : {}
  for (let field = entry.next(); field !== 0; field = entry.next()) {
    if (field === 1) key = entry.text()
    else if (field === 2) value = readValue(entry, of, depth)
    else entry.skip()
  }
  return [key, value]
}

const isPackable = (type: FieldType): boolean =>
  type.shape === 'scalar' &&
  (type.scalar === 'int32' || type.scalar === 'int64' || type.scalar === 'boolean')

/** Null stands for a zero time, which JSON leaves out. */
const readValue = (reader: Reader, type: FieldType, depth: number): Json => {
  switch (type.shape) {
    case 'model':
      return readMessage(reader.message(), slotsOf(type.model), depth + 1)
    case 'list': {
      /** A list inside a map: a message whose field 1 repeats. */
      const inner = reader.message()
      const items: Json[] = []
      for (let field = inner.next(); field !== 0; field = inner.next()) {
        if (field === 1) items.push(readValue(inner, type.of, depth + 1))
        else inner.skip()
      }
      return items
    }
    case 'map':
      throw malformed()
    case 'scalar':
      return readScalar(reader, type)
  }
}

const readScalar = (reader: Reader, type: FieldType & { shape: 'scalar' }): Json => {
  switch (type.scalar) {
    case 'string':
      return reader.text()
    case 'byte':
      return reader.bytes().toString('base64')
    case 'boolean':
    case 'int32':
    case 'int64':
    case 'double':
      return reader.number(type)
    case 'quantity':
      return reader.message().firstText()
    case 'time':
    case 'microTime': {
      const milliseconds = readTime(reader.message())
      if (milliseconds === undefined) return null
      return type.scalar === 'time' ? timestamp(milliseconds) : microTimestamp(milliseconds)
    }
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
  }
}

const readTime = (reader: Reader): number | undefined => {
  let seconds = 0
  let nanoseconds = 0
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) seconds = reader.varint()
    else if (field === 2) nanoseconds = reader.varint()
    else reader.skip()
  }
  /** Go's zero time is the year 1. */
  if (seconds === 0 || seconds < -62_000_000_000) return undefined
  return seconds * 1000 + Math.floor(nanoseconds / 1e6)
}

const readIntOrString = (reader: Reader): Json => {
  let isText = false
  let number = 0
  let text = ''
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) isText = reader.varint() === 1
    else if (field === 2) number = reader.varint()
    else if (field === 3) text = reader.text()
    else reader.skip()
  }
  return isText ? text : number
}

const malformed = () => badRequest('the body of the request is not a well-formed protobuf message')

/** A cursor over one message. After `next` exactly one read (or `skip`) of the field's value follows. */
class Reader {
  wire = 0
  private readonly source: Buffer
  private at: number
  private readonly end: number

  constructor(source: Buffer, at: number, end: number) {
    this.source = source
    this.at = at
    this.end = end
  }

  hasMore(): boolean {
    return this.at < this.end
  }

  /** The next field's number, 0 at the end. */
  next(): number {
    if (this.at >= this.end) return 0
    const key = this.unsigned()
    this.wire = Number(key & 7n)
    const field = Number(key >> 3n)
    if (field === 0) throw malformed()
    return field
  }

  varint(): number {
    if (this.wire !== 0) throw malformed()
    return Number(BigInt.asIntN(64, this.unsigned()))
  }

  number(type: FieldType): number | boolean {
    const scalar = type.shape === 'scalar' ? type.scalar : 'string'
    if (scalar === 'double') {
      if (this.wire !== 1 || this.at + 8 > this.end) throw malformed()
      this.at += 8
      return this.source.readDoubleLE(this.at - 8)
    }
    const value = Number(BigInt.asIntN(64, this.unsigned()))
    return scalar === 'boolean' ? value !== 0 : value
  }

  text(): string {
    const { source, at, end } = this.message()
    return source.toString('utf8', at, end)
  }

  bytes(): Buffer {
    const { source, at, end } = this.message()
    return source.subarray(at, end)
  }

  message(): Reader {
    if (this.wire !== 2) throw malformed()
    const length = Number(this.unsigned())
    const from = this.at
    if (length > this.end - from) throw malformed()
    this.at += length
    return new Reader(this.source, from, this.at)
  }

  /** Field 1 as text: what a Quantity and a RawExtension consist of. */
  firstText(): string {
    let text = ''
    for (let field = this.next(); field !== 0; field = this.next()) {
      if (field === 1) text = this.text()
      else this.skip()
    }
    return text
  }

  skip(): void {
    if (this.wire === 0) this.unsigned()
    else if (this.wire === 2) this.message()
    else if (this.wire === 1) this.at += 8
    else if (this.wire === 5) this.at += 4
    else throw malformed()
    if (this.at > this.end) throw malformed()
  }

  private unsigned(): bigint {
    let value = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      if (this.at >= this.end) throw malformed()
      const byte = this.source[this.at++]!
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
    throw malformed()
  }
}
