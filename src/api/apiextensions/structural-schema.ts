/**
 * A custom kind's schema in the form that the machinery walks: typed, with what it needs at hand.
 *
 * It is made of an openAPIV3Schema that passed `structural-rules.ts`, when it is first needed: an idle
 * definition costs its JSON only. Invariant: nodes are shared and never mutated. Formats that Kubernetes
 * does not check are left out.
 */
import { RE2JS } from 're2js'
import type { CustomSchema } from '../kind.ts'
import type { Json } from '../meta.ts'
import { FORMATS } from './formats.ts'

export interface ValidationRule {
  rule: string
  message?: string
  messageExpression?: string
  reason?: string
  fieldPath?: string
  optionalOldSelf?: boolean
}

export interface SchemaNode {
  /** Empty: any. Two for `x-kubernetes-int-or-string`. */
  types: readonly string[]
  /** Normalized, without dashes; empty when nothing checks it. */
  format: string
  /** As written, for messages. */
  statedFormat: string
  nullable: boolean
  default: Json | undefined
  /** It or something beneath has a default. */
  hasDefaults: boolean
  properties: ReadonlyMap<string, SchemaNode> | undefined
  additionalProperties: SchemaNode | boolean | undefined
  items: SchemaNode | undefined
  preservesUnknown: boolean
  embeddedResource: boolean
  intOrString: boolean
  listType: string | undefined
  listMapKeys: readonly string[]
  mapType: string | undefined
  rules: readonly ValidationRule[]
  /** It or something beneath has rules. */
  hasRules: boolean
  /** It or something beneath is a list of type set or map. */
  hasUniqueLists: boolean
  /** It or something beneath is an embedded resource. */
  hasEmbedded: boolean
  bounds: Bounds
  pattern: RE2JS | undefined
  enum: readonly Json[] | undefined
  required: readonly string[]
  allOf: readonly SchemaNode[]
  anyOf: readonly SchemaNode[]
  oneOf: readonly SchemaNode[]
  not: SchemaNode | undefined
}

export interface Bounds {
  pattern?: string
  maximum?: number
  exclusiveMaximum?: boolean
  minimum?: number
  exclusiveMinimum?: boolean
  maxLength?: number
  minLength?: number
  maxItems?: number
  minItems?: number
  multipleOf?: number
  maxProperties?: number
  minProperties?: number
}

/** The schema of a resource's root: its metadata is Kubernetes' own. */
export const rootSchema = (schema: CustomSchema): SchemaNode => ({
  ...structuralSchema(schema),
  embeddedResource: true,
  hasEmbedded: true,
})

export const structuralSchema = (schema: CustomSchema): SchemaNode => {
  const intOrString = schema['x-kubernetes-int-or-string'] === true
  const type = schema['type'] as string | undefined
  const stated = (schema['format'] as string | undefined) ?? ''
  const normalized = stated.replaceAll('-', '')
  const pattern = schema['pattern'] as string | undefined
  const node: SchemaNode = {
    types: intOrString ? INT_OR_STRING : type ? [type] : [],
    format: FORMATS.has(normalized) ? normalized : '',
    statedFormat: stated,
    nullable: schema['nullable'] === true,
    default: schema['default'] ?? undefined,
    ...childrenOf(schema),
    preservesUnknown: schema['x-kubernetes-preserve-unknown-fields'] === true,
    embeddedResource: schema['x-kubernetes-embedded-resource'] === true,
    intOrString,
    listType: schema['x-kubernetes-list-type'] as string | undefined,
    listMapKeys: (schema['x-kubernetes-list-map-keys'] as string[] | undefined) ?? [],
    mapType: schema['x-kubernetes-map-type'] as string | undefined,
    rules: (schema['x-kubernetes-validations'] as unknown as ValidationRule[] | undefined) ?? [],
    bounds: schema as Bounds,
    pattern: pattern ? compiled(pattern) : undefined,
    enum: schema['enum'] as Json[] | undefined,
    required: (schema['required'] as string[] | undefined) ?? [],
    allOf: listOf(schema['allOf']),
    anyOf: listOf(schema['anyOf']),
    oneOf: listOf(schema['oneOf']),
    not: isSchema(schema['not']) ? structuralSchema(schema['not']) : undefined,
    hasDefaults: false,
    hasRules: false,
    hasUniqueLists: false,
    hasEmbedded: false,
  }
  return Object.assign(node, summary(node))
}

const INT_OR_STRING = ['integer', 'string']

const compiled = (pattern: string): RE2JS | undefined => {
  try {
    return RE2JS.compile(pattern)
  } catch {
    return undefined
  }
}

const isSchema = (value: Json | undefined): value is { [key: string]: Json } =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const listOf = (value: Json | undefined): SchemaNode[] =>
  Array.isArray(value) ? value.filter(isSchema).map(structuralSchema) : []

const childrenOf = (
  schema: CustomSchema,
): Pick<SchemaNode, 'properties' | 'additionalProperties' | 'items'> => {
  const { properties, additionalProperties, items } = schema
  return {
    properties:
      isSchema(properties) && Object.keys(properties).length > 0
        ? new Map(
            Object.entries(properties).map(([name, each]) => [
              name,
              structuralSchema(isSchema(each) ? each : {}),
            ]),
          )
        : undefined,
    additionalProperties: isSchema(additionalProperties)
      ? structuralSchema(additionalProperties)
      : typeof additionalProperties === 'boolean'
        ? additionalProperties
        : undefined,
    items: isSchema(items) ? structuralSchema(items) : undefined,
  }
}

type Summary = Pick<SchemaNode, 'hasDefaults' | 'hasRules' | 'hasUniqueLists' | 'hasEmbedded'>

const summary = (node: SchemaNode): Summary => {
  const { additionalProperties: additional } = node
  const children = [
    ...(node.properties?.values() ?? []),
    ...(typeof additional === 'object' ? [additional] : []),
    ...(node.items ? [node.items] : []),
  ]
  const some = (test: (child: SchemaNode) => boolean) => children.some(test)
  return {
    hasDefaults: node.default !== undefined || some(({ hasDefaults }) => hasDefaults),
    hasRules:
      node.rules.length > 0 ||
      some(({ hasRules }) => hasRules) ||
      node.allOf.some(({ hasRules }) => hasRules),
    hasUniqueLists:
      node.listType === 'set' ||
      node.listType === 'map' ||
      some(({ hasUniqueLists }) => hasUniqueLists),
    hasEmbedded: node.embeddedResource || some(({ hasEmbedded }) => hasEmbedded),
  }
}

/** The schema of a field of an object: declared, or that of all others. */
export const fieldSchema = (node: SchemaNode, name: string): SchemaNode | undefined => {
  const own = node.properties?.get(name)
  if (own) return own
  const { additionalProperties } = node
  return typeof additionalProperties === 'object' ? additionalProperties : undefined
}
