/**
 * Controllers at work on a cluster in memory: their group, a client, and pods that start and stop by rule.
 */
import type { Controller } from '../../../src/actors/controllers/controller.ts'
import { createControllerGroup } from '../../../src/actors/controllers/group.ts'
import { Pod } from '../../../src/api/core/pod.ts'
import type { KubernetesObject } from '../../../src/api/meta.ts'
import { timestamp } from '../../../src/std/clock.ts'
import { rootLog } from '../../../src/std/log.ts'
import { memoryCache } from '../../support/memory-cache.ts'
import { memoryClient } from '../../support/memory-client.ts'
import { virtualClock } from '../../support/virtual-clock.ts'

/** A group of controllers that leads from the start. */
export const createWorld = (controllers: Controller[], ...objects: KubernetesObject[]) => {
  const clock = virtualClock()
  const cache = memoryCache(...objects)
  const client = memoryClient(cache, clock.now)
  const group = createControllerGroup(controllers, { cache, client, clock, log: rootLog })
  group.lead({ component: 'controllers', revision: 1 })
  const world = { clock, cache, client, group }
  return world
}

export type World = ReturnType<typeof createWorld>

/** What a kubelet would do to one pod: start it, or end it when it is being deleted. */
export const stepPod = ({ cache, clock }: World, pod: Pod) => {
  if (pod.metadata.deletionTimestamp) return cache.remove(pod)
  const now = timestamp(clock.now())
  cache.put({
    ...pod,
    spec: { ...pod.spec, nodeName: 'n1' },
    status: {
      phase: 'Running',
      conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: now }],
    },
  } as Pod)
}

export const pods = ({ cache }: World) =>
  cache.list(Pod).sort((one, other) => (one.metadata.name < other.metadata.name ? -1 : 1))

/** A small deterministic generator of numbers in [0, 1): tests print their seed. */
export const seeded = (seed: number) => {
  let state = seed >>> 0 || 1
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    state >>>= 0
    return state / 2 ** 32
  }
}
