/**
 * Which evaluator measures the objects of a kind.
 *
 * After Kubernetes' `pkg/quota/v1/install`: Events and what is not stored are in no quota; every other namespaced
 * kind is at least counted, custom ones too.
 */
import { type AnyKind, storedKind } from '../kind.ts'
import { deviceClaimEvaluator, serviceEvaluator, volumeClaimEvaluator } from './claim-usage.ts'
import { countEvaluator, type Evaluator } from './evaluator.ts'
import { podEvaluator } from './pod-usage.ts'

const MEASURED: Readonly<Record<string, Evaluator>> = {
  '/pods': podEvaluator,
  '/services': serviceEvaluator,
  '/persistentvolumeclaims': volumeClaimEvaluator,
  'resource.k8s.io/resourceclaims': deviceClaimEvaluator,
}

const known = new WeakMap<AnyKind, Evaluator | { none: true }>()

/** Undefined for kinds that quotas ignore. */
export const evaluatorOf = (kind: AnyKind): Evaluator | undefined => {
  let found = known.get(kind)
  if (!found) {
    found = makeEvaluator(kind) ?? { none: true }
    known.set(kind, found)
  }
  return 'none' in found ? undefined : found
}

const makeEvaluator = (kind: AnyKind): Evaluator | undefined => {
  if (!kind.namespaced || kind.isVirtual || storedKind(kind).storage === 'events') return undefined
  return MEASURED[`${kind.group}/${kind.plural}`] ?? countEvaluator(kind)
}
