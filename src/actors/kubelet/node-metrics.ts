/**
 * A node's metrics in Prometheus' text format: `/metrics` counts what runs, `/metrics/resource` says what it uses.
 *
 * Names and labels are those of Kubernetes' kubelet. Invariant: only what is measured is there.
 */
import type { Host } from './host.ts'
import { type ContainerUsage, usageOf } from './node-stats.ts'
import type { PodMemory } from './pod-memory.ts'

const HELP: Readonly<Record<string, [type: 'gauge' | 'counter', help: string]>> = {
  kubelet_node_name: ['gauge', "[ALPHA] The node's name. The count is always 1."],
  kubelet_running_containers: ['gauge', '[ALPHA] Number of containers currently running'],
  kubelet_running_pods: ['gauge', '[ALPHA] Number of pods that have a running pod sandbox'],
  container_cpu_usage_seconds_total: [
    'counter',
    '[STABLE] Cumulative cpu time consumed by the container in core-seconds',
  ],
  container_memory_working_set_bytes: [
    'gauge',
    '[STABLE] Current working set of the container in bytes',
  ],
  container_start_time_seconds: [
    'gauge',
    '[STABLE] Start time of the container since unix epoch in seconds',
  ],
  node_cpu_usage_seconds_total: [
    'counter',
    '[STABLE] Cumulative cpu time consumed by the node in core-seconds',
  ],
  node_memory_working_set_bytes: ['gauge', '[STABLE] Current working set of the node in bytes'],
  pod_cpu_usage_seconds_total: [
    'counter',
    '[STABLE] Cumulative cpu time consumed by the pod in core-seconds',
  ],
  pod_memory_working_set_bytes: ['gauge', '[STABLE] Current working set of the pod in bytes'],
  resource_scrape_error: [
    'gauge',
    '[STABLE] 1 if there was an error while getting container metrics, 0 otherwise',
  ],
}

type Sample = [labels: Readonly<Record<string, string>>, value: number]

const family = (name: string, samples: readonly Sample[]): string => {
  const [type, help] = HELP[name]!
  if (samples.length === 0) return ''
  const lines = samples.map(([labels, value]) => {
    const text = Object.entries(labels)
      .map(([key, label]) => `${key}="${label.replace(/[\\"\n]/g, '\\$&')}"`)
      .join(',')
    return `${name}${text ? `{${text}}` : ''} ${value}\n`
  })
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`
}

export const runningMetrics = ({ node }: Host, memories: readonly PodMemory[]): string => {
  const states = new Map<string, number>()
  for (const { view } of memories)
    for (const list of view.containers.values())
      for (const { state } of list) states.set(state, (states.get(state) ?? 0) + 1)
  const running = memories.filter(({ view }) => view.sandbox?.state === 'ready').length
  return (
    family('kubelet_node_name', [[{ node }, 1]]) +
    family(
      'kubelet_running_containers',
      [...states].sort().map(([state, count]): Sample => [{ container_state: state }, count]),
    ) +
    family('kubelet_running_pods', [[{}, running]])
  )
}

const SECOND_NANOSECONDS = 1e9

export const resourceMetrics = async (
  host: Host,
  memories: readonly PodMemory[],
): Promise<string> => {
  let usage: ContainerUsage[]
  try {
    usage = await usageOf(host, memories)
  } catch {
    return family('resource_scrape_error', [[{}, 1]])
  }
  const perContainer = (value: (one: ContainerUsage) => number): Sample[] =>
    usage.map((one) => [
      { container: one.container, namespace: one.namespace, pod: one.pod },
      value(one),
    ])
  const pods = new Map<string, ContainerUsage[]>()
  for (const one of usage) pods.set(one.uid, [...(pods.get(one.uid) ?? []), one])
  const total = (of: readonly ContainerUsage[], value: (one: ContainerUsage) => number) =>
    of.reduce((sum, one) => sum + value(one), 0)
  const perPod = (value: (one: ContainerUsage) => number): Sample[] =>
    [...pods.values()].map((own) => [
      { namespace: own[0]!.namespace, pod: own[0]!.pod },
      total(own, value),
    ])
  const cpu = (one: ContainerUsage) => one.cpuNanoSeconds / SECOND_NANOSECONDS
  const memory = (one: ContainerUsage) => one.memoryBytes
  return [
    family('container_cpu_usage_seconds_total', perContainer(cpu)),
    family('container_memory_working_set_bytes', perContainer(memory)),
    family(
      'container_start_time_seconds',
      perContainer((one) => one.startedAtMs / 1000),
    ),
    family('node_cpu_usage_seconds_total', [[{}, total(usage, cpu)]]),
    family('node_memory_working_set_bytes', [[{}, total(usage, memory)]]),
    family('pod_cpu_usage_seconds_total', perPod(cpu)),
    family('pod_memory_working_set_bytes', perPod(memory)),
    family('resource_scrape_error', [[{}, 0]]),
  ].join('')
}
