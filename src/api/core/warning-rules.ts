/**
 * Warnings that several kinds share: names that are no labels, addresses and amounts in odd forms.
 *
 * Each returns texts for `Warning` headers, in Kubernetes 1.36's words, empty when there is nothing to say. What
 * is warned about has passed validation.
 */
import { isIPv6 } from 'node:net'
import type { V1NodeSelectorTerm } from '@kubernetes/client-node'
import { canonicalAddress } from '../ip-network.ts'
import type { ObjectMeta, Wire } from '../meta.ts'
import { dns1123LabelErrors, labelValueErrors } from '../names.ts'
import { canonicalQuantity, milliValue } from '../quantity.ts'
import type { ResourceList } from './resource-list.ts'

const STATIC_SUFFIX = '.static.k8s.io'

/** The name of a workload becomes part of its pods' names, and those their hostnames. */
export const workloadNameWarnings = (name: string): string[] => {
  const faults = dns1123LabelErrors(name)
  if (faults.length === 0) return []
  const why = 'which can result in surprising behavior; a DNS label is recommended'
  return [`metadata.name: this is used in Pod names and hostnames, ${why}: [${faults.join(' ')}]`]
}

/** Names that belong to what an apiserver reads from files. */
export const staticNameWarnings = ({ metadata: { name } }: { metadata: ObjectMeta }): string[] => {
  if (!name.endsWith(STATIC_SUFFIX)) return []
  const why =
    'are reserved for static manifest-based configurations and cannot be managed via the API'
  return [`metadata.name: names ending with "${STATIC_SUFFIX}" ${why}`]
}

/** Annotations that fields have replaced, in the order of `deprecated`. */
export const annotationWarnings = (
  { annotations = {} }: ObjectMeta,
  deprecated: readonly (readonly [annotation: string, why: string])[],
): string[] =>
  deprecated.flatMap(([key, why]) =>
    key in annotations ? [`metadata.annotations[${key}]: ${why}`] : [],
  )

export const addressWarnings = (path: string, address: string): string[] => {
  if (!isIPv6(address)) return []
  const canonical = canonicalAddress(address)
  if (canonical === address) return []
  const [given, wanted] = [JSON.stringify(address), JSON.stringify(canonical)]
  return [`${path}: IPv6 address ${given} should be in RFC 5952 canonical format (${wanted})`]
}

export const cidrWarnings = (path: string, cidr: string): string[] => {
  const [address = '', length] = cidr.split('/')
  if (!isIPv6(address)) return []
  const canonical = `${canonicalAddress(address)}/${length}`
  if (canonical === cidr) return []
  const [given, wanted] = [JSON.stringify(cidr), JSON.stringify(canonical)]
  return [`${path}: IPv6 CIDR value ${given} should be in RFC 5952 canonical format (${wanted})`]
}

/** Amounts of bytes are whole. */
export const fractionWarnings = (
  path: string,
  list: ResourceList | undefined,
  resources: readonly string[],
): string[] =>
  resources.flatMap((name) => {
    const amount = list?.[name]
    if (amount === undefined || milliValue(amount) % 1000 === 0) return []
    const shown = JSON.stringify(canonicalQuantity(amount))
    return [`${path}[${name}]: fractional byte value ${shown} is invalid, must be an integer`]
  })

const DEPRECATED_LABELS: ReadonlyMap<string, string> = new Map([
  ['beta.kubernetes.io/arch', 'deprecated since v1.14; use "kubernetes.io/arch" instead'],
  ['beta.kubernetes.io/os', 'deprecated since v1.14; use "kubernetes.io/os" instead'],
  [
    'failure-domain.beta.kubernetes.io/region',
    'deprecated since v1.17; use "topology.kubernetes.io/region" instead',
  ],
  [
    'failure-domain.beta.kubernetes.io/zone',
    'deprecated since v1.17; use "topology.kubernetes.io/zone" instead',
  ],
  [
    'beta.kubernetes.io/instance-type',
    'deprecated since v1.17; use "node.kubernetes.io/instance-type" instead',
  ],
  ['app.kubernetes.io/created-by', 'deprecated since v1.9'],
  [
    'scheduler.alpha.kubernetes.io/preferAvoidPods',
    'deprecated since v1.22; use Taints and Tolerations instead',
  ],
  ['node-role.kubernetes.io/master', 'use "node-role.kubernetes.io/control-plane" instead'],
])

/** Old labels of nodes in a term of node affinity, and values that no label can have where they are checked. */
export const termWarnings = (
  path: string,
  { matchExpressions = [] }: Wire<V1NodeSelectorTerm>,
  checkValues = false,
): string[] =>
  matchExpressions.flatMap(({ key, values = [] }, index) => {
    const at = `${path}.matchExpressions[${index}]`
    const why = labelDeprecation(key)
    const warnings = why ? [`${at}.key: ${key} is ${why}`] : []
    for (const [position, value] of checkValues ? values.entries() : []) {
      for (const fault of labelValueErrors(value)) {
        warnings.push(`${at}.values[${position}]: ${value} is invalid, ${fault}`)
      }
    }
    return warnings
  })

/** Why a label of nodes should not be asked for any more. */
export const labelDeprecation = (label: string): string | undefined => DEPRECATED_LABELS.get(label)
