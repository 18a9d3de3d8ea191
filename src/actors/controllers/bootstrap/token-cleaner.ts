/**
 * Removes bootstrap tokens that have expired (Kubernetes' `pkg/controller/bootstrap/tokencleaner.go`).
 */
import {
  BOOTSTRAP_NAMESPACE,
  BOOTSTRAP_TOKEN_TYPE,
  bootstrapRemainingMs,
} from '../../../api/core/bootstrap-token.ts'
import { Secret } from '../../../api/core/secret.ts'
import { defineController } from '../controller.ts'
import { NOTHING } from '../plan.ts'

/** No timer runs for longer. */
const LOOK_AGAIN_MS = 12 * 3600_000

export const tokenCleaner = defineController<Secret>({
  name: 'tokencleaner',
  component: 'token-cleaner',
  for: Secret,
  concerns: ({ type, object }) => type !== 'DELETED' && isBootstrapToken(object as Secret),
  reconcile: (secret, _key, _view, now) => {
    if (!secret || !isBootstrapToken(secret)) return NOTHING
    const remainingMs = bootstrapRemainingMs(secret, now)
    if (remainingMs === undefined) return NOTHING
    if (remainingMs > 0)
      return { commands: [], requeueAfterMs: Math.min(remainingMs, LOOK_AGAIN_MS) }
    return { commands: [{ verb: 'delete', kind: Secret, object: secret }] }
  },
})

export const isBootstrapToken = ({ metadata, type }: Secret): boolean =>
  type === BOOTSTRAP_TOKEN_TYPE && metadata.namespace === BOOTSTRAP_NAMESPACE
