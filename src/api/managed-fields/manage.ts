/**
 * The managers of an object after a write, and the object after an apply.
 *
 * After Kubernetes' `apimachinery/pkg/util/managedfields` and structured-merge-diff's `merge/update.go`: an
 * update gives its manager what it changed and takes it from the others; an apply gives its manager what it
 * names, removes what the manager named before and nobody else does, and refuses to change what others manage
 * unless it is forced. Pure: nothing here reads the clock.
 */

import { timestamp } from '../../std/clock.ts'
import type { Json, KubernetesObject } from '../meta.ts'
import { parsedFields } from './compact-fields.ts'
import type { Comparison } from './comparison.ts'
import { createdFields } from './created-fields.ts'
import {
  contains,
  difference,
  type FieldSet,
  intersects,
  isEmptySet,
  LEAF,
  setOfPath,
  union,
} from './field-set.ts'
import type { StructShape } from './field-shape.ts'
import {
  entryOf,
  isSameManager,
  type ManagerEntry,
  type Managers,
  NOBODY,
  sortEntries,
} from './manager-entry.ts'
import { comparisonsOf, type OtherVersions } from './version-comparisons.ts'

/** The manager's part in a write. */
export interface Authorship {
  manager: string
  apiVersion: string
  /** `''`: the main resource. */
  subresource: string
  /** Milliseconds since the epoch. */
  now: number
}

type Tree = { [key: string]: Json }

/** As an object of JSON: nothing here looks further than its fields. */
export const treeOf = (object: KubernetesObject): Tree => object as unknown as Tree

/** Top-level fields and fields of metadata that nobody manages. */
const STRIPPED = new Set(['apiVersion', 'kind'])
const STRIPPED_METADATA = new Set([
  'name',
  'namespace',
  'creationTimestamp',
  'selfLink',
  'uid',
  'clusterName',
  'generation',
  'managedFields',
  'resourceVersion',
])

const strippedFields: FieldSet = {
  'f:apiVersion': LEAF,
  'f:kind': LEAF,
  'f:metadata': {
    '.': LEAF,
    ...Object.fromEntries([...STRIPPED_METADATA].map((name) => [`f:${name}`, LEAF])),
  },
}

/** `set` without the fields that nobody manages. */
export const stripped = (set: FieldSet): FieldSet => difference(set, strippedFields)

/** The managers of a new object. `ignored`: top-level fields that this way of writing does not set. */
export const managersOfCreated = (
  shape: StructShape,
  object: KubernetesObject,
  by: Authorship,
  ignored: (field: string) => boolean,
): Managers => {
  const fields = createdFields(shape, treeOf(object), (name, isMetadata) =>
    isMetadata ? STRIPPED_METADATA.has(name) : STRIPPED.has(name) || ignored(name),
  )
  return fields === '{}' ? NOBODY : [entryOf(updateEntry(by), fields)]
}

const updateEntry = ({ manager, apiVersion, subresource, now }: Authorship) => ({
  manager: manager || 'unknown',
  operation: 'Update' as const,
  apiVersion,
  subresource,
  time: secondOf(now),
})

let second = Number.NaN
let secondText = ''

/** The time as entries have it; all writes of a second share it. */
export const secondOf = (nowMs: number): string => {
  const current = Math.floor(nowMs / 1000)
  if (current !== second) {
    second = current
    secondText = timestamp(nowMs)
  }
  return secondText
}

/**
 * The managers after an update from `before` to `after`; the same list when it changed no field.
 * An object of which no managers are known gets none by an update. `ignored` as with `managersOfCreated`; `others`
 * where the kind has other versions.
 */
export const managersOfUpdated = (
  shape: StructShape,
  managers: Managers,
  before: KubernetesObject,
  after: KubernetesObject,
  by: Authorship,
  ignored: (field: string) => boolean,
  others?: OtherVersions,
): Managers => {
  if (managers.length === 0) return managers
  const skip = (name: string, isMetadata: boolean) =>
    isMetadata ? STRIPPED_METADATA.has(name) : STRIPPED.has(name) || ignored(name)
  const { apiVersion } = by
  const change = { shape, apiVersion, before: treeOf(before), after: treeOf(after), skip, others }
  const comparisonIn = comparisonsOf(change)
  const { changed, removed } = comparisonIn(apiVersion)
  if (isEmptySet(changed) && isEmptySet(removed)) return managers
  const own = updateEntry(by)
  const kept: ManagerEntry[] = []
  let mine: ManagerEntry | undefined
  for (const entry of managers)
    if (isSameManager(entry, own)) mine = entry
    else {
      const left = withoutTaken(entry, comparisonIn(entry.apiVersion))
      if (left) kept.push(left)
    }
  const owned = mine ? parsedFields(mine) : LEAF
  const held = difference(owned, removed)
  const left = mine && (held === owned ? mine : entryOf(mine, held))
  if (isEmptySet(changed)) {
    if (left && !isEmptySet(held)) kept.push(left)
  } else if (left && contains(held, changed)) kept.push({ ...left, time: own.time })
  else kept.push(entryOf(own, union(held, changed)))
  return capped(sortEntries(kept))
}

const withoutTaken = (
  entry: ManagerEntry,
  { changed, removed }: Comparison,
): ManagerEntry | undefined => {
  const fields = parsedFields(entry)
  if (!intersects(fields, changed) && !intersects(fields, removed)) return entry
  const left = difference(difference(fields, changed), removed)
  return isEmptySet(left) ? undefined : entryOf(entry, left)
}

const UPDATERS_MAX = 10
const ANCIENT = 'ancient-changes'

/** No more than ten entries of updates: the oldest of a version become one. */
export const capped = (managers: Managers): Managers => {
  let updaters = 0
  for (const { operation } of managers) if (operation === 'Update') updaters++
  if (updaters <= UPDATERS_MAX) return managers
  let entries = [...managers]
  const oldest = entries.filter(({ operation }) => operation === 'Update')
  const firsts = new Map<string, ManagerEntry>()
  for (const entry of oldest) {
    if (updaters <= UPDATERS_MAX) break
    const { apiVersion } = entry
    const first = firsts.get(apiVersion)
    if (!first) {
      firsts.set(apiVersion, entry)
      continue
    }
    const bucket = entryOf(
      { ...entry, manager: ANCIENT, subresource: '' },
      union(parsedFields(first), parsedFields(entry)),
    )
    entries = entries.filter((other) => other !== first && other !== entry)
    entries.push(bucket)
    firsts.set(apiVersion, bucket)
    updaters--
  }
  return sortEntries(entries)
}

const SCALE_REPLICAS = ['f:spec', 'f:replicas']

/**
 * The managers of an object as its Scale shows them: who manages the number of replicas, in the Scale's words.
 * `replicasPath` is that of the object, e.g. `['f:spec', 'f:replicas']`.
 */
export const managersOfScale = (managers: Managers, replicasPath: readonly string[]): Managers => {
  const path = setOfPath(replicasPath)
  return managers
    .filter((entry) => contains(parsedFields(entry), path))
    .map((entry) => entryOf({ ...entry, apiVersion: 'autoscaling/v1' }, setOfPath(SCALE_REPLICAS)))
}

/** The managers of an object after those of its Scale became `scaled`; the object is of `apiVersion`. */
export const managersFromScale = (
  managers: Managers,
  scaled: Managers,
  apiVersion: string,
  replicasPath: readonly string[],
): Managers => {
  const path = setOfPath(replicasPath)
  const isOf = (entry: ManagerEntry) => (other: ManagerEntry) =>
    isSameManager({ ...other, apiVersion: entry.apiVersion }, entry)
  const kept: ManagerEntry[] = []
  const rest = new Set(scaled.filter(({ fields }) => fields === SCALE_FIELDS))
  for (const entry of managers) {
    const fields = parsedFields(entry)
    if (!contains(fields, path)) {
      kept.push(entry)
      continue
    }
    const counterpart = scaled.find(isOf(entry))
    if (counterpart) {
      kept.push(entry)
      rest.delete(counterpart)
      continue
    }
    const left = difference(fields, path)
    if (!isEmptySet(left)) kept.push(entryOf(entry, left))
  }
  for (const entry of rest) kept.push(entryOf({ ...entry, apiVersion }, path))
  return sortEntries(kept)
}

const SCALE_FIELDS = '{"f:spec":{"f:replicas":{}}}'
