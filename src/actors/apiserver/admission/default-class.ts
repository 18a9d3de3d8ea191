/**
 * Which of several classes that are marked as the default one counts: the newest, then the first by name.
 *
 * After Kubernetes' `GetDefaultClass` of storage and ingress classes. Pure.
 */
import type { KubernetesObject } from '../../../api/meta.ts'

export const newestOf = <T extends KubernetesObject>(classes: readonly T[]): T | undefined => {
  let newest: T | undefined
  for (const each of classes) if (!newest || isBefore(each, newest)) newest = each
  return newest
}

const isBefore = (one: KubernetesObject, other: KubernetesObject): boolean => {
  const { creationTimestamp: first = '', name } = one.metadata
  const { creationTimestamp: second = '' } = other.metadata
  return first === second ? name < other.metadata.name : first > second
}
