/**
 * Definitions of custom kinds: their schemas as Kubernetes publishes them in each dialect.
 *
 * v3 carries the schema whole. v2 cannot: what it has no words for (alternatives, null, values of two types) is
 * left out, so that a client that validates by it lets pass what the server takes.
 */
import type { AnyKind } from '../kind.ts'
import type { Json } from '../meta.ts'
import { customDefinitionNames, listModelOf, modelOf } from './definition-names.ts'
import { type Dialect, reference, type Schema } from './definitions.ts'

const API_VERSION: Schema = {
  description:
    'APIVersion defines the versioned schema of this representation of an object. Servers should convert recognized schemas to the latest internal value, and may reject unrecognized values. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#resources',
  type: 'string',
}
const KIND: Schema = {
  description:
    'Kind is a string value representing the REST resource this object represents. Servers may infer this from the endpoint the client submits requests to. Cannot be updated. In CamelCase. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#types-kinds',
  type: 'string',
}

/** Definition name → schema, of the kinds and their lists. */
export const customDefinitions = (dialect: Dialect, kinds: readonly AnyKind[]): Schema => {
  const names = customDefinitionNames(kinds)
  const referTo = (model: string): Schema => reference(dialect, names.get(model)!)
  return Object.fromEntries(
    kinds.flatMap((kind): [string, Schema][] => [
      [modelOf(kind), objectSchema(dialect, kind, referTo)],
      [listModelOf(kind), listSchema(kind, referTo)],
    ]),
  )
}

const groupVersionKind = ({ group, version }: AnyKind, kind: string): Json => [
  { group, kind, version },
]

const objectSchema = (
  dialect: Dialect,
  kind: AnyKind,
  referTo: (model: string) => Schema,
): Schema => {
  const schema = kind.schema ?? {}
  const marks = { 'x-kubernetes-group-version-kind': groupVersionKind(kind, kind.kind) }
  /** With any property named, kubectl would refuse all others. */
  if (dialect === 'v2' && keepsUnknown(schema)) return { type: 'object', ...marks }
  const root = (dialect === 'v2' ? withoutAlternatives(schema) : { ...schema }) as Schema
  const { properties } = root
  const metadata = referTo('V1ObjectMeta')
  return {
    ...root,
    type: 'object',
    properties: {
      ...((properties as Schema | undefined) ?? {}),
      apiVersion: API_VERSION,
      kind: KIND,
      metadata: dialect === 'v3' ? { allOf: [metadata], description: METADATA } : metadata,
    },
    ...marks,
  }
}

const METADATA =
  "Standard object's metadata. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata"

const listSchema = (kind: AnyKind, referTo: (model: string) => Schema): Schema => ({
  description: `${kind.kind}List is a list of ${kind.kind}`,
  type: 'object',
  required: ['items'],
  properties: {
    apiVersion: API_VERSION,
    items: {
      description: `List of ${kind.plural}. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md`,
      type: 'array',
      items: referTo(modelOf(kind)),
    },
    kind: KIND,
    metadata: referTo('V1ListMeta'),
  },
  'x-kubernetes-group-version-kind': groupVersionKind(kind, `${kind.kind}List`),
})

/** Swagger 2 does not know them, or kubectl of that age reads them wrongly. */
const NOT_IN_V2: ReadonlySet<string> = new Set([
  'allOf',
  'anyOf',
  'oneOf',
  'not',
  'nullable',
  'default',
  'x-kubernetes-validations',
])

const keepsUnknown = (schema: Schema): boolean =>
  schema['x-kubernetes-preserve-unknown-fields'] === true

const withoutAlternatives = (schema: Schema): Schema => {
  const hidesShape = schema['nullable'] === true || keepsUnknown(schema)
  const hidesType = hidesShape || schema['x-kubernetes-int-or-string'] === true
  const kept: Schema = {}
  for (const [key, value] of Object.entries(schema)) {
    if (NOT_IN_V2.has(key) || (hidesType && key === 'type')) continue
    if (key === 'properties') {
      if (!hidesShape)
        kept[key] = Object.fromEntries(
          Object.entries(value as Schema).map(([name, inner]) => [
            name,
            withoutAlternatives(inner as Schema),
          ]),
        )
    } else if (key === 'items' || (key === 'additionalProperties' && typeof value === 'object')) {
      if (!hidesShape) kept[key] = withoutAlternatives(value as Schema)
    } else kept[key] = value
  }
  return kept
}
