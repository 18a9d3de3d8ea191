/**
 * What the runtime has, pod by pod; and the removal of what no pod of the API owns.
 *
 * Invariant: a container that ended is read in full once, whatever the number of listings. It decides nothing
 * about pods that the API knows.
 */
import { type Host, observe } from './host.ts'
import type { PodMemory } from './pod-memory.ts'
import { emptyView, hasExited, type ObservedContainer, type PodView, viewOf } from './pod-view.ts'

type MemoryOf = (uid: string) => PodMemory | undefined

const ORPHAN_GRACE_SECONDS = 1

/** Views by uid of everything the runtime has. */
export const listPodViews = async (
  host: Host,
  memoryOf: MemoryOf,
): Promise<Map<string, PodView>> => {
  const { sandboxes, containers } = await host.runtime.list()
  const views = new Map<string, PodView>()
  const byAge = [...sandboxes].sort((a, b) => a.attempt - b.attempt)
  for (const sandbox of byAge) views.set(sandbox.pod.uid, { ...emptyView, sandbox })
  const groups = new Map<string, ObservedContainer[]>()
  for (const container of containers) {
    const { uid } = container.pod
    const group = groups.get(uid)
    if (group) group.push(container)
    else groups.set(uid, [container])
  }
  for (const [uid, group] of groups) {
    const whole = group.map((container) => withMessage(host, memoryOf(uid), container))
    views.set(uid, viewOf(views.get(uid)?.sandbox, await Promise.all(whole)))
  }
  return views
}

const withMessage = async (
  host: Host,
  memory: PodMemory | undefined,
  container: ObservedContainer,
): Promise<ObservedContainer> => {
  if (!hasExited(container)) return container
  const known = memory?.view.containers
    .get(container.name)
    ?.find(({ id, state }) => id === container.id && state === 'exited')
  if (known) return known
  const read = memory && (await observe(host, memory.pod, container.id))
  return read ?? (await host.runtime.inspect(container.id)) ?? container
}

/** Removes containers, sandboxes and files of pods that are not known. */
export const removeOrphans = async (
  host: Host,
  views: ReadonlyMap<string, PodView>,
  isKnown: (uid: string) => boolean,
): Promise<void> => {
  for (const [uid, view] of views) if (!isKnown(uid)) await removeOrphan(host, uid, view)
  for (const uid of await host.volumes.listPods())
    if (!isKnown(uid) && !views.has(uid)) await host.volumes.removePod(uid)
}

const removeOrphan = async (
  { runtime, volumes, log, node }: Host,
  uid: string,
  { sandbox, containers }: PodView,
) => {
  log.info({ uid, node }, 'removing what is left of a pod that is gone')
  const all = [...containers.values()].flat()
  await Promise.all(all.map(({ id }) => runtime.stop(id, ORPHAN_GRACE_SECONDS)))
  for (const { id } of all) await runtime.remove(id)
  if (sandbox) {
    await runtime.stopSandbox(sandbox.id)
    await runtime.removeSandbox(sandbox.id)
  }
  await volumes.removePod(uid)
}

/** Equal for two views that a comparison with the runtime need not tell apart. */
export const fingerprint = ({ sandbox, containers }: PodView): string =>
  [
    `${sandbox?.id}:${sandbox?.state}`,
    ...[...containers.values()]
      .flat()
      .map(({ id, state }) => `${id}:${state}`)
      .sort(),
  ].join(' ')
