/**
 * Credentials that no longer count: those of a user that were issued before a moment. Certificates open neither
 * the bus nor the API then, tokens not the bus; a token that must not open the API is deleted or expires.
 *
 * They are kept in the ConfigMap `kubus-revocations` of `kube-system`: a key is the user's name in base64url, its
 * value the moment (RFC 3339). Invariant: a credential that does not say when it was issued is revoked as long
 * as its user is named. It is read from the cache at every question.
 */
import { ConfigMap } from '../../../api/core/config-map.ts'
import type { Cache, Change } from '../../../client/view.ts'

export const REVOCATIONS = { namespace: 'kube-system', name: 'kubus-revocations' }

/** `issuedAtMs`: since the epoch; undefined when the credential does not say. */
export const isRevoked = (cache: Cache, user: string, issuedAtMs: number | undefined): boolean => {
  const list = cache.get(ConfigMap, REVOCATIONS.namespace, REVOCATIONS.name) as
    | ConfigMap
    | undefined
  const moment = list?.data?.[revocationKey(user)]
  if (moment === undefined) return false
  return issuedAtMs === undefined || !(issuedAtMs > Date.parse(moment))
}

export const revocationKey = (user: string): string => Buffer.from(user).toString('base64url')

export const isRevocation = ({ kind, object: { metadata } }: Change): boolean =>
  kind.kind === 'ConfigMap' &&
  metadata.name === REVOCATIONS.name &&
  metadata.namespace === REVOCATIONS.namespace
