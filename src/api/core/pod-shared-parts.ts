/**
 * Parts that nearly all pods have alike, held once instead of once a pod: a cache of 100,000 pods has them by the
 * hundred megabytes otherwise.
 *
 * Invariant: what is shared is frozen and equal to what it replaces. It looks only where admission writes.
 */
import { deepEqual } from '../equality.ts'
import type { Pod } from './pod.ts'
import { TOKEN_VOLUME_PREFIX, tokenSource } from './service-account-admission.ts'

const frozen = <T>(value: T): T => {
  if (typeof value !== 'object' || value === null) return value
  for (const part of Object.values(value)) frozen(part)
  return Object.freeze(value)
}

const TOKEN_SOURCE = frozen(tokenSource())
/** What every pod tolerates that does not say otherwise. */
const TOLERATIONS = frozen(
  ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'].map((key) => ({
    key,
    operator: 'Exists',
    effect: 'NoExecute',
    tolerationSeconds: 300,
  })),
)

/** In place, of an object that nobody else has yet. */
export const sharePodParts = ({ spec }: Pod): void => {
  if (!spec) return
  for (const volume of spec.volumes ?? [])
    if (volume.name.startsWith(TOKEN_VOLUME_PREFIX) && deepEqual(volume.projected, TOKEN_SOURCE))
      volume.projected = TOKEN_SOURCE
  if (spec.tolerations?.length === TOLERATIONS.length && deepEqual(spec.tolerations, TOLERATIONS))
    spec.tolerations = TOLERATIONS
}
