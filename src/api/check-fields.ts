/**
 * Decoding: the checked, pruned and canonical form of a value that came from outside.
 *
 * It does to JSON what Kubernetes' decoder does: unknown fields are dropped and named, null and empty values
 * of optional fields are absent, quantities and times take their canonical form, wrong types are named in Go's
 * words. One walker is compiled per model; the input is not changed. It sets no defaults and knows no rules
 * beyond types.
 */

import { SCALAR_WALKERS } from './decode-scalars.ts'
import { Trail, type Walker } from './decode-trail.ts'
import { ABSENT_WHEN_ZERO, KEPT_EMPTY_STRINGS } from './field-facts.ts'
import type { CheckedFields, UncheckedObject } from './kind.ts'
import type { Json } from './meta.ts'
import { type FieldType, type Scalar, schemaOf } from './schema.ts'
import { badRequest, type StatusError } from './status-error.ts'

/**
 * Checks `value` against `model` (a name in `@kubernetes/client-node`, e.g. `kind.model`). `root`: the path of `value`
 * in the object it is a part of.
 */
export const checkFields = (model: string, value: Json, root = ''): CheckedFields => {
  const trail = new Trail(root)
  const object = walkerOf(model)(value, trail)
  return {
    object: isObject(object) ? object : {},
    unknownFields: trail.unknownFields,
    typeErrors: trail.typeErrors,
  }
}

/** 400 for a body that does not fit its kind; `message` is a type error or a strict decoding error. */
export const decodeError = (
  kind: { kind: string; version: string },
  message: string,
): StatusError =>
  badRequest(
    `${kind.kind} in version "${kind.version}" cannot be handled as a ${kind.kind}: ${message}`,
  )

/** The message of fieldValidation=Strict about `faults` (unknown and duplicate fields). */
export const strictDecodingMessage = (faults: readonly string[]): string =>
  `strict decoding error: ${faults.join(', ')}`

const isObject = (value: Json | undefined): value is UncheckedObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const walkers = new Map<string, Walker>()

const walkerOf = (model: string): Walker => {
  const known = walkers.get(model)
  if (known) return known
  const { goName, fields } = schemaOf(model)
  const compiled = new Map<string, Walker>()
  const goType = `v1.${goName}`
  const walk: Walker = (value, trail) => {
    if (!isObject(value)) return trail.mismatch(value, goType)
    const pruned: UncheckedObject = {}
    const outer = trail.struct
    trail.struct = goName
    for (const key in value) {
      const walkField = compiled.get(key)
      const item = value[key] as Json
      if (walkField === undefined) trail.unknown(key)
      else if (item !== null) {
        trail.path.push(key)
        const walked = walkField(item, trail)
        trail.path.pop()
        if (walked !== undefined) pruned[key] = walked
      }
    }
    trail.struct = outer
    return pruned
  }
  // models refer to each other in circles: register before compiling the fields
  walkers.set(model, walk)
  for (const field of fields.values())
    compiled.set(field.name, compileField(`${model}.${field.name}`, field.type, field.required))
  return walk
}

const compileField = (fact: string, type: FieldType, required: boolean): Walker => {
  const walk = compileType(type)
  if (required) return walk
  if (type.shape === 'list')
    return (value, trail) => {
      const walked = walk(value, trail)
      return Array.isArray(walked) && walked.length === 0 ? undefined : walked
    }
  if (type.shape === 'map')
    return (value, trail) => {
      const walked = walk(value, trail)
      if (walked !== undefined) for (const _ in walked as UncheckedObject) return walked
      return undefined
    }
  if (type.shape === 'model') return walk
  if (ABSENT_WHEN_ZERO.has(fact)) return (value, trail) => walk(value, trail) || undefined
  if (type.scalar === 'string' && !KEPT_EMPTY_STRINGS.has(fact))
    return (value, trail) => walk(value, trail) || undefined
  return walk
}

const compileType = (type: FieldType): Walker => {
  switch (type.shape) {
    case 'scalar':
      return SCALAR_WALKERS[type.scalar]
    case 'model': {
      const { model } = type
      let walk: Walker | undefined
      return (value, trail) => {
        walk ??= walkerOf(model)
        return walk(value, trail)
      }
    }
    case 'list':
      return compileList(type.of, `[]${goTypeOf(type.of)}`)
    case 'map':
      return compileMap(type.of, `map[string]${goTypeOf(type.of)}`)
  }
}

const compileList = (of: FieldType, goType: string): Walker => {
  const walk = compileType(of)
  const zero = zeroOf(of)
  return (value, trail) => {
    if (!Array.isArray(value)) return trail.mismatch(value, goType)
    const items: Json[] = []
    for (let index = 0; index < value.length; index++) {
      const item = value[index] as Json
      trail.path.push(index)
      const walked = item === null ? zero() : walk(item, trail)
      trail.path.pop()
      if (walked !== undefined) items.push(walked)
    }
    return items
  }
}

const compileMap = (of: FieldType, goType: string): Walker => {
  const walk = compileType(of)
  /** Only what has fields can have faults that name a place. */
  const isNamed = of.shape === 'model'
  const zero = zeroOf(of)
  return (value, trail) => {
    if (!isObject(value)) return trail.mismatch(value, goType)
    const entries: UncheckedObject = {}
    for (const key in value) {
      const item = value[key] as Json
      if (isNamed) trail.path.push(key)
      const walked = item === null ? zero() : walk(item, trail)
      if (isNamed) trail.path.pop()
      if (walked === undefined) continue
      if (key === '__proto__')
        Object.defineProperty(entries, key, {
          value: walked,
          writable: true,
          enumerable: true,
          configurable: true,
        })
      else entries[key] = walked
    }
    return entries
  }
}

/** What Go leaves where a list or map holds null. */
const zeroOf = (type: FieldType): (() => Json | undefined) => {
  if (type.shape === 'list') return () => []
  if (type.shape !== 'scalar') return () => ({})
  switch (type.scalar) {
    case 'string':
    case 'byte':
      return () => ''
    case 'boolean':
      return () => false
    case 'quantity':
      return () => '0'
    case 'int32':
    case 'int64':
    case 'double':
    case 'intOrString':
      return () => 0
    default:
      return () => undefined
  }
}

const GO_SCALARS: Readonly<Record<Scalar, string>> = {
  string: 'string',
  boolean: 'bool',
  int32: 'int32',
  int64: 'int64',
  double: 'float64',
  time: 'v1.Time',
  microTime: 'v1.MicroTime',
  byte: '[]uint8',
  intOrString: 'intstr.IntOrString',
  quantity: 'resource.Quantity',
  any: 'runtime.RawExtension',
}

const goTypeOf = (type: FieldType): string => {
  switch (type.shape) {
    case 'scalar':
      return GO_SCALARS[type.scalar]
    case 'list':
      return `[]${goTypeOf(type.of)}`
    case 'map':
      return `map[string]${goTypeOf(type.of)}`
    case 'model':
      return `v1.${schemaOf(type.model).goName}`
  }
}
