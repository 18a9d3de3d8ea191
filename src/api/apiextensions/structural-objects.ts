/**
 * What a structural schema does to an object before anybody looks at it: prune, drop nulls, default.
 *
 * After Kubernetes' `apiextensions-apiserver/pkg/apiserver/schema/{pruning,defaulting}`. Invariant: objects
 * are changed in place, so callers hand over copies; a schema's defaults are copied, never shared.
 */
import { deepCopy } from '../equality.ts'
import type { Json } from '../meta.ts'
import { fieldSchema, type SchemaNode } from './structural-schema.ts'

type JsonObject = { [key: string]: Json }

const META_FIELDS: ReadonlySet<string> = new Set(['apiVersion', 'kind', 'metadata'])
const UNKNOWN_MAX = 100

/** Removes what the schema does not know; the paths of what went, as `spec.foo[0].bar`, at most 100. */
export const prune = (object: JsonObject, node: SchemaNode): string[] => {
  const unknown: string[] = []
  pruneValue(object, node, node.preservesUnknown, '', unknown)
  return unknown
}

const pruneValue = (
  value: Json,
  node: SchemaNode | undefined,
  isKept: boolean,
  path: string,
  unknown: string[],
): void => {
  if (Array.isArray(value)) {
    const items = node?.items
    const keepsItems = isKept || items?.preservesUnknown === true
    for (let at = 0; at < value.length; at++)
      pruneValue(value[at]!, items, keepsItems, `${path}[${at}]`, unknown)
    return
  }
  if (typeof value !== 'object' || value === null) return
  if (isKept && !node) return
  for (const key of Object.keys(value)) {
    if (node?.embeddedResource && META_FIELDS.has(key)) continue
    const place = path ? `${path}.${key}` : key
    const own = node && fieldSchema(node, key)
    if (own) pruneValue(value[key]!, own, own.preservesUnknown, place, unknown)
    else if (isKept) continue
    else if (typeof node?.additionalProperties === 'boolean')
      pruneValue(value[key]!, undefined, false, place, unknown)
    else {
      delete value[key]
      if (unknown.length < UNKNOWN_MAX) unknown.push(place)
    }
  }
}

const isRefusedNull = (value: Json, node: SchemaNode | undefined): boolean =>
  value === null && node !== undefined && !node.nullable

/** Removes nulls that are not allowed and have no default that could take their place. */
export const dropNulls = (value: Json, node: SchemaNode | undefined): void => {
  if (!node || typeof value !== 'object' || value === null) return
  if (Array.isArray(value)) {
    for (const item of value) dropNulls(item, node.items)
    return
  }
  for (const key of Object.keys(value)) {
    const own = fieldSchema(node, key)
    if (isRefusedNull(value[key]!, own) && own?.default === undefined) delete value[key]
    else dropNulls(value[key]!, own)
  }
}

/** Fills in defaults, in place. */
export const setDefaults = (value: Json, node: SchemaNode | undefined): void => {
  if (!node?.hasDefaults || typeof value !== 'object' || value === null) return
  if (Array.isArray(value)) {
    for (let at = 0; at < value.length; at++) {
      const fallback = node.items?.default
      if (fallback !== undefined && isRefusedNull(value[at]!, node.items))
        value[at] = deepCopy(fallback)
      setDefaults(value[at]!, node.items)
    }
    return
  }
  for (const [name, own] of node.properties ?? [])
    if (own.default !== undefined && (!(name in value) || isRefusedNull(value[name]!, own)))
      value[name] = deepCopy(own.default)
  for (const key of Object.keys(value)) {
    const own = fieldSchema(node, key)
    if (own?.default !== undefined && isRefusedNull(value[key]!, own))
      value[key] = deepCopy(own.default)
    setDefaults(value[key]!, own)
  }
}

/** Whether pruning or defaulting would change the object. */
export const isSettled = (value: Json, node: SchemaNode | undefined, isKept = false): boolean => {
  if (typeof value !== 'object' || value === null) return true
  if (Array.isArray(value)) {
    const items = node?.items
    const keepsItems = isKept || items?.preservesUnknown === true
    for (const item of value) {
      if (items?.default !== undefined && isRefusedNull(item, items)) return false
      if (!isSettled(item, items, keepsItems)) return false
    }
    return true
  }
  if (!node) return isKept || Object.keys(value).length === 0
  if (node.hasDefaults && node.properties)
    for (const [name, own] of node.properties)
      if (own.default !== undefined && (!(name in value) || isRefusedNull(value[name]!, own)))
        return false
  return Object.keys(value).every((key) => {
    if (node.embeddedResource && META_FIELDS.has(key)) return true
    const own = fieldSchema(node, key)
    if (own)
      return !isRefusedNull(value[key]!, own) && isSettled(value[key]!, own, own.preservesUnknown)
    if (isKept) return true
    return typeof node.additionalProperties === 'boolean' && isSettled(value[key]!, undefined)
  })
}
