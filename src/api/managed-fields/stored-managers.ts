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
  const entries: ManagerEntry[] = []
  for (const item of stored as unknown[]) {
    if (!Array.isArray(item) || item.length < 6) return undefined
    const [manager, operation, apiVersion, time, subresource, fields, ...values] =
      item as StoredEntry
    const isApply = operation === 'Apply'
    entries.push({
      manager: sharedText(manager),
      operation: isApply ? 'Apply' : 'Update',
      apiVersion: sharedText(apiVersion),
      time: sharedText(time),
      subresource: sharedText(subresource),
      fields: sharedFields(fields),
      values: values.length === 0 ? NO_VALUES : values,
    })
  }
  return entries
}
