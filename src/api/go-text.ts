/**
 * JSON values as Go prints them with `%v`, for messages that quote them.
 */
import type { Json } from './meta.ts'

/** `map[a:1 b:[x y]]`; the keys of a map are sorted. */
export const goText = (value: Json | undefined): string => {
  if (value === null || value === undefined) return '<nil>'
  if (Array.isArray(value)) return `[${value.map(goText).join(' ')}]`
  if (typeof value !== 'object') return String(value)
  return `map[${Object.keys(value)
    .sort()
    .map((key) => `${key}:${goText(value[key])}`)
    .join(' ')}]`
}

/** The type that Go's JSON reader gives a value, e.g. `map[string]interface {}`. */
export const goTypeOf = (value: Json): string => {
  if (value === null) return '<nil>'
  if (Array.isArray(value)) return '[]interface {}'
  if (typeof value === 'object') return 'map[string]interface {}'
  if (typeof value === 'boolean') return 'bool'
  if (typeof value === 'string') return 'string'
  return Number.isInteger(value) ? 'int64' : 'float64'
}
