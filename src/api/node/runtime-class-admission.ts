/**
 * What a RuntimeClass means to a new pod that names it: its overhead, and where such pods may run.
 *
 * After Kubernetes' plug-in RuntimeClass; runs once, before validation of a create. Pure: finding the class is
 * the caller's.
 */
import type { Pod } from '../core/pod.ts'
import { mergeTolerations } from '../core/tolerations.ts'
import { deepEqual } from '../equality.ts'
import type { RuntimeClass } from './runtime-class.ts'

type PodSpec = NonNullable<Pod['spec']>

/** Completes `spec`, in place. Returns why the pod is forbidden, if it is. `found`: the class it names. */
export const admitRuntimeClass = (
  spec: PodSpec,
  found: RuntimeClass | undefined,
): string | undefined => admitOverhead(spec, found) ?? (found && placePod(spec, found))

const admitOverhead = (spec: PodSpec, found: RuntimeClass | undefined): string | undefined => {
  const name = spec.runtimeClassName
  if (name != null && !found) return `pod rejected: RuntimeClass "${name}" not found`
  const overhead = found?.overhead
  if (!overhead) {
    if (spec.overhead == null) return undefined
    return UNFOUNDED
  }
  const own = spec.overhead ?? {}
  if (Object.keys(own).length > 0 && !deepEqual(own, overhead.podFixed ?? {})) return MISMATCH
  if (overhead.podFixed) spec.overhead = { ...overhead.podFixed }
  return undefined
}

const MISMATCH = "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead"
const UNFOUNDED =
  'pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead'

/** Why a pod that others completed, too, is forbidden after all. `found`: the class it names. */
export const overheadFault = (
  spec: PodSpec,
  found: RuntimeClass | undefined,
): string | undefined => {
  if (!found?.overhead) return spec.overhead == null ? undefined : UNFOUNDED
  return deepEqual(spec.overhead ?? {}, found.overhead.podFixed ?? {}) ? undefined : MISMATCH
}

/** Sends the pod, in place, where nodes offer the class. Returns the conflict that forbids it, if any. */
const placePod = (spec: PodSpec, { scheduling }: RuntimeClass): string | undefined => {
  if (!scheduling) return undefined
  const { nodeSelector, tolerations } = scheduling
  for (const [key, value] of Object.entries(nodeSelector ?? {})) {
    const own = spec.nodeSelector?.[key]
    if (own !== undefined && own !== value)
      return `conflict: runtimeClass.scheduling.nodeSelector[${key}] = ${value}; pod.spec.nodeSelector[${key}] = ${own}`
  }
  if (nodeSelector) spec.nodeSelector = { ...spec.nodeSelector, ...nodeSelector }
  if (tolerations) spec.tolerations = mergeTolerations(spec.tolerations ?? [], tolerations)
  return undefined
}
