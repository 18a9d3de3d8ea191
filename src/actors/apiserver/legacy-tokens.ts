/**
 * Tokens of service accounts that are kept in Secrets: whose they are, and that they were used.
 *
 * After Kubernetes 1.36 (`pkg/serviceaccount/legacy.go`). Invariant: such a token is good as long as its Secret holds
 * it and its account is the same. Its signature has been checked by `service-account-tokens.ts`.
 */
import { timingSafeEqual } from 'node:crypto'
import { ConfigMap } from '../../api/core/config-map.ts'
import { Secret } from '../../api/core/secret.ts'
import { ServiceAccount } from '../../api/core/service-account.ts'
import {
  dayOf,
  INVALID_SINCE,
  LAST_USED,
  type LegacyClaims,
  TOKEN_TRACKING,
} from '../../api/core/token-secret.ts'
import { StatusError } from '../../api/status-error.ts'
import type { Log } from '../../std/log.ts'
import { TokenRefused } from './authentication/bearer-token.ts'
import { SYSTEM } from './bootstrap.ts'
import { execute } from './pipeline.ts'
import { NO_QUERY, type User } from './request.ts'
import type { FindObject } from './service-account-tokens.ts'
import type { Services } from './services.ts'

const DAY_MS = 24 * 3600 * 1000

/** Throws TokenRefused, in Kubernetes' words. */
export const judgeLegacyToken = async (
  token: string,
  claims: LegacyClaims,
  find: FindObject,
  onUsed: (secret: Secret) => void,
): Promise<User> => {
  const { namespace, secretName, name, uid } = checkClaims(claims)
  const secret = await find(Secret, namespace, secretName)
  if (!secret || secret.metadata.deletionTimestamp) refuse('Token has been invalidated')
  const kept = Buffer.from(secret.data?.['token'] ?? '', 'base64')
  const given = Buffer.from(token)
  if (kept.length !== given.length || !timingSafeEqual(kept, given))
    refuse("Token does not match server's copy")
  const account = await find(ServiceAccount, namespace, name)
  if (!account) refuse(`serviceaccounts ${JSON.stringify(name)} not found`)
  if (account.metadata.deletionTimestamp)
    refuse(`ServiceAccount ${namespace}/${name} has been deleted`)
  if (account.metadata.uid !== uid)
    refuse(`ServiceAccount UID (${account.metadata.uid}) does not match claim (${uid})`)
  onUsed(secret)
  if (secret.metadata.labels?.[INVALID_SINCE])
    refuse(
      `the token in secret ${namespace}/${secretName} for service account ${namespace}/${name} has been marked invalid. Use tokens from the TokenRequest API or manually created secret-based tokens, or remove the '${INVALID_SINCE}' label from the secret to temporarily allow use of this token`,
    )
  return {
    name: claims.sub,
    groups: [
      'system:serviceaccounts',
      `system:serviceaccounts:${namespace}`,
      'system:authenticated',
    ],
    uid,
  }
}

const checkClaims = (claims: Partial<LegacyClaims>) => {
  const { sub } = claims
  const namespace = claims['kubernetes.io/serviceaccount/namespace']
  const secretName = claims['kubernetes.io/serviceaccount/secret.name']
  const name = claims['kubernetes.io/serviceaccount/service-account.name']
  const uid = claims['kubernetes.io/serviceaccount/service-account.uid']
  if (!sub) refuse('sub claim is missing')
  if (!namespace) refuse('namespace claim is missing')
  if (!secretName) refuse('secretName claim is missing')
  if (!name) refuse('serviceAccountName claim is missing')
  if (!uid) refuse('serviceAccountUID claim is missing')
  if (sub !== `system:serviceaccount:${namespace}:${name}`) refuse('sub claim is invalid')
  return { namespace, secretName, name, uid }
}

function refuse(message: string): never {
  throw new TokenRefused(message)
}

/** Labels Secrets with the day on which their token was used, once a day. */
export const createUseRecorder = (services: Services, log: Log): ((secret: Secret) => void) => {
  /** Uids of those that are being labelled. */
  const underWay = new Set<string>()
  return (secret) => {
    const { uid, namespace, name, labels } = secret.metadata
    const now = services.clock.now()
    const lastUsed = labels?.[LAST_USED]
    // Another replica's clock may be ahead.
    if (lastUsed === dayOf(now) || lastUsed === dayOf(now + DAY_MS) || underWay.has(uid)) return
    underWay.add(uid)
    execute(services, {
      verb: 'patch',
      patch: 'merge',
      kind: Secret,
      namespace,
      name,
      user: SYSTEM,
      manager: 'kube-apiserver',
      query: NO_QUERY,
      body: { metadata: { uid, labels: { [LAST_USED]: dayOf(now) } } },
    })
      .catch((error: unknown) =>
        log.warn({ err: error, namespace, name }, 'the use of a token was not written down'),
      )
      .finally(() => underWay.delete(uid))
  }
}

/** Writes down since when uses are: what was not used before may have been. Another replica may be faster. */
export const startTracking = async (services: Services): Promise<void> => {
  const { namespace, name, key } = TOKEN_TRACKING
  if (services.storage.cache.get(ConfigMap, namespace, name)) return
  await execute(services, {
    verb: 'create',
    kind: ConfigMap,
    namespace,
    name: undefined,
    user: SYSTEM,
    manager: 'kube-apiserver',
    query: NO_QUERY,
    body: { metadata: { name, namespace }, data: { [key]: dayOf(services.clock.now()) } },
  }).catch((error: unknown) => {
    if (!(error instanceof StatusError) || error.reason !== 'AlreadyExists') throw error
  })
}
