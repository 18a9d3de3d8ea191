/**
 * The shape of custom objects, from the structural schema of their definition.
 *
 * After Kubernetes' `apiextensions-apiserver` and `kube-openapi/pkg/schemaconv`: `x-kubernetes-list-type`,
 * `-list-map-keys`, `-map-type`, `-preserve-unknown-fields`, `-int-or-string` and `-embedded-resource` mean to
 * apply what they mean there. Without a schema, objects merge and lists are one value.
 */
import type { Json } from '../meta.ts'
import {
  type FieldOfShape,
  type FieldShape,
  fieldOfShape,
  type StructShape,
  scalarShape,
  shapeOfModel,
  UNTYPED,
} from './field-shape.ts'

type Schema = { readonly [key: string]: Json }

/** The shape of objects whose `openAPIV3Schema` is `schema`. */
export const shapeOfSchema = (schema: Schema): StructShape => structOf(schema, true)

/** `isResource`: it has a kind and metadata as every object has. */
const structOf = (schema: Schema, isResource: boolean): StructShape => {
  const properties = asSchema(schema['properties']) ?? {}
  const fields = new Map<string, FieldOfShape>()
  for (const name in properties) {
    const part = asSchema(properties[name]) ?? {}
    fields.set(
      name,
      fieldOfShape(name, false, () => shapeOfPart(part)),
    )
  }
  if (isResource) addResourceFields(fields)
  const isUnknownKept = schema['x-kubernetes-preserve-unknown-fields'] === true
  const hasFields = Object.keys(properties).length > 0
  return {
    is: 'struct',
    atomic: schema['x-kubernetes-map-type'] === 'atomic',
    field: (name) => fields.get(name),
    present: () => (isResource ? [fields.get('metadata')!] : []),
    rest: isUnknownKept || !hasFields ? UNTYPED : undefined,
  }
}

const addResourceFields = (fields: Map<string, FieldOfShape>): void => {
  for (const name of ['apiVersion', 'kind'])
    fields.set(
      name,
      fieldOfShape(name, false, () => scalarShape('string')),
    )
  fields.set(
    'metadata',
    fieldOfShape('metadata', true, () => shapeOfModel('V1ObjectMeta')),
  )
}

const shapeOfPart = (schema: Schema): FieldShape => {
  if (schema['x-kubernetes-int-or-string'] === true) return scalarShape('untyped')
  switch (schema['type']) {
    case 'object':
      return shapeOfObject(schema)
    case 'array':
      return shapeOfList(schema)
    case 'string':
      return scalarShape('string')
    case 'boolean':
      return scalarShape('boolean')
    case 'integer':
    case 'number':
      return scalarShape('numeric')
    default:
      return UNTYPED
  }
}

const shapeOfObject = (schema: Schema): FieldShape => {
  if (schema['x-kubernetes-embedded-resource'] === true) return structOf(schema, true)
  const values = asSchema(schema['additionalProperties'])
  if (!values) return structOf(schema, false)
  let of: FieldShape | undefined
  return {
    is: 'map',
    atomic: schema['x-kubernetes-map-type'] === 'atomic',
    get of() {
      of ??= shapeOfPart(values)
      return of
    },
  }
}

const shapeOfList = (schema: Schema): FieldShape => {
  const items = asSchema(schema['items']) ?? {}
  const listType = schema['x-kubernetes-list-type']
  const given = schema['x-kubernetes-list-map-keys']
  const keys =
    listType === 'map' && Array.isArray(given)
      ? given.filter((key) => typeof key === 'string')
      : undefined
  return {
    is: 'list',
    atomic: listType !== 'set' && !keys,
    keys,
    keyDefaults: defaultsOf(items, keys),
    of: shapeOfPart(items),
  }
}

const defaultsOf = (items: Schema, keys: readonly string[] = []): Record<string, Json> => {
  const defaults: Record<string, Json> = {}
  const properties = asSchema(items['properties']) ?? {}
  for (const key of keys) {
    const value = asSchema(properties[key])?.['default']
    if (value !== undefined) defaults[key] = value
  }
  return defaults
}

const asSchema = (value: Json | undefined): Schema | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined
