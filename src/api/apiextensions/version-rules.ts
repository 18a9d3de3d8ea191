/**
 * What one version of a CustomResourceDefinition must satisfy: its schema, columns, subresources, fields to
 * select by, and its warning when it is deprecated.
 *
 * After Kubernetes' `apiextensions/validation/validation.go`. Invariant: pure; the definition is not changed.
 */
import type { V1CustomResourceColumnDefinition } from '@kubernetes/client-node'
import {
  duplicateField,
  type FieldError,
  forbiddenField,
  invalidField,
  requiredField,
  tooManyField,
} from '../status-error.ts'
import type { DefinitionVersion } from './custom-resource-definition.ts'
import { validateDefaults } from './default-rules.ts'
import { findField } from './field-path.ts'
import type { ScalePaths } from './scale-paths.ts'
import { validateSchema } from './schema-rules.ts'
import { type Schema, validateStructural } from './structural-rules.ts'

/** What may stand at the root of a schema whose status is written apart, in Kubernetes' names and order. */
const AT_ROOT: readonly string[] = [
  'Description',
  'Type',
  'Format',
  'Title',
  'Maximum',
  'ExclusiveMaximum',
  'Minimum',
  'ExclusiveMinimum',
  'MaxLength',
  'MinLength',
  'Pattern',
  'MaxItems',
  'MinItems',
  'UniqueItems',
  'MultipleOf',
  'Required',
  'Items',
  'Properties',
  'ExternalDocs',
  'Example',
  'XPreserveUnknownFields',
  'XValidations',
]

/** A field of JSON as Kubernetes' Go type names it. */
const goField = (field: string): string =>
  field
    .replace(/^x-kubernetes/, 'x')
    .replace(/(?:^|-)([a-z])/g, (_all, letter: string) => letter.toUpperCase())

const schemaOf = ({ schema }: DefinitionVersion): Schema | undefined =>
  schema?.openAPIV3Schema as unknown as Schema | undefined

/** `path`: of the object that holds `openAPIV3Schema`. */
export const validateSchemaOf = (
  version: DefinitionVersion,
  hasStatus: boolean,
  path: string,
): FieldError[] => {
  const schema = schemaOf(version)
  if (!schema) return []
  const errors: FieldError[] = []
  const place = `${path}.openAPIV3Schema`
  if (hasStatus) errors.push(...rootFaults(schema, place))
  if (schema['nullable'] === true)
    errors.push(forbiddenField(`${place}.nullable`, 'nullable cannot be true at the root'))
  const structural = validateStructural(schema, place)
  const defaults = structural.length > 0 ? [] : validateDefaults(schema, place)
  errors.push(...structural, ...defaults)
  const isSound = structural.length === 0 && defaults.length === 0
  errors.push(...validateSchema(schema, place, isSound))
  return errors
}

const rootFaults = (schema: Schema, place: string): FieldError[] => {
  for (const field of Object.keys(schema)) {
    const value = schema[field]
    if (field === 'type') {
      if (value === 'object') continue
      return [
        invalidField(
          `${place}.type`,
          value,
          'only "object" is allowed as the type at the root of the schema if the status subresource is enabled',
        ),
      ]
    }
    if (!AT_ROOT.includes(goField(field)))
      return [
        invalidField(
          place,
          schema,
          `only [${AT_ROOT.join(' ')}] fields are allowed at the root of the schema if the status subresource is enabled`,
        ),
      ]
  }
  return []
}

const WARNING_MAX = 256

export const validateDeprecation = (
  { deprecated, deprecationWarning: warning }: DefinitionVersion,
  path: string,
): FieldError[] => {
  if (warning === undefined) return []
  const refuse = (detail: string) => invalidField(`${path}.deprecationWarning`, warning, detail)
  if (!deprecated) return [refuse('can only be set for deprecated versions')]
  const errors: FieldError[] = []
  if (Buffer.byteLength(warning) > WARNING_MAX)
    errors.push(refuse('must be <= 256 characters long'))
  if (warning === '') errors.push(refuse('must not be an empty string'))
  const at = warning.search(/[^\P{C}]|[^\P{Z} ]/u)
  if (at >= 0)
    errors.push(
      refuse(
        `must only contain printable UTF-8 characters; non-printable character found at index ${Buffer.byteLength(warning.slice(0, at))}`,
      ),
    )
  return errors
}

const COLUMN_TYPES = ['boolean', 'date', 'integer', 'number', 'string']
const COLUMN_FORMATS = [
  'byte',
  'date',
  'date-time',
  'double',
  'float',
  'int32',
  'int64',
  'password',
]

export const validateColumn = (
  { name, type, format, jsonPath }: V1CustomResourceColumnDefinition,
  path: string,
): FieldError[] => {
  const errors: FieldError[] = []
  if (!name) errors.push(requiredField(`${path}.name`))
  const types = `must be one of ${COLUMN_TYPES.join(',')}`
  if (!type) errors.push(requiredField(`${path}.type`, types))
  else if (!COLUMN_TYPES.includes(type)) errors.push(invalidField(`${path}.type`, type, types))
  if (format && !COLUMN_FORMATS.includes(format))
    errors.push(
      invalidField(`${path}.format`, format, `must be one of ${COLUMN_FORMATS.join(',')}`),
    )
  if (!jsonPath) errors.push(requiredField(`${path}.JSONPath`))
  else if (!jsonPath.startsWith('.')) errors.push(notSimple(`${path}.JSONPath`, jsonPath))
  return errors
}

const notSimple = (path: string, value: string): FieldError =>
  invalidField(path, value, 'must be a simple json path starting with .')

export const validateSubresources = (scale: ScalePaths | undefined, path: string): FieldError[] => {
  if (!scale) return []
  const errors: FieldError[] = []
  const check = (field: string, value: string, roots: readonly string[]) => {
    const place = `${path}.scale.${field}`
    if (!value.startsWith('.')) errors.push(notSimple(place, value))
    else if (!roots.some((root) => value.startsWith(`${root}.`)))
      errors.push(
        invalidField(
          place,
          value,
          `should be a json path under ${roots.length > 1 ? `either ${roots.join(' or ')}` : roots[0]}`,
        ),
      )
  }
  for (const [field, root] of [
    ['specReplicasPath', '.spec'],
    ['statusReplicasPath', '.status'],
  ] as const)
    if (!scale[field]) errors.push(requiredField(`${path}.scale.${field}`))
    else check(field, scale[field], [root])
  if (scale.labelSelectorPath)
    check('labelSelectorPath', scale.labelSelectorPath, ['.spec', '.status'])
  return errors
}

const SELECTABLE_MAX = 8
const SELECTABLE_TYPES: ReadonlySet<unknown> = new Set(['string', 'boolean', 'integer'])

export const validateSelectable = (version: DefinitionVersion, path: string): FieldError[] => {
  const fields = version.selectableFields ?? []
  const schema = schemaOf(version)
  if (fields.length === 0) return []
  if (!schema)
    return [
      invalidField(
        path,
        '',
        'selectableFields may only be set when version.schema.openAPIV3Schema is not included',
      ),
    ]
  const errors: FieldError[] = []
  const seen = new Set<string>()
  for (const [at, { jsonPath }] of fields.entries()) {
    const place = `${path}[${at}].jsonPath`
    if (!jsonPath) {
      errors.push(requiredField(place))
      continue
    }
    const found = findField(jsonPath, schema, false)
    if (typeof found === 'string') {
      errors.push(invalidField(place, jsonPath, `is an invalid path: ${found}`))
      continue
    }
    if (found.root === 'metadata')
      errors.push(invalidField(place, jsonPath, 'must not point to fields in metadata'))
    if (!SELECTABLE_TYPES.has(found.schema['type']))
      errors.push(
        invalidField(
          place,
          jsonPath,
          'must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.',
        ),
      )
    if (seen.has(found.text)) errors.push(duplicateField(place, jsonPath))
    seen.add(found.text)
  }
  if (seen.size > SELECTABLE_MAX) errors.push(tooManyField(path, seen.size, SELECTABLE_MAX))
  return errors
}
