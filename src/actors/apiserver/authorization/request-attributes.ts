/**
 * What an HTTP request asks for, read from its method and path alone. Pure.
 *
 * After Kubernetes' `RequestInfoFactory`: paths have the form
 * `/api/v1/…` or `/apis/<group>/<version>/[namespaces/<namespace>/]<resource>/[<name>/[<subresource>]]`; whatever else
 * is a path. It knows no kinds: for servers behind this one, and for what is judged before a path is looked up.
 */
import { requiredValues } from '../../../api/field-selector.ts'
import { flag, type User } from '../request.ts'
import type { Attributes } from './attributes.ts'

const VERBS: Readonly<Record<string, [named: string, collection: string]>> = {
  GET: ['get', 'list'],
  HEAD: ['get', 'list'],
  POST: ['create', 'create'],
  PUT: ['update', 'update'],
  PATCH: ['patch', 'patch'],
  DELETE: ['delete', 'deletecollection'],
}

/** Of a namespace itself, not of what is in it. */
const NAMESPACE_PARTS = new Set(['status', 'finalize'])

export const requestAttributes = (
  user: User,
  method: string,
  path: string,
  query: URLSearchParams,
): Attributes => {
  const [, root, ...parts] = path.split('/').filter((part, at) => part !== '' || at === 0)
  const group = root === 'apis' ? (parts.shift() ?? '') : ''
  const version = parts.shift() ?? ''
  if ((root !== 'api' && root !== 'apis') || parts.length === 0)
    return { user, verb: method.toLowerCase(), path }
  const isWatchPath = parts[0] === 'watch'
  if (isWatchPath) parts.shift()
  const place = placeOf(parts)
  const [named, collection] = VERBS[method] ?? [method.toLowerCase(), method.toLowerCase()]
  const isRead = method === 'GET' || method === 'HEAD'
  const isWatch = isRead && (isWatchPath || (place.name === undefined && flag(query, 'watch')))
  const verb = isWatch ? 'watch' : place.name === undefined ? collection : named
  return { user, verb, group, version, ...place, ...selectionOf(verb, query, place.name) }
}

interface Place {
  resource: string
  subresource: string | undefined
  namespace: string | undefined
  name: string | undefined
}

const placeOf = (parts: readonly string[]): Place => {
  const [first = '', second, third = ''] = parts
  const isInside = first === 'namespaces' && parts.length > 2 && !NAMESPACE_PARTS.has(third)
  const [resource = '', name, subresource] = isInside ? parts.slice(2) : parts
  return { resource, subresource, namespace: first === 'namespaces' ? second : undefined, name }
}

/** What a request for many objects is restricted to; one that names a single object is for that one. */
export const selectionOf = (
  verb: string,
  query: URLSearchParams,
  name: string | undefined,
): Pick<Attributes, 'fieldSelector' | 'labelSelector' | 'name'> | undefined => {
  if (verb !== 'list' && verb !== 'watch' && verb !== 'deletecollection') return undefined
  const fieldSelector = query.get('fieldSelector') ?? undefined
  const labelSelector = query.get('labelSelector') ?? undefined
  if (!fieldSelector && !labelSelector) return undefined
  const [only] = fieldSelector ? requiredValues(fieldSelector, 'metadata.name') : []
  return { fieldSelector, labelSelector, name: name ?? only }
}
