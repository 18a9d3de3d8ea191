/**
 * Priority: a new pod gets the number that its class stands for; there is one default class at most.
 *
 * After Kubernetes 1.36 (`plugin/pkg/admission/priority`). Invariant: nobody gives a pod another priority than its
 * class says.
 */
import { Pod } from '../../../api/core/pod.ts'
import { PriorityClass } from '../../../api/scheduling/priority-class.ts'
import { refusedBy } from './chain.ts'
import type { AdmissionAttributes, AdmissionPlugin } from './plugin.ts'

export const priority: AdmissionPlugin = {
  name: 'Priority',
  handles: (kind, operation, subresource) =>
    (kind === Pod || kind === PriorityClass) &&
    subresource === undefined &&
    (operation === 'CREATE' || operation === 'UPDATE'),
  mutate: (attributes) => {
    if (attributes.kind !== Pod) return undefined
    const { spec } = attributes.object as Pod
    if (!spec) return undefined
    if (attributes.operation === 'UPDATE') return keepPriority(spec, attributes.old as Pod)
    const name = spec.priorityClassName
    if (!name) return prioritize(attributes, spec, defaultClass(attributes))
    const found = classNamed(attributes, name)
    if (found) return prioritize(attributes, spec, found)
    return attributes.services.storage.barrier(PriorityClass).then(() => {
      const late = classNamed(attributes, name)
      if (!late) throw refusedBy(attributes, `no PriorityClass with name ${name} was found`)
      prioritize(attributes, spec, late)
    })
  },
  validate: (attributes) => {
    if (attributes.kind === PriorityClass) checkOnlyDefault(attributes)
    return undefined
  },
}

type PodSpec = NonNullable<Pod['spec']>

/** An update that leaves it out does not change it. */
const keepPriority = (spec: PodSpec, { spec: old }: Pod): void => {
  if (spec.priority == null && old?.priority != null) spec.priority = old.priority
  if (spec.preemptionPolicy == null && old?.preemptionPolicy != null)
    spec.preemptionPolicy = old.preemptionPolicy
}

const NO_CLASS = { value: 0, preemptionPolicy: 'PreemptLowerPriority' }

/** Throws 403. */
const prioritize = (
  attributes: AdmissionAttributes,
  spec: PodSpec,
  found: PriorityClass | undefined,
): void => {
  const { value = 0, preemptionPolicy: policy } = found ?? NO_CLASS
  if (found) spec.priorityClassName = found.metadata.name
  if (spec.priority != null && spec.priority !== value)
    throw refusedBy(
      attributes,
      `the integer value of priority (${spec.priority}) must not be provided in pod spec; priority admission controller computed ${value} from the given PriorityClass name`,
    )
  spec.priority = value
  if (!policy) return
  const own = spec.preemptionPolicy
  if (own != null && own !== policy)
    throw refusedBy(
      attributes,
      `the string value of PreemptionPolicy (${own}) must not be provided in pod spec; priority admission controller computed ${policy} from the given PriorityClass name`,
    )
  spec.preemptionPolicy = policy
}

const classNamed = ({ services }: AdmissionAttributes, name: string): PriorityClass | undefined =>
  services.storage.cache.get(PriorityClass, undefined, name)

/** Should races have left several, the lowest counts. */
const defaultClass = ({ services }: AdmissionAttributes): PriorityClass | undefined => {
  let lowest: PriorityClass | undefined
  for (const each of services.storage.cache.list(PriorityClass))
    if (each.globalDefault && (!lowest || (lowest.value ?? 0) > (each.value ?? 0))) lowest = each
  return lowest
}

/** Throws 403. */
const checkOnlyDefault = (attributes: AdmissionAttributes): void => {
  const priorityClass = attributes.object as PriorityClass
  if (!priorityClass.globalDefault) return
  const present = defaultClass(attributes)?.metadata.name
  if (present === undefined) return
  if (attributes.operation === 'UPDATE' && present === priorityClass.metadata.name) return
  throw refusedBy(
    attributes,
    `PriorityClass ${present} is already marked as default. Only one default can exist`,
  )
}
