/**
 * CPU and memory of containers, read from their control groups.
 *
 * Invariant: costs a few small files a container; the engine's own statistics take a second each, because it
 * samples twice. Both cgroup versions and both cgroup drivers. It keeps no history.
 */
import { readFile } from 'node:fs/promises'
import type { ContainerStats } from '../runtime.ts'

export interface CgroupLayout {
  version: 1 | 2
  driver: 'cgroupfs' | 'systemd'
}

const ROOT = '/sys/fs/cgroup'

/** The container's folder below a hierarchy's root. */
export const cgroupPath = (id: string, { driver }: CgroupLayout) =>
  driver === 'systemd' ? `system.slice/docker-${id}.scope` : `docker/${id}`

const field = (text: string, name: string): number =>
  Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1] ?? 0)

/** Kubernetes' working set: usage without file pages that were not used lately. */
const workingSet = (usage: number, inactiveFile: number) => Math.max(0, usage - inactiveFile)

export const readContainerStats = async (
  id: string,
  layout: CgroupLayout,
  nowMs: number,
): Promise<ContainerStats | undefined> => {
  const path = cgroupPath(id, layout)
  try {
    if (layout.version === 2) {
      const [cpu, usage, memory] = await Promise.all(
        ['cpu.stat', 'memory.current', 'memory.stat'].map((file) =>
          readFile(`${ROOT}/${path}/${file}`, 'utf8'),
        ),
      )
      return {
        containerId: id,
        atMs: nowMs,
        cpuUsageCoreNanoSeconds: field(cpu ?? '', 'usage_usec') * 1000,
        memoryWorkingSetBytes: workingSet(Number(usage), field(memory ?? '', 'inactive_file')),
      }
    }
    const [cpu, usage, memory] = await Promise.all([
      readFile(`${ROOT}/cpuacct/${path}/cpuacct.usage`, 'utf8'),
      readFile(`${ROOT}/memory/${path}/memory.usage_in_bytes`, 'utf8'),
      readFile(`${ROOT}/memory/${path}/memory.stat`, 'utf8'),
    ])
    return {
      containerId: id,
      atMs: nowMs,
      cpuUsageCoreNanoSeconds: Number(cpu),
      memoryWorkingSetBytes: workingSet(Number(usage), field(memory, 'total_inactive_file')),
    }
  } catch {
    // It ended while we read.
    return undefined
  }
}
