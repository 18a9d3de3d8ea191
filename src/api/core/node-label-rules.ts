/**
 * Which labels a node may give itself: none that could steer pods to it. Pure.
 *
 * After Kubernetes 1.36 (`kubelet/pkg/apis/well_known_labels.go`, `plugin/pkg/admission/noderestriction`).
 */
import type { Labels } from '../selector.ts'

const OWN: ReadonlySet<string> = new Set([
  'kubernetes.io/hostname',
  'topology.kubernetes.io/zone',
  'topology.kubernetes.io/region',
  'failure-domain.beta.kubernetes.io/zone',
  'failure-domain.beta.kubernetes.io/region',
  'beta.kubernetes.io/instance-type',
  'node.kubernetes.io/instance-type',
  'kubernetes.io/os',
  'kubernetes.io/arch',
  'beta.kubernetes.io/os',
  'beta.kubernetes.io/arch',
])

/** Sorted names of labels that differ and are not the node's to change. */
export const forbiddenNodeLabels = (next: Labels = {}, old: Labels = {}): string[] =>
  [...new Set([...Object.keys(next), ...Object.keys(old)])]
    .filter((key) => next[key] !== old[key] && isForbidden(key))
    .sort()

const isForbidden = (key: string): boolean => {
  const slash = key.indexOf('/')
  const domain = slash < 0 ? '' : key.slice(0, slash)
  if (isWithin(domain, 'node-restriction.kubernetes.io')) return true
  if (!isWithin(domain, 'kubernetes.io') && !isWithin(domain, 'k8s.io')) return false
  return (
    !OWN.has(key) &&
    !isWithin(domain, 'kubelet.kubernetes.io') &&
    !isWithin(domain, 'node.kubernetes.io')
  )
}

const isWithin = (domain: string, parent: string): boolean =>
  domain === parent || domain.endsWith(`.${parent}`)
