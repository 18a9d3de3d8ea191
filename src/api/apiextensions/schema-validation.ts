/**
 * Whether a value fits a custom kind's schema, in the words of Kubernetes' validator (kube-openapi's
 * `validation/validate` and apiextensions' `apiserver/validation`).
 *
 * Paths are the validator's: `spec.list[0].name`, a message about alternatives has none. On an update what has
 * not changed is not held against it: an error in a part that equals its old value is dropped (ratcheting).
 * Invariant: values are not changed.
 */
import { deepEqual } from '../equality.ts'
import type { Json } from '../meta.ts'
import {
  type FieldError,
  invalidField,
  requiredField,
  tooLongField,
  tooManyField,
  unsupportedField,
} from '../status-error.ts'
import { FORMATS } from './formats.ts'
import { fieldSchema, type SchemaNode } from './structural-schema.ts'

type JsonObject = { [key: string]: Json }

interface Result {
  errors: FieldError[]
  /** How much was looked at: the alternative that comes furthest is the one whose faults are told. */
  matches: number
}

/** Faults of `value`; `old` is what was there before, undefined for a new object or part. */
export const validateValue = (value: Json, node: SchemaNode, path = '', old?: Json): FieldError[] =>
  check(value, node, path, old).errors

const check = (value: Json, node: SchemaNode, path: string, old: Json | undefined): Result => {
  const result: Result = { errors: [], matches: 0 }
  if (node.types.length > 0 || node.format) {
    result.matches++
    const fault = typeFault(value, node, path)
    if (fault) result.errors.push(fault)
  }
  if (value === null) return settled(result, value, old)
  checkAlternatives(result, value, node, path)
  if (typeof value === 'string') checkText(result, value, node, path)
  else if (typeof value === 'number') checkNumber(result, value, node, path)
  else if (Array.isArray(value)) checkList(result, value, node, path, old)
  if (node.enum) {
    result.matches++
    const { enum: allowed } = node
    if (!allowed.some((item) => deepEqual(item, value)))
      result.errors.push(unsupportedField(fieldOf(path), value, allowed.map(enumText)))
  }
  if (typeof value === 'object' && !Array.isArray(value))
    checkObject(result, value, node, path, old)
  return settled(result, value, old)
}

/** What is as it was before is not refused. */
const settled = (result: Result, value: Json, old: Json | undefined): Result => {
  if (old !== undefined && result.errors.length > 0 && deepEqual(value, old)) result.errors = []
  return result
}

const merge = (into: Result, { errors, matches }: Result): void => {
  into.errors.push(...errors)
  into.matches += matches
}

const fieldOf = (path: string): string => path || '<nil>'

const enumText = (value: Json): string =>
  typeof value === 'string' ? value : JSON.stringify(value)

/** JSON's type as the validator names it; `1.0` is an integer, as it is for Go's decoder of JSON. */
const typeOf = (value: Json): string => {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'array'
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number'
  return typeof value
}

const typeFault = (value: Json, node: SchemaNode, path: string): FieldError | undefined => {
  const { types, format, nullable } = node
  const actual = typeOf(value)
  if (value === null)
    return types.length > 0 && !nullable ? wrongType(path, types.join(','), 'null') : undefined
  const isNumeric = types.includes('number') || types.includes('integer')
  const fits = types.includes(actual) || (actual === 'integer' && types.includes('number'))
  if (format && actual !== 'string' && actual !== 'array') {
    if (fits) return undefined
    return wrongType(path, node.statedFormat, GO_FORMATS[actual] ?? '')
  }
  if (format && !isNumeric && (actual === 'string' || actual === 'array')) return undefined
  return types.length === 0 || fits ? undefined : wrongType(path, types.join(','), actual)
}

const GO_FORMATS: Readonly<Record<string, string>> = { integer: 'int64', number: 'double' }

const wrongType = (path: string, wanted: string, actual: string): FieldError => ({
  reason: 'FieldValueTypeInvalid',
  field: fieldOf(path),
  message: `Invalid value: ${JSON.stringify(actual)}: ${path} in body must be of type ${wanted}: ${JSON.stringify(actual)}`,
})

const checkText = (result: Result, value: string, node: SchemaNode, path: string): void => {
  const { bounds, pattern, format } = node
  const { maxLength, minLength } = bounds
  if (maxLength !== undefined || minLength !== undefined || pattern) {
    result.matches++
    const length = characters(value)
    if (maxLength !== undefined && length > maxLength)
      result.errors.push(tooLongField(fieldOf(path), maxLength))
    else if (minLength !== undefined && length < minLength)
      result.errors.push(
        invalidField(
          fieldOf(path),
          value,
          `${path} in body should be at least ${minLength} chars long`,
        ),
      )
    else if (pattern && !pattern.matcher(value).find())
      result.errors.push(
        invalidField(fieldOf(path), value, `${path} in body should match '${bounds.pattern}'`),
      )
  }
  if (!format) return
  result.matches++
  if (FORMATS.get(format)?.(value) === false)
    result.errors.push(wrongType(path, node.statedFormat, value))
}

const characters = (text: string): number => {
  let count = 0
  for (const _ of text) count++
  return count
}

const checkNumber = (result: Result, value: number, { bounds }: SchemaNode, path: string): void => {
  const { multipleOf, maximum, exclusiveMaximum, minimum, exclusiveMinimum } = bounds
  if (multipleOf === undefined && maximum === undefined && minimum === undefined) return
  result.matches++
  const refuse = (what: string) =>
    result.errors.push(invalidField(fieldOf(path), value, `${path} in body should be ${what}`))
  if (multipleOf !== undefined && !isMultiple(value, multipleOf))
    refuse(`a multiple of ${goNumber(multipleOf)}`)
  if (maximum !== undefined && (exclusiveMaximum ? value >= maximum : value > maximum))
    refuse(`${exclusiveMaximum ? 'less than' : 'less than or equal to'} ${goNumber(maximum)}`)
  if (minimum !== undefined && (exclusiveMinimum ? value <= minimum : value < minimum))
    refuse(`${exclusiveMinimum ? 'greater than' : 'greater than or equal to'} ${goNumber(minimum)}`)
}

const isMultiple = (value: number, factor: number): boolean => {
  const quotient = value / factor
  return Math.abs(quotient - Math.round(quotient)) < 1e-9
}

/** A float64 as Go's %v prints it. */
const goNumber = (value: number): string => {
  const size = Math.abs(value)
  if (value === 0 || (size >= 1e-4 && size < 1e21)) return String(value)
  const [digits = '', power = ''] = value.toExponential().split('e')
  const sign = power.startsWith('-') ? '-' : '+'
  return `${digits}e${sign}${power.replace(/^[-+]/, '').padStart(2, '0')}`
}

const checkList = (
  result: Result,
  value: readonly Json[],
  node: SchemaNode,
  path: string,
  old: Json | undefined,
): void => {
  result.matches++
  const { items, bounds } = node
  if (items) {
    const before = oldItems(node, old)
    for (let at = 0; at < value.length; at++)
      merge(result, check(value[at]!, items, `${path}[${at}]`, before?.(value[at]!)))
  }
  const { minItems, maxItems } = bounds
  if (minItems !== undefined && value.length < minItems)
    result.errors.push(
      invalidField(
        fieldOf(path),
        value.length,
        `${path} in body should have at least ${minItems} items`,
      ),
    )
  if (maxItems !== undefined && value.length > maxItems)
    result.errors.push(tooManyField(fieldOf(path), value.length, maxItems))
}

/** Which old item is the same one: items of lists that are no map have no identity. */
export const oldItems = (
  { listType, listMapKeys }: SchemaNode,
  old: Json | undefined,
): ((item: Json) => Json | undefined) | undefined => {
  if (!Array.isArray(old) || listType !== 'map') return undefined
  const byKey = new Map(old.map((item) => [keyOfItem(item, listMapKeys), item]))
  return (item) => byKey.get(keyOfItem(item, listMapKeys))
}

export const keyOfItem = (item: Json, keys: readonly string[]): string =>
  JSON.stringify(keys.map((key) => (item as JsonObject | null)?.[key] ?? null))

const checkObject = (
  result: Result,
  value: JsonObject,
  node: SchemaNode,
  path: string,
  old: Json | undefined,
): void => {
  result.matches++
  const { minProperties, maxProperties } = node.bounds
  const count = Object.keys(value).length
  if (minProperties !== undefined && count < minProperties)
    result.errors.push(
      invalidField(
        fieldOf(path),
        count,
        `${path} in body should have at least ${minProperties} properties`,
      ),
    )
  if (maxProperties !== undefined && count > maxProperties)
    result.errors.push(tooManyField(fieldOf(path), count, maxProperties))
  const before = typeof old === 'object' && old !== null && !Array.isArray(old) ? old : undefined
  if (node.additionalProperties === false)
    for (const key of Object.keys(value))
      if (!node.properties?.has(key))
        result.errors.push(
          invalidField(fieldOf(path), key, `${path}.${key} in body is a forbidden property`),
        )
  for (const key of Object.keys(value)) {
    const own = fieldSchema(node, key)
    if (!own) continue
    const place = path ? `${path}.${key}` : key
    merge(result, check(value[key]!, own, place, before?.[key]))
  }
  for (const name of node.required)
    if (!(name in value)) result.errors.push(requiredField(path ? `${path}.${name}` : name))
}

const NO_PATH = '<nil>'

const checkAlternatives = (result: Result, value: Json, node: SchemaNode, path: string): void => {
  const refuse = (text: string) =>
    result.errors.push(invalidField(NO_PATH, '', `${JSON.stringify(path)} ${text}`))
  if (node.anyOf.length > 0) {
    const results = node.anyOf.map((each) => check(value, each, path, undefined))
    const passed = results.find(({ errors }) => errors.length === 0)
    if (passed) result.matches += passed.matches
    else {
      refuse('must validate at least one schema (anyOf)')
      mergeBest(result, results)
    }
  }
  if (node.oneOf.length > 0) {
    const results = node.oneOf.map((each) => check(value, each, path, undefined))
    const passed = results.filter(({ errors }) => errors.length === 0)
    if (passed.length === 1) result.matches += passed[0]!.matches
    else if (passed.length === 0) {
      refuse('must validate one and only one schema (oneOf). Found none valid')
      mergeBest(result, results)
    } else
      refuse(
        `must validate one and only one schema (oneOf). Found ${passed.length} valid alternatives`,
      )
  }
  if (node.allOf.length > 0) {
    const results = node.allOf.map((each) => check(value, each, path, undefined))
    for (const each of results) merge(result, each)
    const passed = results.filter(({ errors }) => errors.length === 0).length
    if (passed === 0) refuse('must validate all the schemas (allOf). None validated')
    else if (passed < results.length) refuse('must validate all the schemas (allOf)')
  }
  if (node.not && check(value, node.not, path, undefined).errors.length === 0)
    refuse('must not validate the schema (not)')
}

const mergeBest = (result: Result, results: readonly Result[]): void => {
  let best: Result | undefined
  for (const each of results) if (!best || each.matches > best.matches) best = each
  if (best) merge(result, best)
}
