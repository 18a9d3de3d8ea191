/**
 * Kubernetes objects inside custom ones (`x-kubernetes-embedded-resource`): their apiVersion, kind, metadata.
 *
 * After `apiextensions-apiserver/pkg/apiserver/schema/objectmeta`. Invariant: metadata that leaves here has
 * the fields of ObjectMeta only. The root's own metadata is the apiserver's business.
 */
import { checkFields } from '../check-fields.ts'
import type { Json, ObjectMeta } from '../meta.ts'
import { validateObjectMeta } from '../object-meta.ts'
import { type FieldError, invalidField, requiredField } from '../status-error.ts'
import { fieldSchema, type SchemaNode } from './structural-schema.ts'

type JsonObject = { [key: string]: Json }

/**
 * Prunes metadata of embedded objects, in place. Faults of types; `isRoot` leaves the first level alone. What was
 * pruned is told in `unknown`, in the words of `checkFields`.
 */
export const coerceEmbedded = (
  value: Json,
  node: SchemaNode | undefined,
  path = '',
  isRoot = true,
  unknown: string[] = [],
): FieldError[] => {
  if (!node?.hasEmbedded || typeof value !== 'object' || value === null) return []
  const inside = (child: Json, schema: SchemaNode | undefined, at: string) =>
    coerceEmbedded(child, schema, at, false, unknown)
  if (Array.isArray(value))
    return value.flatMap((item, at) => inside(item, node.items, `${path}[${at}]`))
  const errors = node.embeddedResource && !isRoot ? coerceMeta(value, path, unknown) : []
  for (const key of Object.keys(value))
    errors.push(...inside(value[key]!, fieldSchema(node, key), childPath(node, path, key)))
  return errors
}

const childPath = (node: SchemaNode, path: string, key: string): string => {
  if (!node.properties?.has(key)) return `${path}[${key}]`
  return path ? `${path}.${key}` : key
}

const coerceMeta = (object: JsonObject, path: string, unknown: string[]): FieldError[] => {
  const errors: FieldError[] = []
  for (const key of ['apiVersion', 'kind'])
    if (key in object && typeof object[key] !== 'string')
      errors.push(invalidField(`${path}.${key}`, object[key], 'must be a string'))
  if (!('metadata' in object)) return errors
  const { metadata } = object
  const {
    object: checked,
    typeErrors,
    unknownFields,
  } = checkFields('V1ObjectMeta', metadata ?? {}, `${path}.metadata`)
  unknown.push(...unknownFields)
  if (typeErrors[0] !== undefined)
    errors.push(invalidField(`${path}.metadata`, metadata, typeErrors[0]))
  else object['metadata'] = checked
  return errors
}

/** Faults of embedded objects. */
export const validateEmbedded = (
  value: Json,
  node: SchemaNode | undefined,
  path = '',
  isRoot = true,
): FieldError[] => {
  if (!node?.hasEmbedded || typeof value !== 'object' || value === null) return []
  if (Array.isArray(value))
    return value.flatMap((item, at) => validateEmbedded(item, node.items, `${path}[${at}]`, false))
  const errors = node.embeddedResource && !isRoot ? metaFaults(value, path) : []
  for (const key of Object.keys(value))
    errors.push(
      ...validateEmbedded(value[key]!, fieldSchema(node, key), childPath(node, path, key), false),
    )
  return errors
}

const metaFaults = (object: JsonObject, path: string): FieldError[] => {
  const errors: FieldError[] = []
  const { apiVersion, kind, metadata } = object
  if (!apiVersion) errors.push(requiredField(`${path}.apiVersion`, 'must not be empty'))
  else if (
    !/^(?:[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?\/)?[a-z](?:[-a-z0-9]*[a-z0-9])?$/.test(
      String(apiVersion),
    )
  )
    errors.push(
      invalidField(
        `${path}.apiVersion`,
        apiVersion,
        `unexpected GroupVersion string: ${apiVersion}`,
      ),
    )
  if (!kind) errors.push(requiredField(`${path}.kind`, 'must not be empty'))
  if (typeof metadata !== 'object' || metadata === null || Array.isArray(metadata)) return errors
  // Whether the object is namespaced is not known; a name may be missing, as in templates.
  const own = metadata as Partial<ObjectMeta>
  const faults = validateObjectMeta(
    { namespaced: own.namespace !== undefined, nameRule: 'pathSegment' },
    { metadata: own },
    `${path}.metadata`,
  )
  return [...errors, ...faults.filter(({ reason }) => reason !== 'FieldValueRequired')]
}
