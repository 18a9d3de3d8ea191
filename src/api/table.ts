/**
 * `Table`: rows of printer columns, which `kubectl get` shows, and objects reduced to their metadata.
 *
 * Columns are the kind's. Ages are printed as Kubernetes' `duration.HumanDuration` does.
 */
import type { Column, Kind } from './kind.ts'
import type { KubernetesObject, ObjectMeta } from './meta.ts'

export interface TableColumn {
  name: string
  type: string
  format: string
  description: string
  priority: number
}

/** `meta.k8s.io` in either version; the types are the same in both. */
export type MetaApiVersion = 'meta.k8s.io/v1' | 'meta.k8s.io/v1beta1'

export interface PartialObjectMetadata {
  kind: 'PartialObjectMetadata'
  apiVersion: MetaApiVersion
  metadata: ObjectMeta
}

export interface TableRow {
  cells: (string | number | boolean)[]
  object?: KubernetesObject | PartialObjectMetadata
}

export interface Table {
  kind: 'Table'
  apiVersion: MetaApiVersion
  metadata: { resourceVersion?: string; continue?: string; remainingItemCount?: number }
  /** Null where they have been sent before. */
  columnDefinitions: TableColumn[] | null
  rows: TableRow[]
}

export interface TableOptions {
  /** Milliseconds since the epoch, for ages. */
  now: number
  resourceVersion?: string
  continue?: string
  remainingItemCount?: number
  /** The query parameter of that name; `Metadata` is Kubernetes' default. */
  includeObject?: 'Metadata' | 'Object' | 'None'
  /** Kubernetes sends the columns with a watch's first event only. */
  withoutColumns?: boolean
  /** Default `meta.k8s.io/v1`. */
  apiVersion?: MetaApiVersion
}

export const toTable = <T extends KubernetesObject>(
  kind: Kind<T>,
  objects: readonly T[],
  options: TableOptions,
): Table => ({
  ...tableHead(kind, options),
  rows: objects.map((object) => toRow(kind, object, options)),
})

/** A table without its rows. */
export const tableHead = <T extends KubernetesObject>(
  kind: Kind<T>,
  options: Omit<TableOptions, 'now'>,
): Omit<Table, 'rows'> => ({
  kind: 'Table',
  apiVersion: options.apiVersion ?? 'meta.k8s.io/v1',
  metadata: {
    ...(options.resourceVersion ? { resourceVersion: options.resourceVersion } : {}),
    ...(options.continue ? { continue: options.continue } : {}),
    ...(options.remainingItemCount ? { remainingItemCount: options.remainingItemCount } : {}),
  },
  columnDefinitions: options.withoutColumns ? null : kind.columns.map(definitionOf),
})

/** The object without spec and status, as `application/json;as=PartialObjectMetadata` asks for it. */
export const toPartialObjectMetadata = (
  object: KubernetesObject,
  apiVersion: MetaApiVersion = 'meta.k8s.io/v1',
): PartialObjectMetadata => ({
  kind: 'PartialObjectMetadata',
  apiVersion,
  metadata: object.metadata,
})

/** `age` milliseconds as Kubernetes prints them: `5s`, `2m10s`, `3h5m`, `2d4h`, `1y20d`. */
export const humanDuration = (age: number): string => {
  const seconds = Math.trunc(age / 1000)
  if (seconds < -1) return '<invalid>'
  if (seconds < 0) return '0s'
  if (seconds < 120) return `${seconds}s`
  const minutes = Math.trunc(seconds / 60)
  if (minutes < 10) return withRest(minutes, 'm', seconds % 60, 's')
  if (minutes < 180) return `${minutes}m`
  const hours = Math.trunc(minutes / 60)
  if (hours < 8) return withRest(hours, 'h', minutes % 60, 'm')
  if (hours < 48) return `${hours}h`
  const days = Math.trunc(hours / 24)
  if (hours < 24 * 8) return withRest(days, 'd', hours % 24, 'h')
  if (hours < 24 * 365 * 2) return `${days}d`
  const years = Math.trunc(days / 365)
  if (hours < 24 * 365 * 8) return withRest(years, 'y', days % 365, 'd')
  return `${years}y`
}

/** The time since an RFC 3339 `timestamp` as Kubernetes prints it; `<unknown>` without one. */
export const age = (timestamp: string | undefined, now: number): string => {
  const since = timestamp ? Date.parse(timestamp) : Number.NaN
  return Number.isNaN(since) ? '<unknown>' : humanDuration(now - since)
}

const withRest = (count: number, unit: string, rest: number, restUnit: string): string =>
  rest === 0 ? `${count}${unit}` : `${count}${unit}${rest}${restUnit}`

const definitionOf = <T>(column: Column<T>): TableColumn => ({
  name: column.name,
  type: column.type,
  format: column.format ?? (column.name === 'Name' ? 'name' : ''),
  description: column.description,
  priority: column.priority,
})

export const toRow = <T extends KubernetesObject>(
  kind: Kind<T>,
  object: T,
  { now, includeObject = 'Metadata', apiVersion }: TableOptions,
): TableRow => {
  const cells = kind.columns.map((column) => column.value(object, now))
  if (includeObject === 'None') return { cells }
  const shown = includeObject === 'Object' ? object : toPartialObjectMetadata(object, apiVersion)
  return { cells, object: shown }
}
