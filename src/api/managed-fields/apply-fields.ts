/**
 * Server-side apply: an object and its managers after a configuration was applied, or the conflicts.
 *
 * After structured-merge-diff's `merge/update.go` and Kubernetes' `managedfields/internal`. Pure. What the
 * result is decoded, defaulted and validated to is the pipeline's.
 */

import { deepEqual } from '../equality.ts'
import type { Json, KubernetesObject } from '../meta.ts'
import { type StatusCause, StatusError } from '../status-error.ts'
import { parsedFields } from './compact-fields.ts'
import { compareObjects } from './comparison.ts'
import {
  contains,
  difference,
  type FieldSet,
  intersection,
  isEmptySet,
  LEAF,
  pathsOf,
  pathText,
  union,
} from './field-set.ts'
import type { StructShape } from './field-shape.ts'
import { type Authorship, managersOfCreated, secondOf, stripped, treeOf } from './manage.ts'
import {
  entryOf,
  isSameManager,
  type ManagerEntry,
  type Managers,
  sortEntries,
} from './manager-entry.ts'
import {
  faultsOf,
  fieldsOf,
  mergeFields,
  withDeclaredFields,
  withoutFields,
} from './object-fields.ts'
import { comparisonsOf, type OtherVersions } from './version-comparisons.ts'

export interface Application {
  shape: StructShape
  /** The object there is; undefined: it is to be created. */
  live: KubernetesObject | undefined
  managers: Managers
  /** What the client sent. */
  applied: { [key: string]: Json }
  by: Authorship
  force: boolean
  /** Top-level fields that this way of writing does not set. */
  ignored(field: string): boolean
  /** The kind's other versions, if it has any. */
  versions?: OtherVersions | undefined
}

export interface Applied {
  /** Unchecked: to be decoded. */
  object: { [key: string]: Json }
  managers: Managers
}

/** Throws StatusError 409 with a cause for each conflict, and 500 for a configuration that does not fit. */
export const applyFields = (application: Application): Applied => {
  const { live, applied, by } = application
  const faults = faultsOf(application.shape, applied)
  if (faults.length > 0) throw unfit(application, faults)
  const managers = live ? knownManagers(application, live) : application.managers
  const known = { ...application, managers }
  if (by.manager !== KUBECTL) return attempt(known, application.force).orThrow()
  const result = attempt(known, application.force)
  const allowed = result.conflicts.length > 0 ? fieldsOfLastApplied(application) : undefined
  const done = allowed
    ? (result.without(allowed) ?? attempt(known, true).orThrow())
    : result.orThrow()
  return withLastApplied(done, applied)
}

const KUBECTL = 'kubectl'
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration'

/** Who changed the object before anybody's changes were counted. */
const knownManagers = (
  { managers, shape, by, ignored }: Application,
  live: KubernetesObject,
): Managers =>
  managers.length > 0
    ? managers
    : managersOfCreated(shape, live, { ...by, manager: 'before-first-apply' }, ignored)

const unfit = ({ applied }: Application, faults: readonly string[]): StatusError => {
  const { metadata, apiVersion, kind } = applied as {
    metadata?: { namespace?: string; name?: string } | null
  } & { [key: string]: Json }
  const [version, group] = String(apiVersion).split('/').reverse()
  const gvk = group ? `${group}/${version}` : `/${version}`
  const place = `${metadata?.namespace ?? ''}/${metadata?.name ?? ''}; ${gvk}, Kind=${String(kind)}`
  const list =
    faults.length === 1 ? faults[0] : `errors:\n${faults.map((f) => `  ${f}`).join('\n')}`
  return new StatusError(500, '', `failed to create typed patch object (${place}): ${list}`)
}

interface Conflict {
  entry: ManagerEntry
  path: string[]
}

/** What an attempt came to: a result, or conflicts. */
class Outcome {
  constructor(
    readonly conflicts: readonly Conflict[],
    private readonly result: () => Applied,
  ) {}

  orThrow(): Applied {
    if (this.conflicts.length > 0) throw conflictError(this.conflicts)
    return this.result()
  }

  /** Undefined when all conflicts are about fields of `allowed`; otherwise throws the others. */
  without(allowed: FieldSet): undefined {
    const others = this.conflicts.filter(({ path }) =>
      isEmptySet(intersection(allowed, setFromPath(path))),
    )
    if (others.length > 0) throw conflictError(others)
    return undefined
  }
}

const setFromPath = (path: readonly string[]): FieldSet =>
  path.reduceRight<FieldSet>((node, element) => ({ [element]: node }), LEAF)

const attempt = (application: Application, force: boolean): Outcome => {
  const { shape, live, managers, applied, by, ignored } = application
  const own = {
    manager: by.manager,
    operation: 'Apply' as const,
    apiVersion: by.apiVersion,
    subresource: by.subresource,
  }
  const last = managers.find((entry) => isSameManager(entry, own))
  const others = managers.filter((entry) => entry !== last)
  const before = live ? treeOf(live) : {}
  const named = withoutIgnored(fieldsOf(shape, applied), ignored)
  const merged = mergeFields(shape, before, applied) as { [key: string]: Json }
  const object = last ? prune(shape, merged, parsedFields(last), named, others) : merged
  const skip = (name: string, isMetadata: boolean) => !isMetadata && ignored(name)
  const change = { shape, apiVersion: by.apiVersion, before, after: object, skip }
  const comparisonIn = comparisonsOf({ ...change, others: live && application.versions })
  const conflicts = others.flatMap((entry) =>
    pathsOf(intersection(parsedFields(entry), comparisonIn(entry.apiVersion).changed)).map(
      (path) => ({ entry, path }),
    ),
  )
  const settle = (): Applied => {
    const kept = others.flatMap((entry) => {
      const { changed, removed } = comparisonIn(entry.apiVersion)
      const left = difference(difference(parsedFields(entry), changed), removed)
      return isEmptySet(left) ? [] : [entryOf(entry, left)]
    })
    const mine = difference(stripped(named), comparisonIn(by.apiVersion).removed)
    const isSame = live !== undefined && deepEqual(before, object)
    const time = isSame ? (last?.time ?? '') : secondOf(by.now)
    if (!isEmptySet(mine)) kept.push(entryOf({ ...own, time }, mine))
    return { object, managers: sortEntries(kept) }
  }
  return new Outcome(force ? [] : conflicts, settle)
}

const withoutIgnored = (set: FieldSet, ignored: (field: string) => boolean): FieldSet => {
  const kept: Record<string, FieldSet> = {}
  for (const element in set) if (!ignored(element.slice(2))) kept[element] = set[element]!
  return kept
}

/** `merged` without what the manager named last time, does not name now, and nobody else manages. */
const prune = (
  shape: StructShape,
  merged: Json,
  last: FieldSet,
  named: FieldSet,
  others: Managers,
): { [key: string]: Json } => {
  const declared = (set: FieldSet) => withDeclaredFields(shape, set)
  const lastDeclared = declared(last)
  const namedDeclared = declared(named)
  // Whoever names all it named before takes nothing away: the usual case, and of long lists much the cheapest.
  if (contains(namedDeclared, lastDeclared)) return merged as { [key: string]: Json }
  const mergedSet = declared(fieldsOf(shape, merged))
  const fieldsLeft = (value: Json) => declared(fieldsOf(shape, value))
  const bare = withoutFields(shape, merged, lastDeclared)
  const managed = others.reduce((all, entry) => union(all, parsedFields(entry)), named)
  const unmanaged = difference(mergedSet, union(fieldsLeft(bare), declared(managed)))
  const owned = withoutFields(shape, merged, unmanaged)
  const gone = intersection(difference(mergedSet, fieldsLeft(owned)), lastDeclared)
  return withoutFields(shape, merged, gone) as { [key: string]: Json }
}

const conflictError = (conflicts: readonly Conflict[]): StatusError => {
  const sorted = [...conflicts].sort((one, other) =>
    identifierOf(one.entry) < identifierOf(other.entry) ? -1 : one.entry === other.entry ? 0 : 1,
  )
  const causes: StatusCause[] = sorted.map(({ entry, path }) => ({
    reason: 'FieldManagerConflict',
    message: `conflict with ${managerText(entry)}`,
    field: pathText(path),
  }))
  return new StatusError(409, 'Conflict', conflictMessage(sorted), { causes })
}

const conflictMessage = (conflicts: readonly Conflict[]): string => {
  const [first] = conflicts
  if (conflicts.length === 1 && first)
    return `Apply failed with 1 conflict: conflict with ${managerText(first.entry)}: ${pathText(first.path)}`
  const lines: string[] = []
  let previous: ManagerEntry | undefined
  for (const { entry, path } of conflicts) {
    if (entry !== previous) lines.push(`conflicts with ${managerText(entry)}:`)
    previous = entry
    lines.push(`- ${pathText(path)}`)
  }
  return `Apply failed with ${conflicts.length} conflicts: ${lines.join('\n')}`
}

const identifierOf = ({ manager, operation, apiVersion, subresource }: ManagerEntry): string =>
  JSON.stringify([manager, operation, operation === 'Apply' ? '' : apiVersion, subresource])

const managerText = ({ manager, operation, apiVersion, subresource }: ManagerEntry): string => {
  const on = subresource === '' ? '' : ` with subresource ${JSON.stringify(subresource)}`
  const using = operation === 'Update' ? ` using ${apiVersion}` : ''
  return `${JSON.stringify(manager)}${on}${using}`
}

/** The fields that kubectl's client-side apply set and that are as it set them; undefined: it was not used. */
const fieldsOfLastApplied = ({ live, shape, by }: Application): FieldSet | undefined => {
  const text = live?.metadata.annotations?.[LAST_APPLIED]
  if (!live || !text) return undefined
  let last: Json
  try {
    last = JSON.parse(text) as Json
  } catch {
    return undefined
  }
  if (typeof last !== 'object' || last === null || Array.isArray(last)) return undefined
  if (last['apiVersion'] !== by.apiVersion || faultsOf(shape, last).length > 0) return undefined
  const { changed, removed } = compareObjects(shape, last, treeOf(live), () => false)
  return difference(difference(fieldsOf(shape, last), changed), removed)
}

/** kubectl keeps its client-side annotation true while it is there. */
const withLastApplied = (
  { object, managers }: Applied,
  applied: { [key: string]: Json },
): Applied => {
  const metadata = object['metadata'] as { annotations?: Record<string, string> } | undefined
  if (!metadata?.annotations?.[LAST_APPLIED]) return { object, managers }
  const annotations = { ...metadata.annotations, [LAST_APPLIED]: lastAppliedText(applied) }
  const size = Object.entries(annotations).reduce(
    (sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value),
    0,
  )
  if (size > ANNOTATIONS_MAX_BYTES) delete (annotations as Record<string, string>)[LAST_APPLIED]
  return { object: { ...object, metadata: { ...metadata, annotations } as Json }, managers }
}

const ANNOTATIONS_MAX_BYTES = 256 * 1024

const lastAppliedText = (applied: { [key: string]: Json }): string => {
  const { annotations, ...metadata } = (applied['metadata'] ?? {}) as {
    annotations?: Record<string, Json>
  } & { [key: string]: Json }
  const { [LAST_APPLIED]: _, ...others } = annotations ?? {}
  const kept = annotations ? { ...metadata, annotations: others } : metadata
  return `${JSON.stringify(sortedKeys({ ...applied, metadata: kept }))}\n`
}

const sortedKeys = (value: Json): Json => {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(sortedKeys)
  return Object.fromEntries(
    Object.keys(value)
      .sort()
      .map((key) => [key, sortedKeys(value[key] as Json)]),
  )
}
