/**
 * Whether a user may do what a request asks.
 *
 * Invariant: one authorizer decides for every door, for reviews and for checks inside admission.
 * It knows no roles yet: whoever is authenticated may do everything, anybody else nothing.
 */
import type { User } from '../request.ts'
import type { Attributes, Authorizer, Decision, RuleList } from './attributes.ts'

export const createAuthorizer = (): Authorizer => ({ decide, rulesFor })

/** Kubernetes' `system:public-info-viewer` and `system:discovery`, which here extends to anonymous users. */
const PUBLIC_ROOTS = ['healthz', 'readyz', 'livez', 'version', 'api', 'apis', 'openapi']
const PUBLIC = new RegExp(`^/(?:${PUBLIC_ROOTS.join('|')})(?:/|$)`)
const PUBLIC_URLS = PUBLIC_ROOTS.flatMap((root) => [`/${root}`, `/${root}/*`])

const isAnonymous = ({ groups }: User): boolean => groups.includes('system:unauthenticated')

const decide = ({ user, resource, path = '/' }: Attributes): Decision => ({
  allowed: !isAnonymous(user) || (resource === undefined && PUBLIC.test(path)),
})

const rulesFor = (user: User): RuleList =>
  isAnonymous(user)
    ? {
        resourceRules: [],
        nonResourceRules: [{ verbs: ['*'], nonResourceURLs: PUBLIC_URLS }],
        incomplete: false,
      }
    : {
        resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }],
        nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }],
        incomplete: false,
      }
