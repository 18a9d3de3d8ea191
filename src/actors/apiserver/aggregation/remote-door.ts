/**
 * Who may send which request to a server behind this one: what a path of its API asks for, and the answer. Pure.
 *
 * Paths have Kubernetes' form, `/apis/<group>/<version>/[namespaces/<namespace>/]<resource>/[<name>/[…]]`, or
 * `/api/<version>/…`. What nobody serves is asked for in the same way.
 */
import type { Attributes, Authorizer } from '../authorization/attributes.ts'
import { permit } from '../authorization/refusal.ts'
import type { FlowAttributes } from '../flow-control/classify.ts'
import { flag, type User } from '../request.ts'

const VERBS: Readonly<Record<string, [named: string, collection: string]>> = {
  GET: ['get', 'list'],
  HEAD: ['get', 'list'],
  POST: ['create', 'create'],
  PUT: ['update', 'update'],
  PATCH: ['patch', 'patch'],
  DELETE: ['delete', 'deletecollection'],
}

export const remoteAttributes = (
  user: User,
  method: string,
  path: string,
  query: URLSearchParams,
): Attributes => {
  const [, root, ...rest] = path.split('/').filter((part, at) => part !== '' || at === 0)
  const group = root === 'api' ? '' : (rest.shift() ?? '')
  const version = rest.shift() ?? ''
  const isBelowVersion = (root === 'api' || root === 'apis') && rest.length > 0
  if (!isBelowVersion) return { user, verb: method.toLowerCase(), path }
  const isWatchPath = rest[0] === 'watch'
  if (isWatchPath) rest.shift()
  const isInside = rest[0] === 'namespaces' && rest.length > 2
  const [, namespace] = isInside ? rest.splice(0, 2) : []
  const [resource = '', name, subresource] = rest
  const [named, collection] = VERBS[method] ?? [method.toLowerCase(), method.toLowerCase()]
  const isWatch = method === 'GET' && (isWatchPath || (name === undefined && flag(query, 'watch')))
  const verb = isWatch ? 'watch' : name === undefined ? collection : named
  return { user, verb, group, version, resource, subresource, namespace, name }
}

/** The same for flow control, which knows a subresource by its resource. */
export const remoteFlow = ({
  user,
  verb,
  group = '',
  resource,
  subresource,
  namespace = '',
  path = '',
}: Attributes): FlowAttributes => ({
  user,
  verb,
  group,
  resource: resource && subresource ? `${resource}/${subresource}` : resource,
  namespace,
  path,
})

const STREAMS: ReadonlySet<string> = new Set(['attach', 'exec', 'log', 'portforward', 'proxy'])

/** Goes on for as long as the client likes: it takes no seat while it does. */
export const isLongRunning = ({ verb, subresource = '' }: Attributes): boolean =>
  verb === 'watch' || STREAMS.has(subresource)

/** Throws StatusError 403. */
export const authorizeRemote = async (
  authorizer: Authorizer,
  user: User,
  method: string,
  path: string,
  query: URLSearchParams,
): Promise<void> => {
  await permit(authorizer, remoteAttributes(user, method, path, query))
}
