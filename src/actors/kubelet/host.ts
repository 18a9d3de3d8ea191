/**
 * What a pod's worker may use of its node and process; handed around as one plain record.
 *
 * Invariant: everything shared by pods (timers, watches, recorder, status writer) is made once a process or
 * once a node, here only referred to. It has no behaviour of its own but reading containers.
 */
import type { Pod } from '../../api/core/pod.ts'
import type { Bus } from '../../bus/bus.ts'
import type { Client } from '../../client/client.ts'
import type { EventRecorder } from '../../client/event-recorder.ts'
import type { HostLogs, Runtime } from '../../node/runtime.ts'
import type { Volumes } from '../../node/volumes.ts'
import type { Clock } from '../../std/clock.ts'
import type { Log } from '../../std/log.ts'
import type { ConfigStore } from './config-source.ts'
import type { PodTokens } from './pod-tokens.ts'
import {
  allContainersOf,
  hasExited,
  type ObservedContainer,
  type PodContainer,
  type PodView,
} from './pod-view.ts'
import type { ProbeTarget } from './probe-attempt.ts'
import type { Prober } from './prober.ts'
import type { ServiceVariables } from './service-variables.ts'
import type { NodeFacts } from './status.ts'
import type { StatusWriter } from './status-writer.ts'
import type { TimerWheel } from './timer-wheel.ts'

export interface Host {
  node: string
  hostname: string
  /** Tells clusters on one engine apart. */
  cluster: string
  clusterDomain: string
  facts: NodeFacts
  allocatable: { readonly [resource: string]: string }
  nodeMemoryBytes: number
  runtime: Runtime
  volumes: Volumes
  /** Absent where the node is no machine of its own. */
  logs?: HostLogs
  bus: Bus
  client: Client
  clock: Clock
  log: Log
  wheel: TimerWheel
  recorder: EventRecorder
  prober: Prober
  configs: ConfigStore
  tokens: PodTokens
  services: ServiceVariables
  statuses: StatusWriter
}

/** What probes and hooks of a running container act upon. */
export const targetOf = (
  { runtime, facts, clock }: Host,
  view: PodView,
  container: PodContainer,
  { id, sandboxId }: ObservedContainer,
): ProbeTarget => ({
  runtime,
  containerId: id,
  sandboxId,
  podIP: view.sandbox?.ip ?? facts.hostIP,
  container,
  clock,
})

const FALLBACK_LINES = 80
const FALLBACK_BYTES_MAX = 2048

/** A container as it is now, with its termination message once it ended; undefined when it is gone. */
export const observe = async (
  host: Host,
  pod: Pod,
  id: string,
): Promise<ObservedContainer | undefined> => {
  const container = await host.runtime.inspect(id)
  if (!container || !hasExited(container)) return container
  const message = await terminationMessage(host, pod, container)
  return message ? { ...container, message } : container
}

const terminationMessage = async (
  host: Host,
  pod: Pod,
  { id, name, attempt, exitCode, startedAtMs }: ObservedContainer,
): Promise<string> => {
  try {
    const written = await host.volumes.readTerminationLog(pod.metadata.uid, name, attempt)
    if (written) return written
    const policy = allContainersOf(pod).find((container) => container.name === name)
    if (policy?.terminationMessagePolicy !== 'FallbackToLogsOnError') return ''
    if (exitCode === 0 || startedAtMs === undefined) return ''
    return await lastLogs(host.runtime, id)
  } catch (error) {
    host.log.debug({ error, name: pod.metadata.name }, 'termination message not read')
    return ''
  }
}

const lastLogs = async (runtime: Runtime, id: string): Promise<string> => {
  const abort = new AbortController()
  const chunks: Uint8Array[] = []
  const query = { follow: false, tailLines: FALLBACK_LINES, timestamps: false }
  for await (const { data } of runtime.logs(id, query, abort.signal)) chunks.push(data)
  return Buffer.concat(chunks).subarray(-FALLBACK_BYTES_MAX).toString('utf8')
}
