/**
 * `/stats/summary`: what the containers of a node use, in the shape of Kubernetes' `stats/v1alpha1`. Pure but for
 * asking the runtime.
 *
 * Invariant: a figure that is not measured is left out, never made up.
 */
import { timestamp } from '../../std/clock.ts'
import type { Host } from './host.ts'
import type { PodMemory } from './pod-memory.ts'
import { runningContainers } from './pod-view.ts'

export interface ContainerUsage {
  namespace: string
  pod: string
  uid: string
  container: string
  startedAtMs: number
  atMs: number
  cpuNanoSeconds: number
  memoryBytes: number
}

/** Of every running container that the runtime has figures of. */
export const usageOf = async (
  { runtime }: Host,
  memories: readonly PodMemory[],
): Promise<ContainerUsage[]> => {
  const stats = new Map((await runtime.stats()).map((each) => [each.containerId, each]))
  return memories.flatMap(({ pod, view }) =>
    runningContainers(view).flatMap(({ id, name, startedAtMs = 0 }) => {
      const found = stats.get(id)
      if (!found) return []
      return [
        {
          namespace: pod.metadata.namespace ?? '',
          pod: pod.metadata.name,
          uid: pod.metadata.uid,
          container: name,
          startedAtMs,
          atMs: found.atMs,
          cpuNanoSeconds: found.cpuUsageCoreNanoSeconds,
          memoryBytes: found.memoryWorkingSetBytes,
        },
      ]
    }),
  )
}

const figures = (atMs: number, cpuNanoSeconds: number, memoryBytes: number) => ({
  cpu: { time: timestamp(atMs), usageCoreNanoSeconds: cpuNanoSeconds },
  memory: { time: timestamp(atMs), workingSetBytes: memoryBytes },
})

const sum = (usage: readonly ContainerUsage[], of: (one: ContainerUsage) => number): number =>
  usage.reduce((total, one) => total + of(one), 0)

const total = (usage: readonly ContainerUsage[], now: number) =>
  figures(
    usage[0]?.atMs ?? now,
    sum(usage, (one) => one.cpuNanoSeconds),
    sum(usage, (one) => one.memoryBytes),
  )

export const statsSummary = async (host: Host, memories: readonly PodMemory[]): Promise<object> => {
  const usage = await usageOf(host, memories)
  const now = host.clock.now()
  const pods = memories.flatMap(({ pod, startTimeMs }) => {
    const own = usage.filter(({ uid }) => uid === pod.metadata.uid)
    if (own.length === 0) return []
    const { name, namespace, uid } = pod.metadata
    return [
      {
        podRef: { name, namespace, uid },
        startTime: timestamp(startTimeMs),
        containers: own.map((one) => ({
          name: one.container,
          startTime: timestamp(one.startedAtMs),
          ...figures(one.atMs, one.cpuNanoSeconds, one.memoryBytes),
        })),
        ...total(own, now),
      },
    ]
  })
  return { node: { nodeName: host.node, ...total(usage, now) }, pods }
}
