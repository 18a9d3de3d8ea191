/**
 * Managers as they are stored: one list an entry, `[manager, operation, apiVersion, time, subresource, fields]`, with
 * the values of `fields` (`compact-fields.ts`) behind if it has any.
 *
 * What came from the store is trusted; a shape of an earlier release reads as "nothing is known".
 */
import type { ManagerEntry, Managers } from './manager-entry.ts'
import { sharedFields, sharedText } from './shared-text.ts'

type StoredEntry = [string, string, string, string, string, string, ...(readonly string[])]

const NO_VALUES: readonly string[] = Object.freeze([])

export const storedManagers = (managers: Managers): StoredEntry[] =>
  managers.map(({ manager, operation, apiVersion, time, subresource, fields, values }) => [
    manager,
    operation,
    apiVersion,
    time,
    subresource,
    fields,
    ...values,
  ])

export const readStoredManagers = (stored: unknown): Managers | undefined => {
  if (!Array.isArray(stored)) return undefined
  const items = stored as StoredEntry[]
  for (const item of items) if (!Array.isArray(item) || item.length < 6) return undefined
  return items.map(readEntry)
}

const readEntry = (item: StoredEntry): ManagerEntry => ({
  manager: sharedText(item[0]),
  operation: item[1] === 'Apply' ? 'Apply' : 'Update',
  apiVersion: sharedText(item[2]),
  time: sharedText(item[3]),
  subresource: sharedText(item[4]),
  fields: sharedFields(item[5]),
  values: item.length === 6 ? NO_VALUES : item.slice(6),
})
