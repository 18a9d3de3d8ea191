/**
 * AlwaysPullImages: images are pulled anew for every pod, so that only who may pull an image runs it.
 *
 * After Kubernetes 1.36 (`plugin/pkg/admission/alwayspullimages`). Off unless it is asked for. An update that brings
 * no new image is left alone.
 */
import { Pod } from '../../../api/core/pod.ts'
import { StatusError, unsupportedField } from '../../../api/status-error.ts'
import { refusedBy } from './chain.ts'
import type { AdmissionAttributes, AdmissionPlugin } from './plugin.ts'

const ALWAYS = 'Always'

export const alwaysPullImages: AdmissionPlugin = {
  name: 'AlwaysPullImages',
  handles: (kind, operation, subresource) =>
    kind === Pod && subresource === undefined && (operation === 'CREATE' || operation === 'UPDATE'),
  mutate: (attributes) => {
    const { spec } = attributes.object as Pod
    if (!spec || bringsNoImage(attributes)) return
    for (const { container } of containersOf(spec)) container.imagePullPolicy = ALWAYS
    for (const { image } of spec.volumes ?? []) if (image) image.pullPolicy = ALWAYS
  },
  validate: (attributes) => {
    const { spec } = attributes.object as Pod
    if (!spec || bringsNoImage(attributes)) return undefined
    const faults: string[] = []
    const check = (field: string, policy: string | undefined) => {
      if (policy === ALWAYS) return
      const { message } = unsupportedField(field, policy ?? '', [ALWAYS])
      faults.push(refusedBy(attributes, `${field}: ${message}`).message)
    }
    for (const { container, path } of containersOf(spec))
      check(`${path}.imagePullPolicy`, container.imagePullPolicy)
    for (const [index, { image }] of (spec.volumes ?? []).entries())
      if (image) check(`spec.volumes[${index}].image.pullPolicy`, image.pullPolicy)
    if (faults.length === 0) return undefined
    throw new StatusError(500, '', faults.length === 1 ? faults[0]! : `[${faults.join(', ')}]`)
  },
}

type PodSpec = NonNullable<Pod['spec']>

/** In the order in which Kubernetes visits them. */
const containersOf = (spec: PodSpec) =>
  (['initContainers', 'containers', 'ephemeralContainers'] as const).flatMap((field) =>
    (spec[field] ?? []).map((container, index) => ({
      container: container as { image?: string; imagePullPolicy?: string },
      path: `spec.${field}[${index}]`,
    })),
  )

const bringsNoImage = ({ operation, object, old }: AdmissionAttributes): boolean => {
  if (operation !== 'UPDATE') return false
  const imagesOf = (pod: Pod) =>
    pod.spec ? containersOf(pod.spec).map(({ container }) => container.image) : []
  const before = new Set(imagesOf(old as Pod))
  return imagesOf(object as Pod).every((image) => before.has(image))
}
