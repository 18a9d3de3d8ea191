/**
 * From a structural schema to the type that expressions see, with the sizes it allows.
 *
 * As Kubernetes: what has no type (and is no int-or-string) is not to be seen, nor are unknown fields that are
 * preserved; names are escaped. What has no bound is as large as a request of 3 MiB may make it.
 */
import { BOOL, type CelType, DOUBLE, escapeName, type ObjectField, STRING } from './cel-type.ts'

/** What counts of a structural schema. */
export interface SchemaShape {
  type?: string | undefined
  format?: string | undefined
  properties?: Readonly<Record<string, SchemaShape>> | undefined
  additionalProperties?: SchemaShape | boolean | undefined
  items?: SchemaShape | undefined
  required?: readonly string[] | undefined
  enum?: readonly unknown[] | undefined
  default?: unknown
  maxLength?: number | undefined
  maxItems?: number | undefined
  maxProperties?: number | undefined
  'x-kubernetes-int-or-string'?: boolean | undefined
  'x-kubernetes-embedded-resource'?: boolean | undefined
  'x-kubernetes-list-type'?: string | undefined
  'x-kubernetes-list-map-keys'?: readonly string[] | undefined
}

const REQUEST_MAX = 3 * 1024 * 1024
const TEXT_MAX = REQUEST_MAX - 2
/** The least bytes of JSON of a value, and the most of texts with a format. */
const LEAST: Readonly<Record<string, number>> = { string: 2, integer: 1, number: 1, boolean: 4 }
const FORMATS: Readonly<
  Record<string, { kind: 'duration' | 'timestamp'; min: number; max: number }>
> = {
  duration: { kind: 'duration', min: 3, max: 32 },
  date: { kind: 'timestamp', min: 12, max: 12 },
  'date-time': { kind: 'timestamp', min: 21, max: 37 },
}

/** Undefined when expressions cannot see it. `isRoot`: of a resource, which has a kind and a name. */
export const typeOfSchema = (
  schema: SchemaShape,
  isRoot = false,
  path = 'object',
): CelType | undefined => {
  if (schema['x-kubernetes-int-or-string'])
    return { kind: 'dyn', minSize: 1, maxElements: textMax(schema) }
  switch (schema.type) {
    case 'array':
      return arrayType(schema, path)
    case 'object':
      return schema.additionalProperties && typeof schema.additionalProperties === 'object'
        ? mapType(schema, schema.additionalProperties, path)
        : objectOf(isRoot ? withMeta(schema) : schema, path)
    case 'string':
      return stringType(schema)
    case 'boolean':
      return BOOL_TYPE
    case 'number':
      return DOUBLE_TYPE
    case 'integer':
      return INT_TYPE
    default:
      return undefined
  }
}

/** As in Kubernetes' estimates, names are free. */
const KEY: CelType = { ...STRING, maxElements: 0 } as CelType

const BOOL_TYPE: CelType = { ...BOOL, minSize: 4 } as CelType
const DOUBLE_TYPE: CelType = { ...DOUBLE, minSize: 1 } as CelType
const INT_TYPE: CelType = { kind: 'int', minSize: 1 }

const leastOf = (type: CelType): number => type.minSize ?? LEAST[type.kind] ?? 2

const textMax = ({ maxLength, enum: values }: SchemaShape): number => {
  if (maxLength !== undefined) return Math.max(0, maxLength) * 4
  const lengths = (values ?? []).map((value) => (typeof value === 'string' ? value.length : 0))
  return lengths.length > 0 ? Math.max(...lengths) : TEXT_MAX
}

const stringType = (schema: SchemaShape): CelType => {
  const format = FORMATS[schema.format ?? '']
  if (format) return { kind: format.kind, minSize: format.min, maxElements: format.max }
  if (schema.format === 'byte')
    return { kind: 'bytes', minSize: 2, maxElements: schema.maxLength ?? TEXT_MAX }
  return { kind: 'string', minSize: 2, maxElements: textMax(schema) }
}

const arrayType = (schema: SchemaShape, path: string): CelType | undefined => {
  const { items, maxItems } = schema
  const of = items && typeOfSchema(items, items['x-kubernetes-embedded-resource'], `${path}.@idx`)
  if (!of) return undefined
  const keys = schema['x-kubernetes-list-map-keys']
  const listType = schema['x-kubernetes-list-type']
  return {
    kind: 'list',
    of,
    minSize: 2,
    maxElements: maxItems ?? Math.floor(TEXT_MAX / (leastOf(of) + 1)),
    ...(listType === 'set' ? { unordered: 'set' as const } : {}),
    ...(listType === 'map' && keys ? { unordered: keys.map(escapeName) } : {}),
  }
}

const mapType = (
  { maxProperties }: SchemaShape,
  values: SchemaShape,
  path: string,
): CelType | undefined => {
  const of = typeOfSchema(values, values['x-kubernetes-embedded-resource'], `${path}.@elem`)
  if (!of) return undefined
  const maxElements = maxProperties ?? Math.floor(TEXT_MAX / (leastOf(of) + 6))
  return { kind: 'map', key: KEY, of, minSize: 2, maxElements }
}

const objectOf = (schema: SchemaShape, path: string): CelType => {
  const fields = new Map<string, ObjectField>()
  let minSize = 2
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const isResource = property['x-kubernetes-embedded-resource'] ?? false
    const type = typeOfSchema(property, isResource, `${path}.${name}`)
    if (!type) continue
    fields.set(escapeName(name), { type, name })
    if (schema.required?.includes(name) && property.default === undefined)
      minSize += name.length + leastOf(type) + 4
  }
  return { kind: 'object', name: path, fields, minSize }
}

const TEXT: SchemaShape = { type: 'string' }

const withMeta = (schema: SchemaShape): SchemaShape => {
  const { metadata } = schema.properties ?? {}
  return {
    ...schema,
    properties: {
      ...schema.properties,
      apiVersion: TEXT,
      kind: TEXT,
      metadata: {
        ...metadata,
        type: 'object',
        properties: { ...metadata?.properties, name: TEXT, generateName: TEXT },
      },
    },
  }
}
