/**
 * Strategic merge patch: a merge patch that knows which lists merge, and by which key.
 *
 * Rules and results are those of Kubernetes' `apimachinery/pkg/util/strategicpatch`: `$patch`,
 * `$retainKeys`, `$setElementOrder/<list>`, `$deleteFromPrimitiveList/<list>`. Merge keys come from
 * `merge-keys.ts`; a list without one is replaced. The arguments are not changed; the result shares what the
 * patch leaves alone. Errors have Kubernetes' codes: 400 for some directives, 500 for what else cannot be.
 */
import { goText, goTypeOf } from '../go-text.ts'
import type { UncheckedObject } from '../kind.ts'
import { type MergeRule, mergeRuleOf } from '../merge-keys.ts'
import type { Json } from '../meta.ts'
import { schemaOf } from '../schema.ts'
import { badRequest, StatusError } from '../status-error.ts'
import { mergeInOrder, sortByOrder } from './list-order.ts'

/** `object` with `patch` merged in; `model` is the object's model, e.g. `V1Pod`. Throws 400, 500. */
export const applyStrategicMergePatch = (
  object: UncheckedObject,
  patch: Json,
  model: string,
): UncheckedObject => {
  if (!isRecord(patch))
    throw badRequest(
      `json: cannot unmarshal ${Array.isArray(patch) ? 'array' : typeof patch} into Go value of type map[string]interface {}`,
    )
  return mergeRecord(object, patch, model)
}

const DIRECTIVE = '$patch'
const RETAIN_KEYS = '$retainKeys'
const SET_ORDER = '$setElementOrder/'
const DELETE_FROM_LIST = '$deleteFromPrimitiveList/'

const isRecord = (value: Json | undefined): value is UncheckedObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isDirective = (key: string): boolean =>
  key === DIRECTIVE ||
  key === RETAIN_KEYS ||
  key === '__proto__' ||
  key.startsWith(SET_ORDER) ||
  key.startsWith(DELETE_FROM_LIST)

/** What the schema says of a field: the model of its value or items, and how it merges. */
interface FieldMerge {
  model: string | undefined
  rule: MergeRule | undefined
}

const fieldMerge = (model: string | undefined, field: string): FieldMerge => {
  if (!model) return { model: undefined, rule: undefined }
  let type = schemaOf(model).fields.get(field)?.type
  while (type && (type.shape === 'list' || type.shape === 'map')) type = type.of
  return {
    model: type?.shape === 'model' ? type.model : undefined,
    rule: mergeRuleOf(model, field),
  }
}

const mergeRecord = (
  original: UncheckedObject,
  patch: UncheckedObject,
  model: string | undefined,
): UncheckedObject => {
  const directive = patch[DIRECTIVE]
  if (directive !== undefined) {
    if (directive === 'delete') return {}
    if (directive !== 'replace') throw unknownDirective(directive, patch)
    const { [DIRECTIVE]: _, ...replacement } = patch
    return (withoutDirectives(replacement) ?? {}) as UncheckedObject
  }
  const merged = retainKeys(original, patch)
  const ordered = mergeOrderedLists(merged, patch, model)
  for (const key of Object.keys(patch)) {
    const wanted = patch[key] as Json
    if (key.startsWith(DELETE_FROM_LIST)) {
      const field = key.slice(DELETE_FROM_LIST.length)
      const kept = deleteFromList(merged[field], wanted)
      if (kept !== undefined) merged[field] = kept
    } else if (!isDirective(key) && !ordered.has(key)) mergeField(merged, key, wanted, model)
  }
  return merged
}

const mergeField = (
  merged: UncheckedObject,
  key: string,
  wanted: Json,
  model: string | undefined,
): void => {
  const present = merged[key]
  if (wanted === null) delete merged[key]
  else if (isRecord(wanted) && isRecord(present)) {
    const { model: fieldModel, rule } = fieldMerge(model, key)
    merged[key] = rule?.strategies.includes('replace')
      ? (withoutDirectives(wanted) ?? {})
      : mergeRecord(present, wanted, fieldModel)
  } else if (Array.isArray(wanted) && Array.isArray(present))
    merged[key] = mergeList(present, wanted, fieldMerge(model, key))
  else setNew(merged, key, wanted)
}

/** A value for which there is nothing to merge with; one that is only a directive is none. */
const setNew = (merged: UncheckedObject, key: string, wanted: Json): void => {
  const value = withoutDirectives(wanted)
  if (value === undefined) delete merged[key]
  else merged[key] = value
}

/** A copy of `original` with only the fields that `$retainKeys` names, or all without it. */
const retainKeys = (original: UncheckedObject, patch: UncheckedObject): UncheckedObject => {
  const retained = patch[RETAIN_KEYS]
  if (retained === undefined) return { ...original }
  if (!Array.isArray(retained)) throw badRequest('invalid patch format of retainKeys')
  const names = new Set(retained)
  for (const key of Object.keys(patch))
    if (!isDirective(key) && patch[key] !== null && !names.has(key))
      throw badRequest('invalid patch format of retainKeys')
  return Object.fromEntries(Object.entries(original).filter(([key]) => names.has(key)))
}

/** Merges the lists whose order the patch sets, in place; returns their names. */
const mergeOrderedLists = (
  merged: UncheckedObject,
  patch: UncheckedObject,
  model: string | undefined,
): Set<string> => {
  const names = new Set<string>()
  for (const key of Object.keys(patch)) {
    if (!key.startsWith(SET_ORDER)) continue
    const order = patch[key]
    if (!Array.isArray(order))
      throw failed(`expected a []interface {}, but received a ${goTypeOf(order ?? null)}`)
    const name = key.slice(SET_ORDER.length)
    const present = merged[name]
    const wanted = patch[name]
    const merge = fieldMerge(model, name)
    const mergeKey = merge.rule?.mergeKey
    if (Array.isArray(wanted)) checkOrder(wanted, order, mergeKey)
    else if (wanted !== undefined) continue
    names.add(name)
    const before = Array.isArray(present) ? present : []
    let items = before
    if (Array.isArray(wanted))
      items = Array.isArray(present)
        ? mergeList(present, wanted, merge)
        : (withoutDirectives(wanted) as Json[])
    else if (!Array.isArray(present)) continue
    merged[name] = orderItems(items, order, before, mergeKey)
  }
  return names
}

/** Items in `order` as it says, the others where `before` had them among these. */
const orderItems = (
  items: readonly Json[],
  order: readonly Json[],
  before: readonly Json[],
  mergeKey: string | undefined,
): Json[] => {
  const identity = identityOf(mergeKey)
  const ordered = new Set(order.map(identity))
  return mergeInOrder(
    items.filter((item) => !ordered.has(identity(item))),
    sortByOrder(
      items.filter((item) => ordered.has(identity(item))),
      order,
      identity,
    ),
    before,
    identity,
  )
}

/** The patch's own items must come in the order it sets. */
const checkOrder = (
  wanted: readonly Json[],
  order: readonly Json[],
  mergeKey: string | undefined,
): void => {
  if (order.length === 0) return
  const own = wanted.filter((item) => !isRecord(item) || item[DIRECTIVE] === undefined)
  let next = 0
  for (const place of order)
    if (next < own.length && isSameItem(own[next]!, place, mergeKey)) next++
  if (next < own.length)
    throw failed(
      `The order in patch list:\n${goText([...wanted])}\n doesn't match $setElementOrder list:\n${goText([...order])}\n`,
    )
}

const isSameItem = (one: Json, other: Json, mergeKey: string | undefined): boolean => {
  if (!mergeKey) return one === other
  const keys = [one, other].map((item) => {
    if (isRecord(item)) return keyValue(item, mergeKey)
    throw failed(`expected a map[string]interface {}, but received a ${goTypeOf(item)}`)
  })
  return keys[0] === keys[1]
}

const mergeList = (
  original: readonly Json[],
  patch: readonly Json[],
  { model, rule }: FieldMerge,
): Json[] => {
  if (!rule?.strategies.includes('merge')) return withoutDirectives(patch as Json[]) as Json[]
  if (original.length === 0 && patch.length === 0) return []
  const mergeKey = rule.mergeKey
  if (!mergeKey) {
    const merged = [...new Set([...original, ...patch])]
    return orderItems(merged, patch, original, undefined)
  }
  const items = patch.map((item) => {
    if (!isRecord(item))
      throw failed(
        `list element types are not identical: ${goText([[...original], [...patch]] as Json)}`,
      )
    return item
  })
  if (items.some((item) => item[DIRECTIVE] === 'replace'))
    return items
      .filter((item) => item[DIRECTIVE] === undefined)
      .map((item) => withoutDirectives(item)!)
  return mergeListByKey(original, items, mergeKey, model)
}

/** Items whose key is no scalar are told apart by what they hold; there are none in Kubernetes' types. */
const keyOf = (value: Json): Json => (typeof value === 'object' ? JSON.stringify(value) : value)

const mergeListByKey = (
  original: readonly Json[],
  items: readonly UncheckedObject[],
  mergeKey: string,
  model: string | undefined,
): Json[] => {
  const gone = new Set<Json>()
  const plain: UncheckedObject[] = []
  for (const item of items) {
    const directive = item[DIRECTIVE]
    if (directive === undefined) plain.push(item)
    else if (directive === 'delete') gone.add(keyOf(keyValue(item, mergeKey)))
    else if (directive === 'merge')
      throw failed('merging lists cannot yet be specified in the patch')
    else throw unknownDirective(directive, item)
  }
  const kept = original.filter(
    (item) => !isRecord(item) || !gone.has(keyOf(item[mergeKey] ?? null)),
  )
  const merged = [...kept]
  const places = new Map<Json, number>()
  for (const [at, item] of merged.entries()) {
    const key = isRecord(item) ? keyOf(item[mergeKey] ?? null) : undefined
    if (key !== undefined && !places.has(key)) places.set(key, at)
  }
  for (const item of plain) {
    const key = keyOf(keyValue(item, mergeKey))
    const at = places.get(key)
    if (at !== undefined) merged[at] = mergeRecord(merged[at] as UncheckedObject, item, model)
    else {
      places.set(key, merged.length)
      merged.push(withoutDirectives(item) ?? {})
    }
  }
  return orderItems(merged, plain, kept, mergeKey)
}

const keyValue = (item: UncheckedObject, mergeKey: string): Json => {
  const value = item[mergeKey]
  if (value === undefined)
    throw failed(`map: ${goText(item)} does not contain declared merge key: ${mergeKey}`)
  return value
}

const deleteFromList = (present: Json | undefined, unwanted: Json): Json | undefined => {
  if (!Array.isArray(unwanted) || !Array.isArray(present)) return present
  const gone = new Set(unwanted)
  return present.filter((item) => !gone.has(item))
}

const identityOf =
  (mergeKey: string | undefined) =>
  (item: Json): Json | undefined =>
    mergeKey && isRecord(item) ? item[mergeKey] : item

const unknownDirective = (directive: Json, map: UncheckedObject) =>
  failed(`unknown patch type: ${goText(directive)} in map: ${goText(map)}`)

/** What Kubernetes answers to errors that it gives no reason. */
const failed = (message: string) => new StatusError(500, '', message)

/** A new value as it is stored: no directives, no nulls; undefined for what is only a directive. */
const withoutDirectives = (value: Json): Json | undefined => {
  if (Array.isArray(value)) return value.map(withoutDirectives).filter((item) => item !== undefined)
  if (!isRecord(value)) return value
  if (value[DIRECTIVE] !== undefined) return undefined
  const plain: UncheckedObject = {}
  for (const key of Object.keys(value)) {
    const item = value[key] as Json
    if (item === null || isDirective(key)) continue
    const kept = withoutDirectives(item)
    if (kept !== undefined) plain[key] = kept
  }
  return plain
}
