/**
 * Authorization: whether a user may do what a request asks.
 *
 * Invariant: every request of either door passes here exactly once, before anything is read or changed.
 * It knows no roles yet: whoever is authenticated may do everything, anybody else nothing.
 */
import { forbidden, StatusError } from '../../api/status-error.ts'
import type { User } from './request.ts'

/** What is about to be done; `resource` is absent for a path outside the resources. */
export interface Attributes {
  user: User
  verb: string
  group?: string
  resource?: string
  subresource?: string | undefined
  namespace?: string | undefined
  name?: string | undefined
  path?: string
}

export const ANONYMOUS: User = { name: 'system:anonymous', groups: ['system:unauthenticated'] }

/** Kubernetes' `system:public-info-viewer` and `system:discovery`, which here extends to anonymous users. */
const PUBLIC_ROOTS = ['healthz', 'readyz', 'livez', 'version', 'api', 'apis', 'openapi']
const PUBLIC = new RegExp(`^/(?:${PUBLIC_ROOTS.join('|')})(?:/|$)`)
const PUBLIC_URLS = PUBLIC_ROOTS.flatMap((root) => [`/${root}`, `/${root}/*`])

/** The 403 that refuses the request, or undefined when it is allowed. */
export const refusal = (attributes: Attributes): StatusError | undefined => {
  const { user } = attributes
  if (!user.groups.includes('system:unauthenticated')) return undefined
  if (attributes.resource === undefined) {
    const path = attributes.path ?? '/'
    if (PUBLIC.test(path)) return undefined
    return forbiddenPath(user, attributes.verb, path)
  }
  const group = attributes.group ?? ''
  const resource = attributes.subresource
    ? `${attributes.resource}/${attributes.subresource}`
    : attributes.resource
  const where = attributes.namespace
    ? ` in the namespace "${attributes.namespace}"`
    : ' at the cluster scope'
  return forbidden(
    { group, resource: attributes.resource },
    attributes.name ?? '',
    `User "${user.name}" cannot ${attributes.verb} resource "${resource}" in API group "${group}"${where}`,
  )
}

/** What `refusal` lets the user do in a namespace, as rules; they name no more than is true. */
export const rulesFor = (
  user: User,
  _namespace: string,
): { resourceRules: ResourceRule[]; nonResourceRules: NonResourceRule[] } =>
  user.groups.includes('system:unauthenticated')
    ? { resourceRules: [], nonResourceRules: [{ verbs: ['*'], nonResourceURLs: PUBLIC_URLS }] }
    : {
        resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }],
        nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }],
      }

interface ResourceRule {
  verbs: string[]
  apiGroups: string[]
  resources: string[]
}

interface NonResourceRule {
  verbs: string[]
  nonResourceURLs: string[]
}

const forbiddenPath = (user: User, verb: string, path: string): StatusError =>
  new StatusError(
    403,
    'Forbidden',
    `forbidden: User "${user.name}" cannot ${verb} path "${path}"`,
    {},
  )
