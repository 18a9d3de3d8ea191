/**
 * What the parts of a custom kind's schema must satisfy besides being structural: allowed keywords, lists of
 * type set and map, and rules in CEL, which have to compile and may not cost too much.
 *
 * After `ValidateCustomResourceDefinitionOpenAPISchema` of Kubernetes' `apiextensions/validation/validation.go`.
 * Invariant: rules are looked at only where the schema beneath is sound.
 */
import type { Json } from '../meta.ts'
import {
  type FieldError,
  forbiddenField,
  invalidField,
  requiredField,
  unsupportedField,
} from '../status-error.ts'
import { type CelContext, childContext, RuleCosts, validateRules } from './rule-rules.ts'
import { asSchema, propertiesOf, type Schema, schemasOf } from './structural-rules.ts'

const TYPES = ['array', 'boolean', 'integer', 'number', 'object', 'string']
const META_FIELDS: ReadonlySet<string> = new Set(['metadata', 'kind', 'apiVersion'])

interface Place {
  path: string
  isRoot: boolean
  isInMeta: boolean
  /** Why there may be no default. */
  noDefaults: string | undefined
  /** The highest part whose old value cannot be found. */
  uncorrelatable: string | undefined
  /** Undefined where rules are not looked at. */
  cel: CelContext | undefined
}

interface Found {
  schema: FieldError[]
  rules: FieldError[]
}

/** `checksRules`: the schema is structural, so types for rules can be made of it. */
export const validateSchema = (
  schema: Schema,
  path: string,
  checksRules: boolean,
): FieldError[] => {
  const costs = new RuleCosts()
  const cel = checksRules ? { schema, cardinality: 1, isResource: true, costs } : undefined
  const found = walk(schema, {
    path,
    isRoot: true,
    isInMeta: false,
    noDefaults: undefined,
    uncorrelatable: undefined,
    cel,
  })
  return [...found.schema, ...found.rules, ...costs.faults(path)]
}

const walk = (schema: Schema, place: Place): Found => {
  const { path } = place
  const errors = keywordFaults(schema, place)
  const rules: FieldError[] = []
  const into = (child: Schema | undefined, change: Partial<Place> & { path: string }) => {
    if (!child) return
    const found = walk(child, { ...place, isRoot: false, ...change })
    errors.push(...found.schema)
    rules.push(...found.rules)
  }
  const additional = schema['additionalProperties']
  const each = asSchema(additional)
  if (additional !== undefined && additional !== null) {
    const at = `${path}.additionalProperties`
    if (propertiesOf(schema).length > 0 && additional !== true)
      errors.push(forbiddenField(at, 'additionalProperties and properties are mutual exclusive'))
    into(each, {
      path: at,
      cel: each && childContext(place.cel, each, schema['maxProperties']),
      ...(place.isInMeta
        ? { noDefaults: 'inside additionalProperties applying to object metadata' }
        : {}),
    })
  }
  walkProperties(schema, place, into)
  into(asSchema(schema['not']), { path: `${path}.not`, cel: undefined })
  for (const junctor of ['allOf', 'oneOf', 'anyOf'])
    for (const [at, part] of schemasOf(schema[junctor]).entries())
      into(part, { path: `${path}.${junctor}[${at}]`, cel: undefined })
  const items = asSchema(schema['items'])
  const isMap = schema['x-kubernetes-list-type'] === 'map'
  into(items, {
    path: `${path}.items`,
    cel: items && childContext(place.cel, items, schema['maxItems']),
    uncorrelatable: place.uncorrelatable ?? (isMap ? undefined : path),
  })
  errors.push(...typeFaults(schema, path), ...listFaults(schema, path))
  const checked = validateRules(
    schema,
    path,
    place.uncorrelatable,
    errors.length === 0 ? place.cel : undefined,
  )
  errors.push(...checked.schema)
  rules.push(...checked.rules)
  return { schema: errors, rules }
}

const walkProperties = (
  schema: Schema,
  place: Place,
  into: (child: Schema, change: Partial<Place> & { path: string }) => void,
): void => {
  const { path, isRoot } = place
  const isResource = isRoot || schema['x-kubernetes-embedded-resource'] === true
  const isAtomic = schema['x-kubernetes-map-type'] === 'atomic'
  for (const [name, child] of propertiesOf(schema)) {
    const isMeta = isResource && META_FIELDS.has(name)
    into(child, {
      path: `${path}.properties[${name}]`,
      isInMeta: place.isInMeta || isMeta,
      noDefaults: isMeta && isRoot ? `in top-level ${name}` : place.noDefaults,
      uncorrelatable: place.uncorrelatable ?? (isAtomic ? path : undefined),
      cel: childContext(place.cel, child, 'same'),
    })
  }
}

/** Keywords of OpenAPI that are not for custom resources. */
const keywordFaults = (schema: Schema, { path, isInMeta, noDefaults }: Place): FieldError[] => {
  const errors: FieldError[] = []
  const { type } = schema
  if (typeof type === 'string' && type !== '' && !TYPES.includes(type))
    errors.push(unsupportedField(`${path}.type`, type, TYPES))
  if (schema['default'] !== undefined && noDefaults !== undefined)
    errors.push(forbiddenField(`${path}.default`, `must not be set ${noDefaults}`))
  for (const field of ['id', 'additionalItems', 'patternProperties', 'definitions', 'dependencies'])
    if (isGiven(schema[field]))
      errors.push(forbiddenField(`${path}.${field}`, `${field} is not supported`))
  if (schema['$ref'] !== undefined)
    errors.push(forbiddenField(`${path}.$ref`, '$ref is not supported'))
  if (type === 'null')
    errors.push(
      forbiddenField(`${path}.type`, 'type cannot be set to null, use nullable as an alternative'),
    )
  if (Array.isArray(schema['items']) && schema['items'].length > 0)
    errors.push(forbiddenField(`${path}.items`, 'items must be a schema object and not an array'))
  if (isInMeta && schema['x-kubernetes-embedded-resource'] === true)
    errors.push(
      forbiddenField(
        `${path}.x-kubernetes-embedded-resource`,
        'must not be used inside of resource meta',
      ),
    )
  if (schema['uniqueItems'] === true)
    errors.push(
      forbiddenField(
        `${path}.uniqueItems`,
        'uniqueItems cannot be set to true since the runtime complexity becomes quadratic',
      ),
    )
  return errors
}

const isGiven = (value: Json | undefined): boolean =>
  value !== undefined &&
  value !== '' &&
  !(typeof value === 'object' && value !== null && Object.keys(value).length === 0)

const mustBe = (schema: Schema, path: string, type: string, detail: string): FieldError[] => {
  const actual = schema['type']
  if (actual === type) return []
  return [
    actual ? invalidField(`${path}.type`, actual, detail) : requiredField(`${path}.type`, detail),
  ]
}

const typeFaults = (schema: Schema, path: string): FieldError[] => {
  const errors: FieldError[] = []
  const preserve = 'x-kubernetes-preserve-unknown-fields'
  if (schema[preserve] === false)
    errors.push(invalidField(`${path}.${preserve}`, false, 'must be true or undefined'))
  const mapType = schema['x-kubernetes-map-type']
  if (mapType !== undefined) {
    errors.push(
      ...mustBe(schema, path, 'object', 'must be object if x-kubernetes-map-type is specified'),
    )
    if (mapType !== 'atomic' && mapType !== 'granular')
      errors.push(
        unsupportedField(`${path}.x-kubernetes-map-type`, mapType, ['atomic', 'granular']),
      )
  }
  const listType = schema['x-kubernetes-list-type']
  if (listType === undefined) return errors
  const wrong = mustBe(
    schema,
    path,
    'array',
    'must be array if x-kubernetes-list-type is specified',
  )
  errors.push(...wrong)
  if (wrong.length === 0 && listType === 'set') errors.push(...setFaults(schema, path))
  if (listType !== 'atomic' && listType !== 'set' && listType !== 'map')
    errors.push(
      unsupportedField(`${path}.x-kubernetes-list-type`, listType, ['atomic', 'set', 'map']),
    )
  return errors
}

const ATOMIC_ITEM = 'must be atomic as item of a list with x-kubernetes-list-type=set'

const setFaults = (schema: Schema, path: string): FieldError[] => {
  const items = asSchema(schema['items'])
  const listType = items?.['x-kubernetes-list-type']
  const at = `${path}.items`
  if (items?.['type'] === 'array' && listType !== undefined && listType !== 'atomic')
    return [invalidField(`${at}.x-kubernetes-list-type`, listType, ATOMIC_ITEM)]
  if (items?.['type'] === 'object' && items['x-kubernetes-map-type'] !== 'atomic')
    return [invalidField(`${at}.x-kubernetes-map-type`, listType ?? null, ATOMIC_ITEM)]
  return []
}

const listFaults = (schema: Schema, path: string): FieldError[] => {
  const errors: FieldError[] = []
  const listType = schema['x-kubernetes-list-type']
  const keys = (schema['x-kubernetes-list-map-keys'] as string[] | undefined) ?? []
  const typePath = `${path}.x-kubernetes-list-type`
  const keysPath = `${path}.x-kubernetes-list-map-keys`
  if (keys.length > 0 && listType !== 'map') {
    const detail = 'must be map if x-kubernetes-list-map-keys is non-empty'
    errors.push(
      listType === undefined
        ? requiredField(typePath, detail)
        : invalidField(typePath, listType, detail),
    )
  }
  if (listType !== 'map' && listType !== 'set') return errors
  const items = asSchema(schema['items'])
  if (listType === 'map') errors.push(...mapFaults(items, keys, path, keysPath))
  if (items?.['nullable'] === true)
    errors.push(
      forbiddenField(
        `${path}.items.nullable`,
        `cannot be nullable when x-kubernetes-list-type is ${listType}`,
      ),
    )
  if (listType === 'map' && items) errors.push(...keyFaults(items, keys, path))
  return errors
}

const mapFaults = (
  items: Schema | undefined,
  keys: readonly string[],
  path: string,
  keysPath: string,
): FieldError[] => {
  const errors: FieldError[] = []
  if (keys.length === 0)
    errors.push(requiredField(keysPath, 'must not be empty if x-kubernetes-list-type is map'))
  if (!items) {
    errors.push(
      requiredField(`${path}.items`, 'must have a schema if x-kubernetes-list-type is map'),
    )
    return errors
  }
  const { type = '' } = items
  if (type !== 'object') {
    const detail = "must be object if parent array's x-kubernetes-list-type is map"
    errors.push(invalidField(`${path}.items.type`, type, detail))
    return errors
  }
  const properties = new Map(propertiesOf(items))
  const seen = new Set<string>()
  for (const key of keys) {
    const own = properties.get(key)
    if (own && (own['type'] === 'array' || own['type'] === 'object'))
      errors.push(
        invalidField(
          `${path}.items.properties[${key}].type`,
          type,
          "must be a scalar type if parent array's x-kubernetes-list-type is map",
        ),
      )
    if (!own)
      errors.push(invalidField(keysPath, keys, 'entries must all be names of item properties'))
    if (seen.has(key))
      errors.push(invalidField(keysPath, keys, 'must not contain duplicate entries'))
    seen.add(key)
  }
  return errors
}

const keyFaults = (items: Schema, keys: readonly string[], path: string): FieldError[] => {
  const errors: FieldError[] = []
  const properties = new Map(propertiesOf(items))
  const required = (items['required'] as string[] | undefined) ?? []
  for (const key of keys) {
    const own = properties.get(key)
    if (!own) continue
    const at = `${path}.items.properties[${key}]`
    if (!required.includes(key) && own['default'] === undefined)
      errors.push(
        requiredField(
          `${at}.default`,
          'this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property',
        ),
      )
    if (own['nullable'] === true)
      errors.push(
        forbiddenField(
          `${at}.nullable`,
          'this property is in x-kubernetes-list-map-keys, so it cannot be nullable',
        ),
      )
  }
  return errors
}
