/**
 * Printer columns that several kinds share: name, age, and the containers of a pod template.
 *
 * Cells read as Kubernetes 1.36 prints them (`pkg/printers/internalversion/printers.go`).
 */
import type { Column } from '../kind.ts'
import type { KubernetesObject } from '../meta.ts'
import { age } from '../table.ts'
import type { PodSpec } from './pod-spec-defaults.ts'

/** Time since `timestamp` (RFC 3339) as a table shows it: `5m`, `3d4h`; `<unknown>` when never. */
export const since = (timestamp: string | undefined | null, now: number): string =>
  age(timestamp ?? undefined, now)

export const nameColumn: Column<KubernetesObject> = {
  name: 'Name',
  type: 'string',
  format: 'name',
  description: 'Name of the object, unique in its namespace.',
  priority: 0,
  value: ({ metadata }) => metadata.name,
}

export const ageColumn: Column<KubernetesObject> = {
  name: 'Age',
  type: 'string',
  description: 'Time since the object was created.',
  priority: 0,
  value: ({ metadata }, now) => since(metadata.creationTimestamp, now),
}

/** Kinds for which Kubernetes declares no columns show this one besides the name. */
export const createdAtColumn: Column<KubernetesObject> = {
  name: 'Created At',
  type: 'date',
  description: 'When the object was created.',
  priority: 0,
  value: ({ metadata }) => metadata.creationTimestamp,
}

/** A column always shown. */
export const column = <T>(
  name: string,
  description: string,
  value: Column<T>['value'],
  type: Column<T>['type'] = 'string',
): Column<T> => ({ name, type, description, priority: 0, value })

/** A column shown with `-o wide` only. */
export const wideColumn = <T>(
  name: string,
  description: string,
  value: Column<T>['value'],
): Column<T> => ({ name, type: 'string', description, priority: 1, value })

interface Templated {
  spec?: { template?: { spec?: PodSpec } }
}

/** Names and images of a workload's containers. */
export const templateColumns: readonly Column<Templated>[] = [
  wideColumn('Containers', 'Names of the containers in the template.', ({ spec }) =>
    (spec?.template?.spec?.containers ?? []).map(({ name }) => name).join(','),
  ),
  wideColumn('Images', 'Images of the containers in the template.', ({ spec }) =>
    (spec?.template?.spec?.containers ?? []).map(({ image }) => image ?? '').join(','),
  ),
]
