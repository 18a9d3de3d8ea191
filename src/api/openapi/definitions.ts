/**
 * Models as OpenAPI definitions, in the two dialects: v2 (`definitions`) and v3 (`components.schemas`).
 *
 * Invariant: both come from the same schemas that decoding uses. What kubectl reads is all there: required
 * fields, merge keys, list types, kinds, descriptions.
 */
import type { AnyKind } from '../kind.ts'
import { isAtomicModel, mergeRuleOf } from '../merge-keys.ts'
import type { Json } from '../meta.ts'
import { type Field, type FieldType, type Scalar, schemaOf } from '../schema.ts'
import {
  type DefinitionNames,
  definitionName,
  NAMED_JSON,
  reachableModels,
  SCALAR_DEFINITIONS,
  SHARED_MODELS,
} from './definition-names.ts'
import facts from './enum-facts.json'

export type Dialect = 'v2' | 'v3'
export type Schema = { [key: string]: Json }
export type Descriptions = Readonly<Record<string, Readonly<Record<string, string>>>>

export interface GroupVersionKind {
  group: string
  version: string
  kind: string
}

export interface DefinitionSource {
  dialect: Dialect
  names: DefinitionNames
  descriptions: Descriptions
  kinds: readonly AnyKind[]
}

/** Definition name → schema, of `roots` and all they reach, sorted by name. */
export const definitionsOf = (source: DefinitionSource, roots: readonly string[]): Schema => {
  const { names } = source
  const schemas = new Map<string, Schema>(Object.entries(scalarSchemas(source.dialect)))
  const groupVersionKinds = kindsOfModels(source.kinds)
  for (const model of reachableModels(roots))
    schemas.set(
      definitionName(names, model),
      modelSchema(source, model, groupVersionKinds.get(model)),
    )
  return Object.fromEntries([...schemas].sort(([one], [other]) => (one < other ? -1 : 1)))
}

/** A reference to the definition `name`. */
export const reference = (dialect: Dialect, name: string): Schema => ({
  $ref: dialect === 'v2' ? `#/definitions/${name}` : `#/components/schemas/${name}`,
})

/** Which kinds a model is served as, for `x-kubernetes-group-version-kind`. */
const kindsOfModels = (kinds: readonly AnyKind[]): Map<string, GroupVersionKind[]> => {
  const found = new Map<string, GroupVersionKind[]>()
  for (const { group, version, kind, model } of kinds) {
    found.set(model, [{ group, version, kind }])
    found.set(`${model}List`, [{ group, version, kind: `${kind}List` }])
  }
  for (const { model, group, version } of SHARED_MODELS)
    found.set(model, [{ group, version, kind: schemaOf(model).goName }])
  const groupVersions = new Map(kinds.map((kind) => [kind.apiVersion, kind]))
  found.set(
    'V1DeleteOptions',
    [...groupVersions.values()].map(({ group, version }) => ({
      group,
      version,
      kind: 'DeleteOptions',
    })),
  )
  return found
}

const modelSchema = (
  source: DefinitionSource,
  model: string,
  groupVersionKinds: GroupVersionKind[] | undefined,
): Schema => {
  const { fields } = schemaOf(model)
  const required = [...fields.values()].filter((field) => field.required).map(({ name }) => name)
  const properties: Schema = {}
  for (const field of fields.values()) properties[field.name] = fieldSchema(source, model, field)
  return {
    description: source.descriptions[model]?.[''] ?? '',
    type: 'object',
    ...(fields.size > 0 ? { properties } : {}),
    ...(required.length > 0 ? { required } : {}),
    ...(groupVersionKinds
      ? { 'x-kubernetes-group-version-kind': groupVersionKinds.map((each) => ({ ...each })) }
      : {}),
    ...(isAtomicModel(model) ? { 'x-kubernetes-map-type': 'atomic' } : {}),
    ...(UNIONS[model] ? { 'x-kubernetes-unions': [...UNIONS[model]] } : {}),
  }
}

const ENUMS: Readonly<Record<string, readonly string[]>> = facts.enums
const UNIONS: Readonly<Record<string, readonly Schema[]>> = facts.unions

/** What a list or a map holds. */
const innermost = (schema: Schema): Schema => {
  const inner = schema['items'] ?? schema['additionalProperties']
  return inner ? innermost(inner as Schema) : schema
}

const fieldSchema = (source: DefinitionSource, model: string, field: Field): Schema => {
  const { type, name } = field
  const described = source.descriptions[model]?.[name]
  const held = type.shape === 'model' ? source.descriptions[type.model]?.[''] : undefined
  const description = described ?? held
  const schema: Schema = {
    ...(description ? { description } : {}),
    ...typeSchema(source, type, `${model}.${name}`, true),
  }
  const values = ENUMS[`${model}.${name}`]
  if (values) Object.assign(innermost(schema), { enum: [...values] })
  const rule = mergeRuleOf(model, name)
  if (rule?.mergeKey) schema['x-kubernetes-patch-merge-key'] = rule.mergeKey
  if (rule?.strategies.length) schema['x-kubernetes-patch-strategy'] = rule.strategies.join(',')
  /** Bytes are a list in Go. */
  const isObject = type.shape === 'map' || type.shape === 'model'
  if (rule?.listType)
    schema[isObject ? 'x-kubernetes-map-type' : 'x-kubernetes-list-type'] = rule.listType
  if (rule?.listMapKeys) schema['x-kubernetes-list-map-keys'] = [...rule.listMapKeys]
  return schema
}

/** `field` is `Model.field`; `isField`: Kubernetes wraps a reference beside a description in `allOf`, in v3. */
const typeSchema = (
  source: DefinitionSource,
  type: FieldType,
  field: string,
  isField = false,
): Schema => {
  switch (type.shape) {
    case 'list':
      return { type: 'array', items: typeSchema(source, type.of, field) }
    case 'map':
      return { type: 'object', additionalProperties: typeSchema(source, type.of, field) }
    case 'model':
      return refer(source.dialect, definitionName(source.names, type.model), isField)
    case 'scalar': {
      const named = type.scalar === 'any' ? NAMED_JSON[field] : undefined
      return named
        ? refer(source.dialect, named, isField)
        : scalarSchema(source.dialect, type.scalar, isField)
    }
  }
}

const refer = (dialect: Dialect, name: string, isField: boolean): Schema =>
  dialect === 'v3' && isField ? { allOf: [reference(dialect, name)] } : reference(dialect, name)

const scalarSchema = (dialect: Dialect, scalar: Scalar, isField: boolean): Schema => {
  switch (scalar) {
    case 'string':
    case 'boolean':
      return { type: scalar }
    case 'int32':
    case 'int64':
      return { type: 'integer', format: scalar }
    case 'double':
      return { type: 'number', format: 'double' }
    case 'byte':
      return { type: 'string', format: 'byte' }
    default:
      return refer(dialect, SCALAR_DEFINITIONS[scalar], isField)
  }
}

const scalarSchemas = (dialect: Dialect): Record<string, Schema> => ({
  [SCALAR_DEFINITIONS.time]: {
    description: 'A time in RFC 3339, in whole seconds.',
    type: 'string',
    format: 'date-time',
  },
  [SCALAR_DEFINITIONS.microTime]: {
    description: 'A time in RFC 3339, in microseconds.',
    type: 'string',
    format: 'date-time',
  },
  [SCALAR_DEFINITIONS.intOrString]: {
    description: 'An integer or a string.',
    format: 'int-or-string',
    ...(dialect === 'v2'
      ? { type: 'string' }
      : { oneOf: [{ type: 'integer' }, { type: 'string' }] }),
  },
  [SCALAR_DEFINITIONS.quantity]: {
    description:
      'An amount: a number with an optional suffix. Suffixes are n, u, m, k, M, G, T, P, E for powers of 1000, Ki, Mi, Gi, Ti, Pi, Ei for powers of 1024, or an exponent such as e3.',
    ...(dialect === 'v2'
      ? { type: 'string' }
      : { oneOf: [{ type: 'string' }, { type: 'number' }] }),
  },
  [SCALAR_DEFINITIONS.any]: { description: 'Any JSON object.', type: 'object' },
  ...Object.fromEntries(
    [...new Set(Object.values(NAMED_JSON))].map((name) => [name, namedJson(name)]),
  ),
})

/** Fields of an object are an object; the others may be anything. */
const namedJson = (name: string): Schema =>
  name.endsWith('.FieldsV1')
    ? {
        description: 'A set of fields, each with the fields below it, as keys of nested objects.',
        type: 'object',
      }
    : { description: 'Any JSON value.' }
