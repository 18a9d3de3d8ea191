/**
 * Whether the defaults of a schema fit it (Kubernetes' `schema/defaulting/validation.go`).
 *
 * Invariant: a default that passes here needs no check when it is set.
 */
import { deepCopy, deepEqual } from '../equality.ts'
import type { Json } from '../meta.ts'
import { type FieldError, invalidField } from '../status-error.ts'
import { coerceEmbedded, validateEmbedded } from './embedded-objects.ts'
import { validateValue } from './schema-validation.ts'
import { prune } from './structural-objects.ts'
import { asSchema, propertiesOf, type Schema } from './structural-rules.ts'
import { structuralSchema } from './structural-schema.ts'

const META_FIELDS: ReadonlySet<string> = new Set(['metadata', 'kind', 'apiVersion'])

export const validateDefaults = (schema: Schema, path: string): FieldError[] => {
  const errors: FieldError[] = []
  check(errors, { ...schema, 'x-kubernetes-embedded-resource': true }, path, false)
  return errors
}

const check = (errors: FieldError[], schema: Schema, path: string, isInMeta: boolean): void => {
  const isEmbedded = schema['x-kubernetes-embedded-resource'] === true
  const inMeta = isInMeta && !isEmbedded
  const value = schema['default']
  if (value !== undefined && value !== null) checkDefault(errors, schema, value, path, inMeta)
  // Defaults beneath additionalProperties are forbidden where they are ambiguous.
  const items = asSchema(schema['items'])
  if (items) check(errors, items, `${path}.items`, inMeta)
  for (const [name, child] of propertiesOf(schema))
    check(
      errors,
      child,
      `${path}.properties[${name}]`,
      inMeta || (isEmbedded && META_FIELDS.has(name)),
    )
}

const checkDefault = (
  errors: FieldError[],
  schema: Schema,
  value: Json,
  path: string,
  isInMeta: boolean,
): void => {
  const place = `${path}.default`
  const node = structuralSchema(schema)
  if (!isInMeta && typeof value === 'object' && value !== null) {
    const copy = deepCopy(value)
    prune(copy as { [key: string]: Json }, node)
    if (!deepEqual(copy, value))
      errors.push(invalidField(place, value, 'must not have unknown fields'))
  }
  const faults = [
    ...coerceEmbedded(deepCopy(value), node, place, !node.embeddedResource),
    ...validateEmbedded(value, node, place, !node.embeddedResource),
  ]
  errors.push(...(faults.length > 0 ? faults : withPath(validateValue(value, node), place)))
}

/** The validator's paths are its own, from the value on; messages keep them. */
const withPath = (errors: readonly FieldError[], place: string): FieldError[] =>
  errors.map((error) => ({
    ...error,
    field: error.field === '<nil>' ? place : `${place}.${error.field}`,
  }))
