/**
 * What the runtime says of one pod, as plain data: its sandbox and its containers by name.
 *
 * Invariant: containers of one name are ordered newest attempt first, and at most the newest ones are kept.
 * It decides nothing; every function returns a new view or the same one.
 */
import type { Pod } from '../../api/core/pod.ts'
import type { Container, Sandbox } from '../../node/runtime.ts'

export type PodSpec = NonNullable<Pod['spec']>
export type PodStatus = NonNullable<Pod['status']>
export type PodContainer = PodSpec['containers'][number]
export type EphemeralContainer = NonNullable<PodSpec['ephemeralContainers']>[number]
export type ContainerStatus = NonNullable<PodStatus['containerStatuses']>[number]
export type ContainerState = NonNullable<ContainerStatus['state']>
export type PodCondition = NonNullable<PodStatus['conditions']>[number]
export type Probe = NonNullable<PodContainer['livenessProbe']>
export type LifecycleHandler = NonNullable<NonNullable<PodContainer['lifecycle']>['postStart']>

/** A container of the runtime, with what it left at its termination message path. */
export interface ObservedContainer extends Container {
  message?: string
}

export interface PodView {
  sandbox?: Sandbox
  containers: ReadonlyMap<string, readonly ObservedContainer[]>
}

export const emptyView: PodView = { containers: new Map() }

/** Containers kept in the view for each name: the current one and those that `--previous` may ask for. */
const KEPT_MAX = 4

export const newest = (view: PodView, name: string): ObservedContainer | undefined =>
  view.containers.get(name)?.[0]

/** A restartable init container: started in order, then running beside the others. */
export const isSidecar = (container: PodContainer): boolean => container.restartPolicy === 'Always'

export const initContainersOf = (pod: Pod): readonly PodContainer[] =>
  pod.spec?.initContainers ?? []
export const containersOf = (pod: Pod): readonly PodContainer[] => pod.spec?.containers ?? []
/** Containers added to a pod that runs, to look into it; they have the fields of others and one more. */
export const ephemeralContainersOf = (pod: Pod): readonly EphemeralContainer[] =>
  pod.spec?.ephemeralContainers ?? []
export const allContainersOf = (pod: Pod): readonly PodContainer[] => [
  ...initContainersOf(pod),
  ...containersOf(pod),
  ...ephemeralContainersOf(pod),
]

export const isEphemeral = (pod: Pod, { name }: PodContainer): boolean =>
  ephemeralContainersOf(pod).some((container) => container.name === name)

export const hasProbes = (container: PodContainer): boolean =>
  !!(container.startupProbe ?? container.livenessProbe ?? container.readinessProbe)

/** `name_namespace(uid)`, as the kubelet's messages name a pod. */
export const podLabel = (pod: Pod): string =>
  `${pod.metadata.name}_${pod.metadata.namespace}(${pod.metadata.uid})`

/** A container that was created but refused to start counts as exited. */
export const hasExited = (container: ObservedContainer): boolean =>
  container.state === 'exited' || (container.state === 'created' && container.error !== undefined)

export const withContainer = (view: PodView, container: ObservedContainer): PodView => {
  const others = (view.containers.get(container.name) ?? []).filter(
    (other) => other.id !== container.id,
  )
  const ordered = [container, ...others].sort((a, b) => b.attempt - a.attempt).slice(0, KEPT_MAX)
  return { ...view, containers: new Map(view.containers).set(container.name, ordered) }
}

export const withoutContainer = (view: PodView, id: string): PodView => {
  const containers = new Map(view.containers)
  for (const [name, list] of containers) {
    const kept = list.filter((container) => container.id !== id)
    if (kept.length === list.length) continue
    if (kept.length > 0) containers.set(name, kept)
    else containers.delete(name)
    return { ...view, containers }
  }
  return view
}

export const viewOf = (
  sandbox: Sandbox | undefined,
  containers: readonly ObservedContainer[],
): PodView =>
  containers.reduce<PodView>(withContainer, {
    ...emptyView,
    ...(sandbox ? { sandbox } : {}),
  })

export const runningContainers = (view: PodView): ObservedContainer[] => {
  const running: ObservedContainer[] = []
  for (const list of view.containers.values())
    for (const container of list) if (container.state === 'running') running.push(container)
  return running
}

/** How events name a container of the pod, e.g. `spec.containers{web}`. */
export const fieldPathOf = (pod: Pod, name: string): string =>
  initContainersOf(pod).some((container) => container.name === name)
    ? `spec.initContainers{${name}}`
    : ephemeralContainersOf(pod).some((container) => container.name === name)
      ? `spec.ephemeralContainers{${name}}`
      : `spec.containers{${name}}`
