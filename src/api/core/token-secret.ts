/**
 * Secrets that hold a token of a service account, as they were made before tokens were asked for: pure.
 *
 * Names, claims and dates are Kubernetes 1.36's (`pkg/serviceaccount/legacy.go`). It signs nothing.
 */
import type { Secret } from './secret.ts'
import type { ServiceAccount } from './service-account.ts'

export const TOKEN_SECRET_TYPE = 'kubernetes.io/service-account-token'
export const ACCOUNT_NAME = 'kubernetes.io/service-account.name'
export const ACCOUNT_UID = 'kubernetes.io/service-account.uid'
/** Labels with a day, `2026-01-31`. */
export const LAST_USED = 'kubernetes.io/legacy-token-last-used'
export const INVALID_SINCE = 'kubernetes.io/legacy-token-invalid-since'
export const LEGACY_ISSUER = 'kubernetes/serviceaccount'
/** The ConfigMap of `kube-system` that tells since when uses are written down, and its key. */
export const TOKEN_TRACKING = {
  namespace: 'kube-system',
  name: 'kube-apiserver-legacy-service-account-token-tracking',
  key: 'since',
} as const

export interface LegacyClaims {
  iss: string
  sub: string
  'kubernetes.io/serviceaccount/namespace': string
  'kubernetes.io/serviceaccount/secret.name': string
  'kubernetes.io/serviceaccount/service-account.name': string
  'kubernetes.io/serviceaccount/service-account.uid': string
}

/** They end with their secret, not with time. */
export const legacyClaims = (account: ServiceAccount, secret: Secret): LegacyClaims => {
  const { namespace = '', name, uid } = account.metadata
  return {
    iss: LEGACY_ISSUER,
    'kubernetes.io/serviceaccount/namespace': namespace,
    'kubernetes.io/serviceaccount/secret.name': secret.metadata.name,
    'kubernetes.io/serviceaccount/service-account.name': name,
    'kubernetes.io/serviceaccount/service-account.uid': uid,
    sub: `system:serviceaccount:${namespace}:${name}`,
  }
}

/** Whether it is, or will be, a token of that account; one that was made anew is another account. */
export const isTokenOf = (secret: Secret, { metadata }: ServiceAccount): boolean => {
  const { annotations } = secret.metadata
  const uid = annotations?.[ACCOUNT_UID]
  return (
    secret.type === TOKEN_SECRET_TYPE &&
    secret.metadata.namespace === metadata.namespace &&
    annotations?.[ACCOUNT_NAME] === metadata.name &&
    (!uid || uid === metadata.uid)
  )
}

/** An account that lists the secret had it made by a controller, long ago. */
export const isListed = ({ metadata }: Secret, { secrets }: ServiceAccount): boolean =>
  secrets?.some(({ name }) => name === metadata.name) ?? false

export const dayOf = (nowMs: number): string => new Date(nowMs).toISOString().slice(0, 10)

export const isDay = (text: string | undefined): text is string =>
  text !== undefined && /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(Date.parse(text))
