/**
 * The types of CEL as Kubernetes declares them, and how a checker compares them.
 *
 * A type may carry the most elements a value of it can have (`maxElements`, from maxLength, maxItems and
 * maxProperties) for estimates of cost; it plays no part in comparing. Types are shared and never mutated.
 */

export interface ObjectField {
  type: CelType
  /** The field's name in JSON; of schemas the key in `fields` is escaped, so that CEL can name it. */
  name: string
}

export type Primitive =
  | 'null'
  | 'bool'
  | 'int'
  | 'uint'
  | 'double'
  | 'string'
  | 'bytes'
  | 'timestamp'
  | 'duration'
  | 'dyn'

export type CelType =
  | { kind: Primitive; maxElements?: number; minSize?: number }
  | {
      kind: 'list'
      of: CelType
      maxElements?: number
      minSize?: number
      /** `x-kubernetes-list-type: set`, or the keys of a list of type map: equality disregards order. */
      unordered?: 'set' | readonly string[]
    }
  | { kind: 'map'; key: CelType; of: CelType; maxElements?: number; minSize?: number }
  | {
      kind: 'object'
      name: string
      fields: ReadonlyMap<string, ObjectField>
      /** Names that are not declared select dynamic values. */
      open?: boolean
      maxElements?: undefined
      minSize?: number
    }
  | {
      kind: 'opaque'
      name: string
      parameters: readonly CelType[]
      maxElements?: undefined
      minSize?: undefined
    }
  | { kind: 'type'; of?: CelType; maxElements?: undefined; minSize?: undefined }
  | { kind: 'param'; name: string; maxElements?: undefined; minSize?: undefined }

const primitive = (kind: Primitive): CelType => ({ kind })

export const NULL = primitive('null')
export const BOOL = primitive('bool')
export const INT = primitive('int')
export const UINT = primitive('uint')
export const DOUBLE = primitive('double')
export const STRING = primitive('string')
export const BYTES = primitive('bytes')
export const TIMESTAMP = primitive('timestamp')
export const DURATION = primitive('duration')
export const DYN = primitive('dyn')

export const listOf = (of: CelType): CelType => ({ kind: 'list', of })
export const mapOf = (key: CelType, of: CelType): CelType => ({ kind: 'map', key, of })
export const optionalOf = (of: CelType): CelType => opaque(OPTIONAL, [of])
export const OPTIONAL = 'optional_type'
export const opaque = (name: string, parameters: readonly CelType[] = []): CelType => ({
  kind: 'opaque',
  name,
  parameters,
})

/**
 * An object type declared by hand. Fields go by their names in JSON, as Kubernetes' own declarations do: only those of
 * schemas are escaped.
 */
export const objectType = (
  name: string,
  fields: Readonly<Record<string, CelType>>,
  open = false,
): CelType => ({
  kind: 'object',
  name,
  open,
  fields: new Map(Object.entries(fields).map(([field, type]) => [field, { type, name: field }])),
})

const RESERVED = new Set(
  'true false null in as break const continue else for function if import let loop package namespace return var void while'.split(
    ' ',
  ),
)

export const isReserved = (name: string): boolean => RESERVED.has(name)

/** Kubernetes' way to name a property in CEL: `foo-bar` is `foo__dash__bar`, `namespace` is `__namespace__`. */
export const escapeName = (name: string): string => {
  if (RESERVED.has(name)) return `__${name}__`
  return name
    .replaceAll('__', '__underscores__')
    .replaceAll('.', '__dot__')
    .replaceAll('-', '__dash__')
    .replaceAll('/', '__slash__')
}

/** As error messages show it. */
export const formatType = (type: CelType): string => {
  switch (type.kind) {
    case 'list':
      return `list(${formatType(type.of)})`
    case 'map':
      return `map(${formatType(type.key)}, ${formatType(type.of)})`
    case 'object':
    case 'param':
      return type.name
    case 'opaque':
      return type.parameters.length === 0
        ? type.name
        : `${type.name}(${type.parameters.map(formatType).join(', ')})`
    case 'type':
      return type.of ? `type(${formatType(type.of)})` : 'type'
    default:
      return type.kind
  }
}

/** `list<A>`, `map<string, int>`, `optional<A>`, `kubernetes.URL` …; one capital letter is a parameter. */
export const parseType = (text: string): CelType => {
  const known = SIMPLE[text]
  if (known) return known
  if (/^[A-Z]$/.test(text)) return { kind: 'param', name: text }
  const generic = /^(\w+)<(.*)>$/.exec(text)
  if (!generic) return opaque(text)
  const [, outer = '', inner = ''] = generic
  const parts = splitTypes(inner).map(parseType)
  if (outer === 'list') return listOf(parts[0]!)
  if (outer === 'map') return mapOf(parts[0]!, parts[1]!)
  if (outer === 'type') return { kind: 'type', of: parts[0]! }
  return outer === 'optional' ? optionalOf(parts[0]!) : opaque(outer, parts)
}

/** Splits at the commas outside of `<…>`. */
export const splitTypes = (text: string): string[] => {
  const parts: string[] = []
  let depth = 0
  let start = 0
  for (let at = 0; at <= text.length; at++) {
    const sign = text[at]
    if (sign === '<') depth++
    if (sign === '>') depth--
    if (at < text.length && (sign !== ',' || depth > 0)) continue
    const part = text.slice(start, at).trim()
    if (part) parts.push(part)
    start = at + 1
  }
  return parts
}

const SIMPLE: Readonly<Record<string, CelType>> = {
  null: NULL,
  bool: BOOL,
  int: INT,
  uint: UINT,
  double: DOUBLE,
  string: STRING,
  bytes: BYTES,
  timestamp: TIMESTAMP,
  duration: DURATION,
  dyn: DYN,
  type: { kind: 'type' },
}

/** What type parameters stand for, within one check. */
export class Substitution {
  private bindings = new Map<string, CelType>()
  private fresh = 0

  /** Fresh parameters for those of a signature. */
  instantiate(type: CelType, names: Map<string, CelType>): CelType {
    if (type.kind === 'param') {
      const known = names.get(type.name)
      if (known) return known
      const made = this.parameter()
      names.set(type.name, made)
      return made
    }
    return mapParts(type, (part) => this.instantiate(part, names))
  }

  parameter(): CelType {
    return { kind: 'param', name: `%${this.fresh++}` }
  }

  /** The type with what is known put in place of parameters; unknown ones stay, or become dynamic. */
  resolve(type: CelType, unknownIsDynamic = false): CelType {
    if (type.kind !== 'param') return mapParts(type, (part) => this.resolve(part, unknownIsDynamic))
    const bound = this.bindings.get(type.name)
    if (bound) return this.resolve(bound, unknownIsDynamic)
    return unknownIsDynamic ? DYN : type
  }

  /** Whether values of the types may all stand where the others are wanted; binds parameters only then. */
  assign(wanted: readonly CelType[], given: readonly CelType[]): boolean {
    const before = this.bindings
    this.bindings = new Map(before)
    if (wanted.every((type, at) => this.isAssignable(type, given[at]!))) return true
    this.bindings = before
    return false
  }

  private isAssignable(wantedType: CelType, givenType: CelType): boolean {
    const wanted = this.deref(wantedType)
    const given = this.deref(givenType)
    if (wanted === given) return true
    if (wanted.kind === 'param') return this.bind(wanted.name, given)
    if (given.kind === 'param') return this.bind(given.name, wanted)
    if (wanted.kind === 'dyn' || given.kind === 'dyn') return true
    if (given.kind === 'null' || wanted.kind === 'null')
      return given.kind === wanted.kind || NULLABLE.has(given.kind) || NULLABLE.has(wanted.kind)
    if (wanted.kind !== given.kind) return false
    return this.partsAssignable(wanted, given)
  }

  private partsAssignable(wanted: CelType, given: CelType): boolean {
    if (wanted.kind === 'list' && given.kind === 'list')
      return this.isAssignable(wanted.of, given.of)
    if (wanted.kind === 'map' && given.kind === 'map')
      return this.isAssignable(wanted.key, given.key) && this.isAssignable(wanted.of, given.of)
    if (wanted.kind === 'object' && given.kind === 'object') return wanted.name === given.name
    if (wanted.kind === 'opaque' && given.kind === 'opaque')
      return (
        wanted.name === given.name &&
        wanted.parameters.every((part, at) => this.isAssignable(part, given.parameters[at] ?? DYN))
      )
    return true
  }

  private deref(type: CelType): CelType {
    let found = type
    while (found.kind === 'param') {
      const bound = this.bindings.get(found.name)
      if (!bound) return found
      found = bound
    }
    return found
  }

  private bind(name: string, type: CelType): boolean {
    if (mentions(this.resolve(type), name)) return false
    this.bindings.set(name, type)
    return true
  }
}

/** Null may stand for them, as for messages. */
const NULLABLE: ReadonlySet<string> = new Set(['object', 'opaque', 'timestamp', 'duration'])

const mapParts = (type: CelType, map: (part: CelType) => CelType): CelType => {
  if (type.kind === 'list') {
    const of = map(type.of)
    return of === type.of ? type : { ...type, of }
  }
  if (type.kind === 'map') {
    const key = map(type.key)
    const of = map(type.of)
    return key === type.key && of === type.of ? type : { ...type, key, of }
  }
  if (type.kind === 'opaque' && type.parameters.length > 0)
    return { ...type, parameters: type.parameters.map(map) }
  if (type.kind === 'type' && type.of) return { ...type, of: map(type.of) }
  return type
}

const mentions = (type: CelType, name: string): boolean => {
  if (type.kind === 'param') return type.name === name
  if (type.kind === 'list') return mentions(type.of, name)
  if (type.kind === 'map') return mentions(type.key, name) || mentions(type.of, name)
  if (type.kind === 'opaque') return type.parameters.some((part) => mentions(part, name))
  return false
}
