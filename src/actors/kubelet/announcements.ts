/**
 * Events about what a decision changed: back-offs and a missed deadline.
 *
 * Invariant: each is told once when it begins, not with every look at the pod. Events that belong to a step
 * are told where the step is carried out.
 */
import type { EventRecorder } from '../../client/event-recorder.ts'
import type { Decision } from './pod.machine.ts'
import { type ContainerStatus, fieldPathOf, type PodStatus, podLabel } from './pod-view.ts'

export const announce = (recorder: EventRecorder, { memory, before, steps }: Decision): void => {
  const { pod, status, verdict } = memory
  if (verdict?.reason === 'DeadlineExceeded' && steps.length > 0 && !before?.reason)
    recorder.event(pod, 'Normal', 'DeadlineExceeded', verdict.message)
  for (const now of statusesOf(status)) {
    const reason = now.state?.waiting?.reason
    if (reason !== 'CrashLoopBackOff' && reason !== 'ImagePullBackOff') continue
    const was = statusesOf(before).find(({ name }) => name === now.name)
    if (was?.state?.waiting?.reason === reason) continue
    const path = fieldPathOf(pod, now.name)
    if (reason === 'CrashLoopBackOff')
      recorder.event(
        pod,
        'Warning',
        'BackOff',
        `Back-off restarting failed container ${now.name} in pod ${podLabel(pod)}`,
        path,
      )
    else {
      recorder.event(pod, 'Normal', 'BackOff', `Back-off pulling image "${now.image}"`, path)
      recorder.event(pod, 'Warning', 'Failed', 'Error: ImagePullBackOff', path)
    }
  }
}

const statusesOf = (status: PodStatus | undefined): readonly ContainerStatus[] => [
  ...(status?.initContainerStatuses ?? []),
  ...(status?.containerStatuses ?? []),
]
