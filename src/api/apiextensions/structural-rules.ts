/**
 * Whether a schema is structural: every field has its type outside of `allOf`, `anyOf`, `oneOf` and `not`.
 *
 * After Kubernetes' `apiextensions-apiserver/pkg/apiserver/schema/validation.go`; faults come sorted, as there.
 * Invariant: pruning, defaulting and the types of rules rely on what passes here.
 */
import { deepEqual } from '../equality.ts'
import type { Json } from '../meta.ts'
import { type FieldError, forbiddenField, invalidField, requiredField } from '../status-error.ts'
import { patternFault } from './formats.ts'

export type Schema = { readonly [key: string]: Json }
type Level = 'root' | 'item' | 'field'

export const asSchema = (value: Json | undefined): Schema | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined

export const schemasOf = (value: Json | undefined): Schema[] =>
  Array.isArray(value) ? value.map((each) => asSchema(each) ?? {}) : []

export const propertiesOf = (schema: Schema): [string, Schema][] =>
  Object.entries(asSchema(schema['properties']) ?? {}).map(([name, each]) => [
    name,
    asSchema(each) ?? {},
  ])

const isSet = (schema: Schema, field: string): boolean => {
  const value = schema[field]
  return (
    value !== undefined &&
    value !== null &&
    value !== '' &&
    value !== false &&
    !(Array.isArray(value) && value.length === 0)
  )
}

export const validateStructural = (schema: Schema, path: string): FieldError[] => {
  const errors: FieldError[] = []
  invariants(errors, schema, 'root', path)
  completeness(errors, schema, path)
  const text = ({ field, message }: FieldError) => `${field}: ${message}`
  return errors.sort((a, b) => (text(a) < text(b) ? -1 : text(a) > text(b) ? 1 : 0))
}

const INT_OR_STRING_ANY_OF = [{ type: 'integer' }, { type: 'string' }]

const WITHOUT_TYPE: Readonly<Record<Level, string>> = {
  root: 'must not be empty at the root',
  item: 'must not be empty for specified array items',
  field: 'must not be empty for specified object fields',
}

const invariants = (errors: FieldError[], schema: Schema, level: Level, path: string): void => {
  const type = (schema['type'] as string | undefined) ?? ''
  const items = asSchema(schema['items'])
  const { additionalProperties } = schema
  if (type === 'array' && !items) errors.push(requiredField(`${path}.items`, 'must be specified'))
  if (items) invariants(errors, items, 'item', `${path}.items`)
  for (const [name, each] of propertiesOf(schema))
    invariants(errors, each, 'field', `${path}.properties[${name}]`)
  if (additionalProperties !== undefined && additionalProperties !== null) {
    const place = `${path}.additionalProperties`
    if (level === 'root') errors.push(forbiddenField(place, 'must not be used at the root'))
    const each = asSchema(additionalProperties)
    if (each) invariants(errors, each, 'field', place)
  }
  const isIntOrString = schema['x-kubernetes-int-or-string'] === true
  const preserves = schema['x-kubernetes-preserve-unknown-fields'] === true
  const isEmbedded = schema['x-kubernetes-embedded-resource'] === true
  for (const [name, isOn] of [
    ['x-kubernetes-preserve-unknown-fields', preserves],
    ['x-kubernetes-embedded-resource', isEmbedded],
  ] as const)
    if (isIntOrString && isOn)
      errors.push(
        invalidField(
          `${path}.${name}`,
          true,
          'must be false if x-kubernetes-int-or-string is true',
        ),
      )
  const skipsAnyOf = deepEqual(schema['anyOf'], INT_OR_STRING_ANY_OF)
  const skipsFirst = deepEqual(schemasOf(schema['allOf'])[0]?.['anyOf'], INT_OR_STRING_ANY_OF)
  valueRules(errors, schema, { skipsAnyOf, skipsFirst }, path)
  typeRules(errors, schema, { type, level, isEmbedded, isIntOrString, preserves }, path)
  metaRules(errors, schema, level, isEmbedded, path)
  if (isEmbedded && !preserves && propertiesOf(schema).length === 0)
    errors.push(
      requiredField(
        `${path}.properties`,
        'must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields',
      ),
    )
}

interface TypeFacts {
  type: string
  level: Level
  isEmbedded: boolean
  isIntOrString: boolean
  preserves: boolean
}

const typeRules = (
  errors: FieldError[],
  schema: Schema,
  { type, level, isEmbedded, isIntOrString, preserves }: TypeFacts,
  path: string,
): void => {
  const place = `${path}.type`
  const embedded = 'must be object if x-kubernetes-embedded-resource is true'
  if (isEmbedded && type !== 'object')
    errors.push(type ? invalidField(place, type, embedded) : requiredField(place, embedded))
  else if (!type && !isIntOrString && !preserves)
    errors.push(requiredField(place, WITHOUT_TYPE[level]))
  if (isEmbedded && schema['additionalProperties'] !== undefined)
    errors.push(
      forbiddenField(
        `${path}.additionalProperties`,
        'must not be used if x-kubernetes-embedded-resource is set',
      ),
    )
  if (level === 'root' && type && type !== 'object')
    errors.push(invalidField(place, type, 'must be object at the root'))
}

const metaRules = (
  errors: FieldError[],
  schema: Schema,
  level: Level,
  isEmbedded: boolean,
  path: string,
): void => {
  const properties = new Map(propertiesOf(schema))
  const isResource = level === 'root' || isEmbedded
  for (const name of ['kind', 'apiVersion']) {
    const own = properties.get(name)
    if (isResource && own && own['type'] !== 'string')
      errors.push(
        invalidField(`${path}.properties[${name}].type`, own['type'] ?? '', 'must be string'),
      )
  }
  const metadata = properties.get('metadata')
  if (!metadata) return
  const place = `${path}.properties[metadata]`
  if (isResource && metadata['type'] !== 'object')
    errors.push(invalidField(`${place}.type`, metadata['type'] ?? '', 'must be object'))
  if (level !== 'root') return
  const named = propertiesOf(metadata).map(([name]) => name)
  const onlyNames = named.every((name) => name === 'name' || name === 'generateName')
  const others = Object.keys(metadata).filter(
    (key) => isSet(metadata, key) && !['type', 'properties', 'default'].includes(key),
  )
  const structural = others.filter((key) => !VALUE_RULES.has(key))
  if (!onlyNames || structural.length > 0 || others.length > structural.length)
    errors.push(
      forbiddenField(
        place,
        'must not specify anything other than name and generateName, but metadata is implicitly specified',
      ),
    )
}

const VALUE_RULES: ReadonlySet<string> = new Set([
  'format',
  'maximum',
  'exclusiveMaximum',
  'minimum',
  'exclusiveMinimum',
  'maxLength',
  'minLength',
  'pattern',
  'maxItems',
  'minItems',
  'uniqueItems',
  'multipleOf',
  'enum',
  'maxProperties',
  'minProperties',
  'required',
  'allOf',
  'oneOf',
  'anyOf',
  'not',
])

interface Skips {
  skipsAnyOf: boolean
  skipsFirst: boolean
}

const NO_SKIPS: Skips = { skipsAnyOf: false, skipsFirst: false }

const valueRules = (
  errors: FieldError[],
  schema: Schema,
  { skipsAnyOf, skipsFirst }: Skips,
  path: string,
): void => {
  if (!skipsAnyOf)
    for (const [at, each] of schemasOf(schema['anyOf']).entries())
      nestedRules(errors, each, NO_SKIPS, `${path}.anyOf[${at}]`)
  for (const [at, each] of schemasOf(schema['allOf']).entries())
    nestedRules(
      errors,
      each,
      { skipsAnyOf: skipsFirst && at === 0, skipsFirst: false },
      `${path}.allOf[${at}]`,
    )
  for (const [at, each] of schemasOf(schema['oneOf']).entries())
    nestedRules(errors, each, NO_SKIPS, `${path}.oneOf[${at}]`)
  const not = asSchema(schema['not'])
  if (not) nestedRules(errors, not, NO_SKIPS, `${path}.not`)
  const pattern = schema['pattern'] as string | undefined
  const fault = pattern ? patternFault(pattern) : undefined
  if (fault !== undefined)
    errors.push(
      invalidField(
        `${path}.pattern`,
        pattern,
        `must be a valid regular expression, but isn't: ${fault}`,
      ),
    )
}

/** What may not be said inside of `allOf` and its like, with the word for it. */
const FORBIDDEN: readonly [field: string, detail: string][] = [
  ['type', 'must be empty to be structural'],
  ['additionalProperties', 'must be undefined to be structural'],
  ['default', 'must be undefined to be structural'],
  ['title', 'must be empty to be structural'],
  ['description', 'must be empty to be structural'],
  ['nullable', 'must be false to be structural'],
  ['x-kubernetes-preserve-unknown-fields', 'must be false to be structural'],
  ['x-kubernetes-embedded-resource', 'must be false to be structural'],
  ['x-kubernetes-int-or-string', 'must be false to be structural'],
  ['x-kubernetes-list-map-keys', 'must be empty to be structural'],
  ['x-kubernetes-list-type', 'must be undefined to be structural'],
  ['x-kubernetes-map-type', 'must be undefined to be structural'],
  ['x-kubernetes-validations', 'must be empty to be structural'],
]

const nestedRules = (errors: FieldError[], schema: Schema, skips: Skips, path: string): void => {
  valueRules(errors, schema, skips, path)
  const items = asSchema(schema['items'])
  if (items) nestedRules(errors, items, NO_SKIPS, `${path}.items`)
  for (const [name, each] of propertiesOf(schema))
    nestedRules(errors, each, NO_SKIPS, `${path}.properties[${name}]`)
  for (const [field, detail] of FORBIDDEN) {
    const isGiven =
      field === 'default' || field === 'additionalProperties'
        ? schema[field] !== undefined && schema[field] !== null
        : isSet(schema, field)
    if (isGiven) errors.push(forbiddenField(`${path}.${field}`, detail))
  }
  if (propertiesOf(schema).some(([name]) => name === 'metadata'))
    errors.push(
      forbiddenField(`${path}.properties[metadata]`, 'must not be specified in a nested context'),
    )
}

/** Whatever a junctor speaks of is declared outside of it. */
const completeness = (errors: FieldError[], schema: Schema, path: string): void => {
  valueCompleteness(errors, schema, schema, path, path)
  const items = asSchema(schema['items'])
  if (items) completeness(errors, items, `${path}.items`)
  for (const [name, each] of propertiesOf(schema))
    completeness(errors, each, `${path}.properties[${name}]`)
  const additional = asSchema(schema['additionalProperties'])
  if (additional) completeness(errors, additional, `${path}.additionalProperties`)
}

const valueCompleteness = (
  errors: FieldError[],
  value: Schema,
  schema: Schema,
  path: string,
  from: string,
): void => {
  const not = asSchema(value['not'])
  if (not) nestedCompleteness(errors, not, schema, path, `${from}.not`)
  for (const junctor of ['allOf', 'anyOf', 'oneOf'])
    for (const [at, each] of schemasOf(value[junctor]).entries())
      nestedCompleteness(errors, each, schema, path, `${from}.${junctor}[${at}]`)
}

const nestedCompleteness = (
  errors: FieldError[],
  nested: Schema,
  schema: Schema | undefined,
  path: string,
  from: string,
): void => {
  if (!schema) {
    errors.push(requiredField(path, `because it is defined in ${from}`))
    return
  }
  valueCompleteness(errors, nested, schema, path, from)
  const items = asSchema(nested['items'])
  if (items)
    nestedCompleteness(errors, items, asSchema(schema['items']), `${path}.items`, `${from}.items`)
  const declared = new Map(propertiesOf(schema))
  for (const [name, each] of propertiesOf(nested)) {
    const place = `.properties[${name}]`
    nestedCompleteness(errors, each, declared.get(name), path + place, from + place)
  }
}
