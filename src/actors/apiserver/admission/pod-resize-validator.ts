/**
 * PodResizeValidator: a running pod is not resized beyond what its node has at all.
 *
 * After Kubernetes 1.36 (`plugin/pkg/admission/podresize`). Whether there is room beside other pods is the node's to
 * say.
 */
import { Node } from '../../../api/core/node.ts'
import { Pod } from '../../../api/core/pod.ts'
import { aggregateResources, isPodLevelResource } from '../../../api/core/pod-level-resources.ts'
import { compareAmounts } from '../../../api/core/resource-list.ts'
import { milliValue, value } from '../../../api/quantity.ts'
import { StatusError } from '../../../api/status-error.ts'
import { refusedBy } from './chain.ts'
import type { AdmissionAttributes, AdmissionPlugin } from './plugin.ts'

export const podResizeValidator: AdmissionPlugin = {
  name: 'PodResizeValidator',
  handles: (kind, operation, subresource) =>
    kind === Pod && operation === 'UPDATE' && subresource === 'resize',
  validate: (attributes) => {
    const { metadata, spec } = attributes.object as Pod
    if (!spec?.nodeName || metadata.generation === attributes.old?.metadata.generation)
      return undefined
    const node = attributes.services.storage.cache.get(Node, undefined, spec.nodeName)
    if (!node) throw refusedBy(attributes, `node ${JSON.stringify(spec.nodeName)} not found`)
    const system = node.metadata.labels?.['kubernetes.io/os']
    if (system !== undefined && system !== 'linux') {
      const why = `pod resize is only supported on linux nodes, node ${JSON.stringify(spec.nodeName)} is ${JSON.stringify(system)}`
      throw because(attributes, why, 'UnsupportedPlatform')
    }
    const lacking = lackOf(spec, node.status?.allocatable ?? {})
    if (lacking.length > 0) {
      const why = `node didn't have enough allocatable resources: ${lacking.join('; ')}`
      throw because(attributes, why, 'NodeCapacity')
    }
    return undefined
  },
}

type PodSpec = NonNullable<Pod['spec']>

const lackOf = (spec: PodSpec, allocatable: { [name: string]: string }): string[] => {
  const requests = aggregateResources(spec, 'requests')
  for (const [name, amount] of Object.entries(spec.resources?.requests ?? {}))
    if (isPodLevelResource(name)) requests[name] = amount
  const overhead = spec.overhead ?? {}
  const lacking: string[] = []
  const check = (name: 'cpu' | 'memory', numberOf: (text: string | undefined) => number) => {
    const wanted = numberOf(requests[name]) + numberOf(overhead[name])
    const there = numberOf(allocatable[name])
    const isMore = overhead[name]
      ? wanted > there
      : compareAmounts(requests[name] ?? '0', allocatable[name] ?? '0') > 0
    if (isMore) lacking.push(`${name}, requested: ${wanted}, allocatable: ${there}`)
  }
  check('cpu', milliValue)
  check('memory', value)
  return lacking
}

const because = (attributes: AdmissionAttributes, why: string, reason: string): StatusError => {
  const { message, status } = refusedBy(attributes, why)
  return new StatusError(403, 'Forbidden', message, { ...status.details, causes: [{ reason }] })
}
