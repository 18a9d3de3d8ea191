/**
 * Defaults of a claim's spec, also of claims that are templates inside other objects.
 *
 * Same values as Kubernetes' `pkg/apis/core/v1/defaults.go`; applying twice changes nothing.
 */
import type { V1PersistentVolumeClaimSpec } from '@kubernetes/client-node'
import type { Wire } from '../meta.ts'
import { canonicalizeQuantities } from './resource-list.ts'

export const applyClaimSpecDefaults = (spec: Wire<V1PersistentVolumeClaimSpec>): void => {
  spec.volumeMode ??= 'Filesystem'
  spec.resources ??= {}
  if (spec.resources.limits) canonicalizeQuantities(spec.resources.limits)
  if (spec.resources.requests) canonicalizeQuantities(spec.resources.requests)
}
