/**
 * Ends tokens in Secrets that a controller once made and nobody uses: marked as invalid after a year, deleted after
 * another (Kubernetes' `pkg/controller/serviceaccount/legacy_serviceaccount_token_cleaner.go`).
 *
 * Invariant: a token that somebody made by hand, a pod refers to, or was used within a year is left alone, and so are
 * all of them until uses have been written down for a year. It looks once a day.
 */
import { ConfigMap } from '../../api/core/config-map.ts'
import { Pod } from '../../api/core/pod.ts'
import { podSecrets } from '../../api/core/pod-secrets.ts'
import { Secret } from '../../api/core/secret.ts'
import { ServiceAccount } from '../../api/core/service-account.ts'
import {
  ACCOUNT_NAME,
  dayOf,
  INVALID_SINCE,
  isDay,
  isListed,
  isTokenOf,
  LAST_USED,
  TOKEN_SECRET_TYPE,
  TOKEN_TRACKING,
} from '../../api/core/token-secret.ts'
import type { Cache } from '../../client/view.ts'
import type { Controller } from './controller.ts'
import { type Command, NOTHING, type Plan } from './plan.ts'

const DAY_MS = 24 * 3600 * 1000
const UNUSED_MS = 365 * DAY_MS
const EVERYTHING = 'tokens'

export const legacyTokenCleaner: Controller = {
  name: 'legacy-serviceaccount-token-cleaner',
  component: 'legacy-service-account-token-cleaner',
  source: ({ add }) => {
    add(EVERYTHING)
    return () => undefined
  },
  reconcile: (_object, _key, view, now) => ({ ...clean(view, now), requeueAfterMs: DAY_MS }),
}

const clean = (view: Cache, now: number): Plan => {
  const since = view.get(ConfigMap, TOKEN_TRACKING.namespace, TOKEN_TRACKING.name)?.data?.[
    TOKEN_TRACKING.key
  ]
  // From the day after, to be sure.
  if (!isDay(since) || now < Date.parse(since) + DAY_MS + UNUSED_MS) return NOTHING
  const referred = referredSecrets(view)
  return {
    commands: view
      .list(Secret)
      .filter((secret) => secret.type === TOKEN_SECRET_TYPE)
      .flatMap((secret) => fate(secret, view, now, referred)),
  }
}

const fate = (
  secret: Secret,
  view: Cache,
  now: number,
  referred: (namespace: string) => ReadonlySet<string>,
): Command[] => {
  const { name, namespace = '', uid, labels = {}, annotations } = secret.metadata
  const { creationTimestamp, deletionTimestamp, resourceVersion } = secret.metadata
  if (deletionTimestamp || Date.parse(creationTimestamp) >= now - UNUSED_MS) return []
  const usedFrom = dayOf(now - UNUSED_MS)
  const lastUsed = labels[LAST_USED]
  if (lastUsed !== undefined && (!isDay(lastUsed) || lastUsed >= usedFrom)) return []
  const account = view.get(ServiceAccount, namespace, annotations?.[ACCOUNT_NAME] ?? '')
  if (!account || !isTokenOf(secret, account) || !isListed(secret, account)) return []
  if (referred(namespace).has(name)) return []
  const invalidSince = labels[INVALID_SINCE]
  if (!isDay(invalidSince)) {
    const patch = { metadata: { uid, labels: { [INVALID_SINCE]: dayOf(now) } } }
    return [{ verb: 'patch', kind: Secret, object: secret, type: 'merge', patch }]
  }
  if (invalidSince >= usedFrom) return []
  const options = { preconditions: { resourceVersion: resourceVersion ?? '' } }
  return [{ verb: 'delete', kind: Secret, object: secret, options }]
}

/** What pods of a namespace refer to, found out once a look. */
const referredSecrets = (view: Cache): ((namespace: string) => ReadonlySet<string>) => {
  const known = new Map<string, ReadonlySet<string>>()
  return (namespace) => {
    let names = known.get(namespace)
    if (!names) {
      names = new Set(
        view.list(Pod, { namespace }).flatMap(({ spec }) => (spec ? [...podSecrets(spec)] : [])),
      )
      known.set(namespace, names)
    }
    return names
  }
}
