/**
 * Samples for the tests of pods: a minimal pod, defaulted as the apiserver does it, and its faults
 * as texts.
 */
import { Pod } from '../../../src/api/core/pod.ts'
import type { PodSpec } from '../../../src/api/core/pod-spec-defaults.ts'
import { deepCopy } from '../../../src/api/equality.ts'
import type { FieldError } from '../../../src/api/status-error.ts'

export const NOW = Date.parse('2026-01-01T01:00:00Z')

/** A pod as somebody writes it. */
export const draftPod = (spec: Partial<PodSpec> = {}): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: 'web',
    namespace: 'default',
    uid: 'uid',
    resourceVersion: '1',
    creationTimestamp: '2026-01-01T00:00:00Z',
  },
  spec: { containers: [{ name: 'web', image: 'web:1' }], ...deepCopy(spec) },
})

/** The same after everything that happens before validation. */
export const createPod = (spec: Partial<PodSpec> = {}): Pod => {
  const pod = draftPod(spec)
  Pod.prepareForCreate!(pod, { now: NOW })
  Pod.applyDefaults!(pod)
  return pod
}

export const shown = (errors: FieldError[] = []): string[] =>
  errors.map(({ field, message }) => `${field}: ${message}`)

/** Faults of a new pod with that spec. */
export const faultsOf = (spec: Partial<PodSpec>): string[] => shown(Pod.validate!(createPod(spec)))

/** Faults of changing a pod with `spec` by `change`. */
export const faultsOfChange = (spec: Partial<PodSpec>, change: (pod: Pod) => void): string[] => {
  const old = createPod(spec)
  const next = deepCopy(old)
  change(next)
  Pod.applyDefaults!(next)
  Pod.prepareForUpdate!(next, old, { now: NOW })
  return shown(Pod.validateUpdate!(next, old))
}
