/**
 * PodTolerationRestriction: a namespace says what its pods tolerate by default, and what they may tolerate at most.
 *
 * After Kubernetes 1.36 (`plugin/pkg/admission/podtolerationrestriction`). Off unless it is asked for. Its
 * configuration holds both lists for namespaces that say nothing.
 */
import { Namespace } from '../../../api/core/namespace.ts'
import { Pod } from '../../../api/core/pod.ts'
import { qosClassOf } from '../../../api/core/pod-qos.ts'
import { areAllowed, mergeTolerations, type Toleration } from '../../../api/core/tolerations.ts'
import { notFound, StatusError } from '../../../api/status-error.ts'
import type { AdmissionAttributes, AdmissionPlugin } from './plugin.ts'

export interface PodTolerationRestrictionConfiguration {
  default?: readonly Toleration[]
  whitelist?: readonly Toleration[]
}

const DEFAULTS = 'scheduler.alpha.kubernetes.io/defaultTolerations'
const ALLOWED = 'scheduler.alpha.kubernetes.io/tolerationsWhitelist'
const MEMORY_PRESSURE = {
  key: 'node.kubernetes.io/memory-pressure',
  operator: 'Exists',
  effect: 'NoSchedule',
}

export const podTolerationRestriction = (
  configuration: PodTolerationRestrictionConfiguration,
): AdmissionPlugin => {
  const check = (attributes: AdmissionAttributes): void => {
    const tolerations = (attributes.object as Pod).spec?.tolerations ?? []
    if (tolerations.length === 0) return
    const own = listOf(attributes, ALLOWED)
    if (areAllowed(tolerations, own ?? configuration.whitelist ?? [])) return
    throw new StatusError(
      500,
      '',
      `pod tolerations (possibly merged with namespace default tolerations) conflict with its ${own ? 'namespace' : 'cluster'} whitelist`,
    )
  }
  return {
    name: 'PodTolerationRestriction',
    handles: (kind, operation, subresource) =>
      kind === Pod &&
      subresource === undefined &&
      (operation === 'CREATE' || operation === 'UPDATE'),
    mutate: (attributes) => {
      const { spec } = attributes.object as Pod
      if (!spec) return
      const added: Toleration[] = []
      if (attributes.operation === 'CREATE')
        added.push(...(listOf(attributes, DEFAULTS) ?? configuration.default ?? []))
      if (qosClassOf(spec) !== 'BestEffort') added.push(MEMORY_PRESSURE)
      if (added.length > 0) spec.tolerations = mergeTolerations(spec.tolerations ?? [], added)
      check(attributes)
    },
    validate: (attributes) => {
      check(attributes)
      return undefined
    },
  }
}

/** Undefined when the namespace says nothing. Throws 404 and 500. */
const listOf = (
  { services, namespace = '' }: AdmissionAttributes,
  annotation: string,
): readonly Toleration[] | undefined => {
  const found = services.storage.cache.get(Namespace, undefined, namespace)
  if (!found) throw notFound(Namespace, namespace)
  const text = found.metadata.annotations?.[annotation]
  if (text === undefined) return undefined
  if (text === '') return []
  try {
    return (JSON.parse(text) ?? []) as Toleration[]
  } catch (error) {
    throw new StatusError(500, '', (error as Error).message)
  }
}
