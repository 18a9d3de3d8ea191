/**
 * The `scale` subresource of what runs copies of a pod: `spec.replicas`, `status.replicas` and the selector.
 *
 * It changes nothing but the number that is wanted.
 */
import type { ScaleSubresource } from '../kind.ts'
import type { KubernetesObject } from '../meta.ts'
import { formatLabelSelector, type LabelSelector } from '../selector.ts'

interface Workload<Selector> extends KubernetesObject {
  spec?: { replicas?: number; selector?: Selector }
  status?: { replicas?: number }
}

/** `selectorOf` reads the kind's own form of a selector. */
export const workloadScale = <Selector, T extends Workload<Selector>>(
  selectorOf: (selector: Selector | undefined) => LabelSelector,
): ScaleSubresource<T> => ({
  read: ({ spec, status }) => ({
    replicas: spec?.replicas ?? 0,
    statusReplicas: status?.replicas ?? 0,
    selector: formatLabelSelector(selectorOf(spec?.selector)),
  }),
  write: (workload, replicas) => ({ ...workload, spec: { ...workload.spec, replicas } }),
})
