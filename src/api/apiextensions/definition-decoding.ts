/**
 * Decoding of CustomResourceDefinitions: their schemas contain schemas that the field tables call "anything".
 *
 * Invariant: what leaves here has only fields that JSONSchemaProps has, at whatever depth.
 */
import { checkFields } from '../check-fields.ts'
import type { CheckedFields } from '../kind.ts'
import type { Json } from '../meta.ts'

type JsonObject = { [key: string]: Json }

const MODEL = 'V1JSONSchemaProps'

const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

export const decodeDefinition = (value: Json): CheckedFields => {
  const checked = checkFields('V1CustomResourceDefinition', value)
  const { spec } = checked.object
  const versions = isObject(spec) && Array.isArray(spec['versions']) ? spec['versions'] : []
  for (const [at, version] of versions.entries()) {
    const schema = isObject(version) && isObject(version['schema']) ? version['schema'] : undefined
    const root = schema?.['openAPIV3Schema']
    if (isObject(root)) decodeWithin(checked, root, `spec.versions[${at}].schema.openAPIV3Schema`)
  }
  return checked
}

/** Fields that hold a schema or something else, which the tables leave alone. */
const OPAQUE = ['items', 'additionalProperties', 'additionalItems']
const NAMED = ['properties', 'patternProperties', 'definitions']
const LISTED = ['allOf', 'anyOf', 'oneOf']

const decodeWithin = (checked: CheckedFields, schema: JsonObject, path: string): void => {
  for (const field of OPAQUE) {
    const inner = schema[field]
    if (!isObject(inner)) continue
    const place = `${path}.${field}`
    const found = checkFields(MODEL, inner)
    for (const fault of found.unknownFields)
      checked.unknownFields.push(fault.replace('unknown field "', `unknown field "${place}.`))
    checked.typeErrors.push(...found.typeErrors)
    schema[field] = found.object
    decodeWithin(checked, found.object, place)
  }
  for (const field of NAMED) {
    const named = schema[field]
    if (!isObject(named)) continue
    for (const [name, inner] of Object.entries(named))
      if (isObject(inner)) decodeWithin(checked, inner, `${path}.${field}.${name}`)
  }
  for (const field of LISTED) {
    const listed = schema[field]
    if (!Array.isArray(listed)) continue
    for (const [at, inner] of listed.entries())
      if (isObject(inner)) decodeWithin(checked, inner, `${path}.${field}[${at}]`)
  }
  if (isObject(schema['not'])) decodeWithin(checked, schema['not'], `${path}.not`)
}
