/**
 * From a request under `proxy` to the call it is: who may make it, and which server it means.
 *
 * Invariant: every call is authorized as `<verb> <resource>/proxy`, the verb by its method. What follows is in
 * `proxy-request.ts`, or in `proxy-upgrade.ts` for a connection that leaves HTTP.
 */
import type { Authorizer } from '../authorization/attributes.ts'
import { permit } from '../authorization/refusal.ts'
import type { ResourcePath } from '../http-path.ts'
import type { User } from '../request.ts'
import type { ProxyCall } from './proxy-request.ts'

const KINDS = ['pods', 'services', 'nodes'] as const

const VERBS: Readonly<Record<string, string>> = {
  GET: 'get',
  HEAD: 'get',
  POST: 'create',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
  OPTIONS: '',
}

export const isProxyPath = ({ kind, name, subresource }: ResourcePath): boolean =>
  subresource === 'proxy' &&
  name !== undefined &&
  kind.group === '' &&
  KINDS.some((plural) => plural === kind.plural)

/** `url` is the request's, as it was sent. Undefined for a method that is not proxied; throws StatusError 403. */
export const proxyCall = async (
  authorizer: Authorizer,
  { kind, namespace, name = '', ...target }: ResourcePath,
  method: string,
  url: string,
  user: User,
): Promise<ProxyCall | undefined> => {
  const verb = VERBS[method]
  if (verb === undefined) return undefined
  const { group, version, plural: resource } = kind
  const subresource = 'proxy'
  await permit(authorizer, { user, verb, group, version, resource, subresource, namespace, name })
  const at = url.indexOf('?')
  const path = at < 0 ? url : url.slice(0, at)
  const rest = path.endsWith('/') ? `${target.rest}/` : (target.rest ?? '')
  return {
    kind: resource as ProxyCall['kind'],
    namespace,
    id: name,
    prefix: path.slice(0, path.length - rest.length),
    rest,
    search: at < 0 ? '' : url.slice(at),
  }
}
