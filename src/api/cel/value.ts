/**
 * Values while an expression runs: what JSON becomes, and how values compare.
 *
 * int is a bigint, double a number, uint a `Uint`. Objects, lists and maps of JSON are read where they lie:
 * an adapter made from the declared type turns a part into a value when it is looked at. Values are immutable.
 */
import { CelError } from './cel-error.ts'
import type { CelType } from './cel-type.ts'
import { DYN, escapeName } from './cel-type.ts'
import { Duration, Timestamp } from './time.ts'

export type Value =
  | null
  | boolean
  | bigint
  | number
  | string
  | Uint8Array
  | Uint
  | Timestamp
  | Duration
  | ListValue
  | MapValue
  | Optional
  | TypeValue
  | Opaque

export class Uint {
  readonly value: bigint
  constructor(value: bigint) {
    this.value = value
  }
}

/** What `type(x)` gives. */
export class TypeValue {
  readonly name: string
  constructor(name: string) {
    this.name = name
  }
}

export class Optional {
  static readonly none = new Optional(undefined)
  readonly value: Value | undefined
  constructor(value: Value | undefined) {
    this.value = value
  }
}

/** A value of a library, such as an address; `size` is what its cost goes by. */
export abstract class Opaque {
  abstract readonly typeName: string
  abstract equals(other: Opaque): boolean
  get size(): number {
    return 1
  }
}

/** From a part of JSON to a value; values pass through. */
export type Adapter = (raw: unknown) => Value

export class ListValue {
  readonly raw: readonly unknown[]
  private readonly adapt: Adapter | undefined
  readonly unordered: 'set' | readonly string[] | undefined

  constructor(
    raw: readonly unknown[],
    adapt?: Adapter,
    unordered?: 'set' | readonly string[] | undefined,
  ) {
    this.raw = raw
    this.adapt = adapt
    this.unordered = unordered
  }

  get size(): number {
    return this.raw.length
  }

  at(index: number): Value {
    const raw = this.raw[index]
    return this.adapt ? this.adapt(raw) : (raw as Value)
  }

  *[Symbol.iterator](): Generator<Value> {
    for (let index = 0; index < this.raw.length; index++) yield this.at(index)
  }
}

/** Maps and objects: of JSON, where keys are strings, or made by an expression. */
export abstract class MapValue {
  abstract readonly size: number
  /** The type's name when it is an object. */
  readonly objectName: string | undefined = undefined
  abstract get(key: Value): Value | undefined
  abstract keys(): Value[]

  /** For comparing: keys as they are in JSON, and what is there, declared or not. */
  names(): Value[] {
    return this.keys()
  }

  peek(name: Value): Value | undefined {
    return this.get(name)
  }
}

/** The keys are property names, `adaptOf` says how each is read; undefined: not declared. */
class JsonMap extends MapValue {
  override readonly objectName: string | undefined
  private readonly raw: Readonly<Record<string, unknown>>
  private readonly adaptOf: (key: string) => { name: string; adapt: Adapter } | undefined

  constructor(
    raw: Readonly<Record<string, unknown>>,
    adaptOf: (key: string) => { name: string; adapt: Adapter } | undefined,
    objectName?: string,
  ) {
    super()
    this.raw = raw
    this.adaptOf = adaptOf
    this.objectName = objectName
  }

  get size(): number {
    return this.keys().length
  }

  get(key: Value): Value | undefined {
    if (typeof key !== 'string') return undefined
    const field = this.adaptOf(key)
    if (!field || !Object.hasOwn(this.raw, field.name)) return undefined
    const raw = this.raw[field.name]
    /** A field that is null is not there; a map's value may be null. */
    if (raw === undefined || (raw === null && this.objectName !== undefined)) return undefined
    return field.adapt(raw)
  }

  override peek(name: Value): Value | undefined {
    if (typeof name !== 'string' || !Object.hasOwn(this.raw, name)) return undefined
    return this.get(escapeName(name)) ?? adaptDynamic(this.raw[name])
  }

  override names(): Value[] {
    return Object.keys(this.raw).filter((key) => this.raw[key] !== undefined)
  }

  keys(): Value[] {
    return this.names()
  }
}

export class ComputedMap extends MapValue {
  override readonly objectName: string | undefined
  private readonly entries = new Map<string | bigint | boolean, [Value, Value]>()

  constructor(entries: Iterable<readonly [Value, Value]>, objectName?: string) {
    super()
    this.objectName = objectName
    for (const [key, value] of entries) {
      const place = placeOf(key)
      if (place === undefined) throw new CelError('unsupported key type')
      if (this.entries.has(place))
        throw new CelError(`insert failed: key ${show(key)} already exists`)
      this.entries.set(place, [key, value])
    }
  }

  get size(): number {
    return this.entries.size
  }

  get(key: Value): Value | undefined {
    const place = placeOf(key)
    return place === undefined ? undefined : this.entries.get(place)?.[1]
  }

  keys(): Value[] {
    return [...this.entries.values()].map(([key]) => key)
  }
}

/** Numbers of all types that are equal are one key. */
const placeOf = (key: Value): string | bigint | boolean | undefined => {
  if (typeof key === 'string' || typeof key === 'boolean' || typeof key === 'bigint') return key
  if (key instanceof Uint) return key.value
  return typeof key === 'number' && Number.isInteger(key) ? BigInt(key) : undefined
}

export const show = (value: Value): string => {
  if (value instanceof Uint) return String(value.value)
  return typeof value === 'object' && value !== null ? typeNameOf(value) : String(value)
}

const isPlain = (raw: object): raw is Record<string, unknown> => {
  const prototype: unknown = Object.getPrototypeOf(raw)
  return prototype === Object.prototype || prototype === null
}

const dynamicFields = (name: string) => ({ name, adapt: adaptDynamic })

/** JSON without a declared type: whole numbers are ints. */
const adaptDynamic: Adapter = (raw) => {
  if (raw === undefined) return null
  if (typeof raw === 'number') return Number.isInteger(raw) ? BigInt(raw) : raw
  if (Array.isArray(raw)) return new ListValue(raw, adaptDynamic)
  if (raw instanceof Date) return Timestamp.ofMilliseconds(raw.getTime())
  if (typeof raw === 'object' && raw !== null && isPlain(raw))
    return new JsonMap(raw, dynamicFields)
  return raw as Value
}

const adapters = new WeakMap<CelType, Adapter>([[DYN, adaptDynamic]])

/** The adapter of a type is made once. */
export const adapterOf = (type: CelType): Adapter => {
  const known = adapters.get(type)
  if (known) return known
  const made = makeAdapter(type)
  adapters.set(type, made)
  return made
}

const makeAdapter = (type: CelType): Adapter => {
  switch (type.kind) {
    case 'int':
      return (raw) => (typeof raw === 'number' ? BigInt(Math.trunc(raw)) : adaptDynamic(raw))
    case 'double':
      return (raw) => (typeof raw === 'number' ? raw : adaptDynamic(raw))
    case 'bytes':
      return (raw) => (typeof raw === 'string' ? Buffer.from(raw, 'base64') : adaptDynamic(raw))
    case 'timestamp':
      return (raw) => (typeof raw === 'string' ? Timestamp.parse(dateOnly(raw)) : adaptDynamic(raw))
    case 'duration':
      return (raw) => (typeof raw === 'string' ? Duration.parse(raw) : adaptDynamic(raw))
    case 'list':
      return (raw) =>
        Array.isArray(raw)
          ? new ListValue(raw, adapterOf(type.of), type.unordered)
          : adaptDynamic(raw)
    case 'map':
      return (raw) =>
        isRecord(raw)
          ? new JsonMap(raw, (name) => ({ name, adapt: adapterOf(type.of) }))
          : adaptDynamic(raw)
    case 'object':
      return objectAdapter(type)
    default:
      return adaptDynamic
  }
}

const dateOnly = (text: string): string =>
  /^\d{4}-\d{2}-\d{2}$/.test(text) ? `${text}T00:00:00Z` : text

const isRecord = (raw: unknown): raw is Record<string, unknown> =>
  typeof raw === 'object' && raw !== null && !Array.isArray(raw) && isPlain(raw)

const objectAdapter = (type: Extract<CelType, { kind: 'object' }>): Adapter => {
  const { fields, name, open } = type
  const adaptOf = (key: string) => {
    const field = fields.get(key)
    if (field) return { name: field.name, adapt: adapterOf(field.type) }
    return open ? dynamicFields(key) : undefined
  }
  return (raw) => (isRecord(raw) ? new JsonMap(raw, adaptOf, name) : adaptDynamic(raw))
}

/** The name of the value's type, as `type()` prints it. */
export const typeNameOf = (value: Value): string => {
  if (value === null) return 'null_type'
  switch (typeof value) {
    case 'boolean':
      return 'bool'
    case 'bigint':
      return 'int'
    case 'number':
      return 'double'
    case 'string':
      return 'string'
    default:
      return nameOfObject(value)
  }
}

const nameOfObject = (value: Exclude<Value, null | string | number | bigint | boolean>): string => {
  if (value instanceof Uint) return 'uint'
  if (value instanceof Uint8Array) return 'bytes'
  if (value instanceof Timestamp) return 'google.protobuf.Timestamp'
  if (value instanceof Duration) return 'google.protobuf.Duration'
  if (value instanceof ListValue) return 'list'
  if (value instanceof MapValue) return value.objectName ?? 'map'
  if (value instanceof Optional) return 'optional_type'
  if (value instanceof TypeValue) return 'type'
  return value.typeName
}

/** Whether a value may be what an overload's parameter of that type wants. */
export const isOfType = (value: Value, type: CelType): boolean => {
  switch (type.kind) {
    case 'dyn':
    case 'param':
      return true
    case 'list':
      return value instanceof ListValue
    case 'map':
    case 'object':
      return value instanceof MapValue
    case 'opaque':
      return typeNameOf(value) === type.name
    case 'null':
      return value === null
    case 'timestamp':
      return value instanceof Timestamp
    case 'duration':
      return value instanceof Duration
    case 'type':
      return value instanceof TypeValue
    default:
      return typeNameOf(value) === type.kind
  }
}

/** Code points. */
export const runes = (text: string): number => {
  let count = text.length
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code >= 0xd800 && code <= 0xdbff) count--
  }
  return count
}

/** How much a value weighs in costs: signs, bytes, elements; 1 for what has no size. */
export const sizeOf = (value: Value): number => {
  if (typeof value === 'string') return runes(value)
  if (value instanceof Uint8Array) return value.length
  if (value instanceof ListValue || value instanceof MapValue || value instanceof Opaque)
    return value.size
  return 1
}

/** The value as JSON, for what an expression makes (messages, patches, annotations). */
export const toJson = (value: Value): unknown => {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value
  if (typeof value === 'bigint' || typeof value === 'number') return Number(value)
  if (value instanceof Uint) return Number(value.value)
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  if (value instanceof ListValue) return [...value].map(toJson)
  if (value instanceof MapValue)
    return Object.fromEntries(value.keys().map((key) => [show(key), toJson(value.get(key)!)]))
  if (value instanceof Optional) return value.value === undefined ? null : toJson(value.value)
  if (value instanceof Opaque) throw new CelError(`unsupported type conversion: ${value.typeName}`)
  return value instanceof TypeValue ? value.name : value.toString()
}
