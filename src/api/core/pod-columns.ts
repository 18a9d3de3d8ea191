/**
 * What `kubectl get pods` shows: the words and counts that sum up a pod's containers.
 *
 * The rules are those of Kubernetes' `printPod`: the state of init containers first, then of containers from
 * the last to the first, then deletion. `pod-columns` reads status only; it judges nothing.
 */
import type { V1ContainerState, V1ContainerStatus } from '@kubernetes/client-node'
import type { Column } from '../kind.ts'
import type { Wire } from '../meta.ts'
import { ageColumn, column, nameColumn, since, wideColumn } from './columns.ts'
import type { Pod } from './pod.ts'

type ContainerStatus = Wire<V1ContainerStatus>
type Terminated = NonNullable<Wire<V1ContainerState>['terminated']>

export interface PodSummary {
  ready: number
  total: number
  /** `Running`, `Init:0/1`, `CrashLoopBackOff`, `Terminating` … */
  status: string
  restarts: number
  /** When the last container that restarted had ended; RFC 3339. */
  lastRestart?: string
}

export const summarizePod = (pod: Pod): PodSummary => {
  const summary: PodSummary = {
    ready: 0,
    total: (pod.spec?.containers?.length ?? 0) + sidecarsOf(pod).size,
    status: pod.status?.reason || pod.status?.phase || '',
    restarts: 0,
  }
  const gated = pod.status?.conditions?.some(
    ({ type, reason }) => type === 'PodScheduled' && reason === 'SchedulingGated',
  )
  if (gated) summary.status = 'SchedulingGated'
  const sidecars: PodSummary = { ...summary, restarts: 0 }
  const initializing = summarizeInit(pod, summary, sidecars)
  if (!initializing || hasCondition(pod, 'Initialized')) {
    summary.restarts = sidecars.restarts
    if (sidecars.lastRestart) summary.lastRestart = sidecars.lastRestart
    else delete summary.lastRestart
    summarizeContainers(pod, summary)
  }
  if (!pod.metadata.deletionTimestamp) return summary
  const phase = pod.status?.phase
  if (pod.status?.reason === 'NodeLost') summary.status = 'Unknown'
  else if (phase !== 'Failed' && phase !== 'Succeeded') summary.status = 'Terminating'
  return summary
}

const sidecarsOf = (pod: Pod): Set<string> =>
  new Set(
    (pod.spec?.initContainers ?? [])
      .filter(({ restartPolicy }) => restartPolicy === 'Always')
      .map(({ name }) => name),
  )

const hasCondition = (pod: Pod, type: string): boolean =>
  pod.status?.conditions?.find((condition) => condition.type === type)?.status === 'True'

/** Returns whether an init container still holds the pod back. */
const summarizeInit = (pod: Pod, summary: PodSummary, sidecars: PodSummary): boolean => {
  const names = sidecarsOf(pod)
  const total = pod.spec?.initContainers?.length ?? 0
  for (const [index, status] of (pod.status?.initContainerStatuses ?? []).entries()) {
    const isSidecar = names.has(status.name)
    countRestarts(summary, status)
    if (isSidecar) countRestarts(sidecars, status)
    const { terminated, waiting } = status.state ?? {}
    if (terminated?.exitCode === 0) continue
    if (isSidecar && status.started) {
      if (status.ready) summary.ready++
      continue
    }
    if (terminated) summary.status = `Init:${wordOf(terminated)}`
    else if (waiting?.reason && waiting.reason !== 'PodInitializing') {
      summary.status = `Init:${waiting.reason}`
    } else summary.status = `Init:${index}/${total}`
    return true
  }
  return false
}

const summarizeContainers = (pod: Pod, summary: PodSummary): void => {
  let running = false
  let failure = ''
  const statuses = pod.status?.containerStatuses ?? []
  for (let index = statuses.length - 1; index >= 0; index--) {
    const status = statuses[index]!
    countRestarts(summary, status)
    const { waiting, terminated } = status.state ?? {}
    if (waiting?.reason) summary.status = waiting.reason
    else if (terminated) {
      summary.status = wordOf(terminated)
      if (terminated.exitCode !== 0) failure = summary.status
    } else if (status.ready && status.state?.running) {
      running = true
      summary.ready++
    }
  }
  // One container that ended well does not make the pod complete.
  if (summary.status !== 'Completed') return
  if (running && hasCondition(pod, 'Ready')) summary.status = 'Running'
  else if (failure) summary.status = failure
  else if (running) summary.status = 'NotReady'
}

const wordOf = ({ reason, signal, exitCode }: Terminated): string => {
  if (reason) return reason
  return signal ? `Signal:${signal}` : `ExitCode:${exitCode}`
}

const countRestarts = (summary: PodSummary, status: ContainerStatus): void => {
  summary.restarts += status.restartCount ?? 0
  const ended = status.lastState?.terminated?.finishedAt
  if (ended && Date.parse(ended) > Date.parse(summary.lastRestart ?? '1970-01-01T00:00:00Z')) {
    summary.lastRestart = ended
  }
}

const restartsCell = (pod: Pod, now: number): string => {
  const { restarts, lastRestart } = summarizePod(pod)
  return restarts > 0 && lastRestart
    ? `${restarts} (${since(lastRestart, now)} ago)`
    : `${restarts}`
}

const gatesCell = (pod: Pod): string => {
  const gates = pod.spec?.readinessGates ?? []
  if (gates.length === 0) return '<none>'
  const open = gates.filter(({ conditionType }) => hasCondition(pod, conditionType)).length
  return `${open}/${gates.length}`
}

export const podColumns: readonly Column<Pod>[] = [
  nameColumn,
  column('Ready', 'Containers that are ready, of all that should be.', (pod) => {
    const { ready, total } = summarizePod(pod)
    return `${ready}/${total}`
  }),
  column('Status', 'State of the containers in one word.', (pod) => summarizePod(pod).status),
  column('Restarts', 'How often containers restarted, and when the last one did.', restartsCell),
  ageColumn,
  wideColumn('IP', 'Address of the pod.', ({ status }) => status?.podIPs?.[0]?.ip || '<none>'),
  wideColumn('Node', 'Node the pod runs on.', ({ spec }) => spec?.nodeName || '<none>'),
  wideColumn(
    'Nominated Node',
    'Node on which room is being made for the pod.',
    ({ status }) => status?.nominatedNodeName || '<none>',
  ),
  wideColumn('Readiness Gates', 'Readiness gates that are open, of all.', gatesCell),
]
