/**
 * NodeDeclaredFeatureValidator: a pod is not changed in a way that its node has not said it can follow.
 *
 * After Kubernetes 1.36 (`plugin/pkg/admission/nodedeclaredfeatures`); the features that an update may need are those
 * of `component-helpers/nodedeclaredfeatures`. Which nodes take a new pod is the scheduler's to say.
 */
import { Node } from '../../../api/core/node.ts'
import { Pod } from '../../../api/core/pod.ts'
import { deepEqual } from '../../../api/equality.ts'
import { refusedBy } from './chain.ts'
import type { AdmissionPlugin } from './plugin.ts'

export const nodeDeclaredFeatureValidator: AdmissionPlugin = {
  name: 'NodeDeclaredFeatureValidator',
  handles: (kind, operation, subresource) =>
    kind === Pod &&
    operation === 'UPDATE' &&
    (subresource === undefined || subresource === 'resize'),
  validate: (attributes) => {
    const { metadata, spec } = attributes.object as Pod
    const old = attributes.old as Pod
    if (!spec?.nodeName || metadata.generation === old.metadata.generation) return undefined
    const needed = featuresNeeded(spec, old.spec)
    if (needed.length === 0) return undefined
    const node = attributes.services.storage.cache.get(Node, undefined, spec.nodeName)
    const shown = JSON.stringify(spec.nodeName)
    if (!node) throw refusedBy(attributes, `node ${shown} not found`)
    const declared = node.status?.declaredFeatures ?? []
    const missing = needed.filter((feature) => !declared.includes(feature))
    if (missing.length > 0)
      throw refusedBy(
        attributes,
        `pod update requires features ${missing.join(', ')} which are not available on node ${shown}`,
      )
    return undefined
  },
}

type PodSpec = NonNullable<Pod['spec']>

const featuresNeeded = (spec: PodSpec, old: PodSpec | undefined): string[] => {
  const needed: string[] = []
  if (!deepEqual(spec.resources, old?.resources))
    needed.push('InPlacePodLevelResourcesVerticalScaling')
  const isResized = (old?.initContainers ?? []).some(
    ({ restartPolicy, resources }, index) =>
      restartPolicy !== 'Always' && !deepEqual(resources, spec.initContainers?.[index]?.resources),
  )
  if (isResized) needed.push('InPlacePodVerticalScalingInitContainers')
  return needed
}
