/**
 * What may change of a pod through its subresources `ephemeralcontainers` and `resize`, and nothing else.
 *
 * Rules and wording follow Kubernetes 1.36 (`ValidatePodEphemeralContainersUpdate`, `ValidatePodResize` and the
 * strategies beside them). A debugging container may be added, never changed or removed; a resize changes CPU
 * and memory only and keeps the class of service.
 */
import type { V1ResourceRequirements } from '@kubernetes/client-node'
import { carryField, carryOtherMetadata } from '../carry-field.ts'
import { deepCopy, deepEqual } from '../equality.ts'
import type { PartStrategy } from '../kind.ts'
import type { Wire } from '../meta.ts'
import { type FieldError, forbiddenField, invalidField } from '../status-error.ts'
import type { Pod } from './pod.ts'
import { qosClassOf } from './pod-qos.ts'
import type { Container, PodSpec } from './pod-spec-defaults.ts'
import { checkFixedAnnotations, checkPod, MIRROR_ANNOTATION } from './pod-validation.ts'
import type { ResourceList } from './resource-list.ts'
import { specDifference } from './spec-difference.ts'

type Requirements = Wire<V1ResourceRequirements>

const specOf = (pod: Pod): PodSpec => pod.spec ?? ({} as PodSpec)

/** In place: metadata and status of `old`. */
const keepOthers = (pod: Pod, old: Pod): void => {
  carryOtherMetadata(pod, old)
  carryField(pod, old, 'status')
}

/** In place: takes back everything but the ephemeral containers. */
const keepAllButEphemeralContainers = (pod: Pod, old: Pod): void => {
  const added = pod.spec?.ephemeralContainers
  keepOthers(pod, old)
  pod.spec = deepCopy(specOf(old))
  if (added) pod.spec.ephemeralContainers = added
  else delete pod.spec.ephemeralContainers
}

export const validateEphemeralContainersUpdate = (pod: Pod, old: Pod): FieldError[] => {
  if (old.metadata.annotations?.[MIRROR_ANNOTATION] !== undefined) {
    return [forbiddenField('[]', 'static pods do not support ephemeral containers')]
  }
  const errors: FieldError[] = []
  checkPod(errors, pod)
  checkFixedAnnotations(errors, pod, old)
  const path = 'spec.ephemeralContainers'
  for (const before of old.spec?.ephemeralContainers ?? []) {
    const after = pod.spec?.ephemeralContainers?.findLast(({ name }) => name === before.name)
    const subject = `existing ephemeral containers ${JSON.stringify(before.name)}`
    if (!after) errors.push(forbiddenField(path, `${subject} may not be removed\n`))
    else if (!deepEqual(after, before)) {
      const why = `${subject} may not be changed\n${specDifference(before, after)}`
      errors.push(forbiddenField(path, why))
    }
  }
  return errors
}

export const ephemeralContainersPart: PartStrategy<Pod> = {
  prepareForUpdate: keepAllButEphemeralContainers,
  validateUpdate: validateEphemeralContainersUpdate,
}

/** In place: takes back everything but resources and how containers are resized. */
const keepAllButResources = (pod: Pod, old: Pod): void => {
  const spec = specOf(pod)
  const last = specOf(old)
  // Containers that were added, removed or renamed are left for validation to name.
  const sameCount = (['containers', 'initContainers'] as const).every(
    (field) => (spec[field] ?? []).length === (last[field] ?? []).length,
  )
  if (!sameCount) return
  const containers = resized(spec.containers, last.containers)
  const initContainers = resized(spec.initContainers, last.initContainers)
  const { resources } = spec
  keepOthers(pod, old)
  pod.spec = deepCopy(last)
  if (containers) pod.spec.containers = containers
  if (initContainers) pod.spec.initContainers = initContainers
  if (resources) pod.spec.resources = resources
  else delete pod.spec.resources
}

const resized = (
  containers: Container[] | undefined,
  last: Container[] | undefined,
): Container[] | undefined => {
  if (!containers?.length) return containers
  if (containers.some(({ name }, index) => name !== last?.[index]?.name)) return containers
  return containers.map(({ resources, resizePolicy }, index) => {
    const { resources: _, resizePolicy: __, ...rest } = deepCopy(last![index]!)
    return {
      ...rest,
      ...(resources ? { resources } : {}),
      ...(resizePolicy ? { resizePolicy } : {}),
    }
  })
}

const COMPUTE = ['cpu', 'memory'] as const

export const validateResizeUpdate = (pod: Pod, old: Pod): FieldError[] => {
  if (old.metadata.annotations?.[MIRROR_ANNOTATION] !== undefined) {
    return [forbiddenField('[]', 'static pods cannot be resized')]
  }
  if (old.spec?.os?.name === 'windows')
    return [forbiddenField('[]', 'windows pods cannot be resized')]
  const errors: FieldError[] = []
  checkPod(errors, pod)
  const last = specOf(old)
  const frozen = deepCopy(specOf(pod))
  if ((old.status?.qosClass || qosClassOf(last)) !== qosClassOf(frozen)) {
    const why = 'Pod QOS Class may not change as a result of resizing'
    errors.push(invalidField('spec', pod.status?.qosClass ?? '', why))
  }
  if (!isResizable(old)) {
    errors.push(forbiddenField('spec', 'Pod running on node without support for resize'))
  }
  if (isSet(last.resources) || isSet(frozen.resources)) checkPodLevel(errors, frozen, last)
  if (old.status?.nodeAllocatableResourceClaimStatuses?.length) {
    const why = 'pods with node allocatable resource claims cannot be resized'
    errors.push(forbiddenField('spec', why))
  }
  if (!checkOrder(errors, frozen, last)) return errors
  for (const field of ['initContainers', 'containers'] as const) {
    for (const [index, before] of (last[field] ?? []).entries()) {
      const after = frozen[field]![index]!.resources
      checkNothingRemoved(errors, `spec.${field}[${index}].resources`, after, before.resources, '')
    }
  }
  checkOnlyCompute(errors, frozen, last)
  if (errors.length === 0 && !deepEqual(frozen, last)) {
    errors.push(forbiddenField('spec', 'only cpu and memory resources are mutable'))
  }
  return errors
}

export const resizePart: PartStrategy<Pod> = {
  prepareForUpdate: keepAllButResources,
  validateUpdate: validateResizeUpdate,
}

const isSet = (resources: Requirements | undefined): boolean =>
  Object.keys({ ...resources?.requests, ...resources?.limits }).length > 0

/** A kubelet that can resize reports what a running container has. */
const isResizable = ({ status }: Pod): boolean => {
  const running = status?.containerStatuses?.find(({ state }) => state?.running)
  return !running || running.resources != null
}

/** Puts back what a resize may change of the pod's own resources. */
const checkPodLevel = (errors: FieldError[], frozen: PodSpec, last: PodSpec): void => {
  const path = 'spec.resources'
  if (last.resources && !frozen.resources) {
    errors.push(forbiddenField(path, 'pod-level resources cannot be removed'))
    return
  }
  if (last.resources) {
    checkNothingRemoved(errors, path, frozen.resources, last.resources, 'pod-level ')
  }
  frozen.resources = withOldCompute(frozen.resources ?? {}, last.resources)
  if (!last.resources && !isSet(frozen.resources) && !frozen.resources.claims?.length) {
    delete frozen.resources
  }
  if (sameResources(frozen.resources, last.resources)) {
    if (last.resources) frozen.resources = last.resources
    return
  }
  errors.push(forbiddenField('spec', 'only cpu and memory resources are mutable at pod-level'))
}

const checkOrder = (errors: FieldError[], spec: PodSpec, last: PodSpec): boolean => {
  const before = errors.length
  for (const field of ['containers', 'initContainers'] as const) {
    const containers = spec[field] ?? []
    const old = last[field] ?? []
    if (containers.length !== old.length) {
      errors.push(forbiddenField(`spec.${field}`, `${field} may not be added or removed on resize`))
      continue
    }
    for (const [index, { name }] of old.entries()) {
      if (containers[index]!.name === name) continue
      const why = `${field} may not be renamed or reordered on resize`
      errors.push(forbiddenField(`spec.${field}[${index}].name`, why))
    }
  }
  return errors.length === before
}

const checkNothingRemoved = (
  errors: FieldError[],
  path: string,
  after: Requirements | undefined,
  before: Requirements | undefined,
  what: string,
): void => {
  for (const field of ['requests', 'limits'] as const) {
    const kept = after?.[field] ?? {}
    if (Object.keys(before?.[field] ?? {}).every((name) => name in kept)) continue
    errors.push(forbiddenField(`${path}.${field}`, `${what}resource ${field} cannot be removed`))
  }
}

/** Puts old CPU and memory back into `frozen`; what differs then may not change. */
const checkOnlyCompute = (errors: FieldError[], frozen: PodSpec, last: PodSpec): void => {
  for (const [index, container] of frozen.containers.entries()) {
    const before = last.containers[index]!
    putBack(container, before)
    if (deepEqual(container, before)) continue
    errors.push(forbiddenField('spec', 'only cpu and memory resources are mutable'))
  }
  for (const [index, container] of (frozen.initContainers ?? []).entries()) {
    const before = last.initContainers![index]!
    const at = `spec.initContainers[${index}]`
    const isModified = !deepEqual(container, before)
    putBack(container, before)
    if (!deepEqual(container, before)) {
      const why = 'only cpu and memory resources for init or sidecar containers are mutable'
      errors.push(forbiddenField(at, why))
    }
    if (!isModified || container.restartPolicy === 'Always') continue
    for (const { restartPolicy } of container.resizePolicy ?? []) {
      if (restartPolicy !== 'RestartContainer') continue
      const why =
        'non-sidecar init containers with a resize policy of RestartContainer cannot be resized'
      errors.push(forbiddenField(at, why))
    }
  }
}

const putBack = (container: Container, before: Container): void => {
  const compared = withOldCompute(container.resources ?? {}, before.resources)
  if (sameResources(compared, before.resources)) {
    if (before.resources) container.resources = before.resources
    else delete container.resources
  } else container.resources = compared
}

/** Of `resources` everything but CPU and memory, these of `old`; claims are not part of a resize. */
const withOldCompute = (
  { requests, limits }: Requirements,
  old: Requirements | undefined,
): Requirements => ({
  requests: withOldAmounts(requests, old?.requests),
  limits: withOldAmounts(limits, old?.limits),
})

const withOldAmounts = (list: ResourceList = {}, old: ResourceList = {}): ResourceList => {
  const amounts = { ...list }
  for (const name of COMPUTE) {
    if (old[name] === undefined) delete amounts[name]
    else amounts[name] = old[name]
  }
  return amounts
}

const sameResources = (one: Requirements = {}, other: Requirements = {}): boolean =>
  deepEqual(one.requests ?? {}, other.requests ?? {}) &&
  deepEqual(one.limits ?? {}, other.limits ?? {})
