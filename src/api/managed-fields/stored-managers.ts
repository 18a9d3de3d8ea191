/**
 * Managers as they are stored: one list an entry, `[manager, operation, apiVersion, time, subresource, fields]`.
 *
 * What came from the store is trusted; a shape of an earlier release reads as "nothing is known".
 */
import type { ManagerEntry, Managers } from './manager-entry.ts'
import { sharedFields, sharedText } from './shared-text.ts'

type StoredEntry = [string, string, string, string, string, string]

export const storedManagers = (managers: Managers): StoredEntry[] =>
  managers.map(({ manager, operation, apiVersion, time, subresource, fields }) => [
    manager,
    operation,
    apiVersion,
    time,
    subresource,
    fields,
  ])

export const readStoredManagers = (stored: unknown): Managers | undefined => {
  if (!Array.isArray(stored)) return undefined
  const entries: ManagerEntry[] = []
  for (const item of stored as unknown[]) {
    if (!Array.isArray(item) || item.length !== 6) return undefined
    const [manager, operation, apiVersion, time, subresource, fields] = item as StoredEntry
    const isApply = operation === 'Apply'
    entries.push({
      manager: sharedText(manager),
      operation: isApply ? 'Apply' : 'Update',
      apiVersion: sharedText(apiVersion),
      time: sharedText(time),
      subresource: sharedText(subresource),
      fields: sharedFields(fields),
    })
  }
  return entries
}
