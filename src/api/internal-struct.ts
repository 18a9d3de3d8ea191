/**
 * Values in the form in which Kubernetes' messages show them: as its internal types, which have no JSON names.
 *
 * `field.Error` prints a struct as JSON. The types that validation works on are the internal ones: every field is
 * there, under its name in Go, whether it is set or not. Types of `metav1` look as on the wire. The table of structs
 * (`internal-structs.json`) holds facts of `pkg/apis/<group>/types.go`; it is read where a message needs it.
 */
import { assert } from '../std/assert.ts'
import table from './internal-structs.json'
import type { Json } from './meta.ts'

type JsonObject = { [key: string]: Json }

interface StructField {
  /** In Go; `''` for a part whose fields stand among the struct's own. */
  name: string
  type: string
}

const structs = new Map<string, readonly StructField[]>()

/** `*core.Taint` is a pointer, `[]core.Taint` a slice; see the table for others. `value` is in wire form. */
export const internalValue = (type: string, value: unknown): Json => {
  const given = value as Json | undefined
  if (type.startsWith('*')) return given == null ? null : internalValue(type.slice(1), given)
  if (type.startsWith('[]'))
    return Array.isArray(given)
      ? given.map((item) => internalValue(type.slice(2), item))
      : (given ?? null)
  if (type.startsWith('{}'))
    return given == null
      ? null
      : Object.fromEntries(
          Object.keys(given)
            .sort()
            .map((key) => [key, internalValue(type.slice(2), (given as JsonObject)[key])]),
        )
  return ZEROS[type] === undefined ? internalStruct(type, given) : (given ?? ZEROS[type])
}

/** What a field that is not set holds, by its type: text, number, truth, and types that print in their own way. */
const ZEROS: Readonly<Record<string, Json>> = {
  s: '',
  n: 0,
  b: false,
  time: null,
  quantity: '0',
  intstr: 0,
  wire: {},
}

const internalStruct = (type: string, value: Json | undefined): Json => {
  const shown: JsonObject = {}
  const given = type === 'core.PodSpec' ? withHostFields(asObject(value)) : asObject(value)
  const keys = new Map(Object.keys(given).map((key) => [key.toLowerCase(), key]))
  for (const { name, type: part } of fieldsOf(type)) {
    if (name !== '') shown[name] = internalValue(part, given[keys.get(name.toLowerCase()) ?? ''])
    else if (part === 'meta') Object.assign(shown, metadataOf(given))
    else if (part !== 'type') Object.assign(shown, internalValue(part.replace('*', ''), given))
  }
  return shown
}

const asObject = (value: Json | undefined): JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {}

/** Which namespaces a pod shares stands in its security context there. */
const withHostFields = (spec: JsonObject): JsonObject => {
  const moved = ['hostNetwork', 'hostPID', 'hostIPC', 'shareProcessNamespace', 'hostUsers']
  const context: JsonObject = { ...asObject(spec['securityContext']) }
  for (const name of moved) if (spec[name] !== undefined) context[name] = spec[name]
  return { ...spec, securityContext: context }
}

const metadataOf = ({ metadata }: JsonObject): JsonObject => {
  const shown: JsonObject = {}
  for (const [name, value] of Object.entries(asObject(metadata)))
    if (value !== null) shown[name] = value
  return shown
}

const fieldsOf = (type: string): readonly StructField[] => {
  const known = structs.get(type)
  if (known) return known
  const text = (table as Readonly<Record<string, string>>)[type]
  assert(text !== undefined, `${type} is in the table of structs`)
  const fields = text
    .split(' ')
    .filter((each) => each !== '')
    .map((each) => {
      const [name = '', part = ''] = each.startsWith('+') ? ['', each.slice(1)] : each.split('=')
      return { name, type: part }
    })
  structs.set(type, fields)
  return fields
}
