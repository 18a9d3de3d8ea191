/**
 * Warnings that several kinds share: names that are no labels, addresses and amounts in odd forms.
 *
 * Each returns texts for `Warning` headers, in Kubernetes 1.36's words, empty when there is nothing to say. What
 * is warned about has passed validation.
 */
import { isIPv6 } from 'node:net'
import { canonicalAddress } from '../ip-network.ts'
import { dns1123LabelErrors } from '../names.ts'
import { canonicalQuantity, milliValue } from '../quantity.ts'
import type { ResourceList } from './resource-list.ts'

/** The name of a workload becomes part of its pods' names, and those their hostnames. */
export const workloadNameWarnings = (name: string): string[] => {
  const faults = dns1123LabelErrors(name)
  if (faults.length === 0) return []
  const why = 'which can result in surprising behavior; a DNS label is recommended'
  return [`metadata.name: this is used in Pod names and hostnames, ${why}: [${faults.join(' ')}]`]
}

export const addressWarnings = (path: string, address: string): string[] => {
  if (!isIPv6(address)) return []
  const canonical = canonicalAddress(address)
  if (canonical === address) return []
  const [given, wanted] = [JSON.stringify(address), JSON.stringify(canonical)]
  return [`${path}: IPv6 address ${given} should be in RFC 5952 canonical format (${wanted})`]
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

/** Why a label of nodes should not be asked for any more. */
export const labelDeprecation = (label: string): string | undefined => DEPRECATED_LABELS.get(label)
