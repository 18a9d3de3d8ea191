/**
 * What a subject of the API names, and the options a message carries.
 *
 * Invariant: pure; a subject's words become a kind of the registry or a 404 in kubectl's words.
 */
import type { KindRegistry } from '../../api/registry.ts'
import { badRequest, StatusError } from '../../api/status-error.ts'
import type { ApiSubject } from '../../bus/subjects.ts'
import { NO_QUERY } from './request.ts'

export const placeOf = (
  { resource, subresource, namespace, name }: ApiSubject,
  registry: KindRegistry,
) => {
  const kind = registry.byWord(resource)
  if (!kind)
    throw new StatusError(
      404,
      'NotFound',
      `the server doesn't have a resource type ${JSON.stringify(resource)}`,
      { kind: resource },
    )
  const place = { kind, subresource, namespace, name }
  if (kind.namespaced || namespace === undefined) return place
  /** Of a cluster-scoped kind the `_` may be left out. */
  return { ...place, namespace: undefined, name: name ?? namespace }
}

const QUERY_FIELDS = [
  'labelSelector',
  'fieldSelector',
  'limit',
  'continue',
  'resourceVersion',
  'resourceVersionMatch',
  'sendInitialEvents',
  'allowWatchBookmarks',
]

/** List options from a message's body. */
export const queryOf = (data: unknown): URLSearchParams => {
  if (data === undefined || data === null) return NO_QUERY
  if (typeof data !== 'object') throw badRequest('options are an object')
  const query = new URLSearchParams()
  for (const field of QUERY_FIELDS) {
    const value = (data as Record<string, unknown>)[field]
    if (value !== undefined && value !== null && value !== '') query.set(field, String(value))
  }
  return query
}
