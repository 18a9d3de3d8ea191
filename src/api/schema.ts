/**
 * The field schemas of all models: which fields there are, of which type, which are required.
 *
 * They are derived at build time from `@kubernetes/client-node` (`ops/derive-schemas.mjs`) and completed by
 * `field-facts.ts`; a model is parsed when it is first asked for. It checks nothing: `check-fields.ts` does.
 */
import schemas from 'kubus:schemas'
import { assert } from '../std/assert.ts'
import { QUANTITY_FIELDS } from './field-facts.ts'

export type Scalar =
  | 'string'
  | 'boolean'
  | 'int32'
  | 'int64'
  | 'double'
  | 'time'
  | 'microTime'
  | 'byte'
  | 'intOrString'
  | 'quantity'
  | 'any'

export type FieldType =
  | { shape: 'scalar'; scalar: Scalar }
  | { shape: 'list'; of: FieldType }
  | { shape: 'map'; of: FieldType }
  | { shape: 'model'; model: string }

export interface Field {
  /** As on the wire. */
  name: string
  type: FieldType
  required: boolean
}

export interface Model {
  /** In `@kubernetes/client-node`, e.g. `V1PodSpec`. */
  name: string
  /** In Kubernetes' Go types, e.g. `PodSpec`. */
  goName: string
  fields: ReadonlyMap<string, Field>
}

/** The schema of a model; it is a defect to ask for one that no kind reaches. */
export const schemaOf = (name: string): Model => {
  const known = models.get(name)
  if (known) return known
  const codes = schemas[name]
  assert(codes, `no schema of model ${name}`)
  const model: Model = {
    name,
    goName: goNameOf(name),
    fields: new Map(
      Object.entries(codes).map(([field, code]) => [field, parseField(name, field, code)]),
    ),
  }
  models.set(name, model)
  return model
}

export const hasSchema = (name: string): boolean => name in schemas

/** `V1PodSpec` → `PodSpec`, `CoreV1Event` → `Event`. */
export const goNameOf = (model: string): string =>
  model.replace(/^[A-Za-z]*?V\d+(?:(?:alpha|beta)\d+)?(?=[A-Z])/, '')

const models = new Map<string, Model>()

const SCALARS: ReadonlySet<string> = new Set([
  'string',
  'boolean',
  'int32',
  'int64',
  'double',
  'time',
  'microTime',
  'byte',
  'intOrString',
  'any',
])

const parseField = (model: string, name: string, code: string): Field => {
  const required = code.endsWith('!')
  const isQuantity = QUANTITY_FIELDS.has(`${model}.${name}`)
  return { name, type: parseType(required ? code.slice(0, -1) : code, isQuantity), required }
}

const parseType = (code: string, isQuantity: boolean): FieldType => {
  if (code.startsWith('[]')) return { shape: 'list', of: parseType(code.slice(2), isQuantity) }
  if (code.startsWith('{}')) return { shape: 'map', of: parseType(code.slice(2), isQuantity) }
  if (!SCALARS.has(code)) return { shape: 'model', model: code }
  return { shape: 'scalar', scalar: isQuantity ? 'quantity' : (code as Scalar) }
}
