/**
 * Events about what a decision changed: back-offs and a missed deadline.
 *
 * Invariant: each is told once when it begins, not with every look at the pod. Events that belong to a step
 * are told where the step is carried out.
 */
import type { EventRecorder } from '../../client/event-recorder.ts'
import type { Decision } from './pod.machine.ts'
import type { PodMemory } from './pod-memory.ts'
import { type ContainerStatus, fieldPathOf, type PodStatus, podLabel } from './pod-view.ts'
import { resizeMessage } from './resize.ts'

export const announce = (recorder: EventRecorder, { memory, before, steps }: Decision): void => {
  const { pod, status, verdict } = memory
  if (verdict?.reason === 'DeadlineExceeded' && steps.length > 0 && !before?.reason)
    recorder.event(pod, 'Normal', 'DeadlineExceeded', verdict.message)
  announceResize(recorder, memory, before)
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

const announceResize = (
  recorder: EventRecorder,
  { pod, status, resizing, pendingResize }: PodMemory,
  before: PodStatus | undefined,
): void => {
  const was = (type: string) => before?.conditions?.find((condition) => condition.type === type)
  const pending = was('PodResizePending')
  if (pendingResize && pending?.observedGeneration !== pendingResize.generation) {
    const { generation, message, wanted } = pendingResize
    const text = resizeMessage('Deferred', wanted, generation, message)
    recorder.event(pod, 'Warning', 'ResizeDeferred', text)
  }
  const running = was('PodResizeInProgress')
  if (resizing?.error && running?.message !== resizing.error) {
    const text = resizeMessage('error', pod, resizing.generation, resizing.error)
    recorder.event(pod, 'Warning', 'ResizeError', text)
  }
  if (running && status && !resizing) {
    const text = resizeMessage('completed', pod, running.observedGeneration)
    recorder.event(pod, 'Normal', 'ResizeCompleted', text)
  }
}

const statusesOf = (status: PodStatus | undefined): readonly ContainerStatus[] => [
  ...(status?.initContainerStatuses ?? []),
  ...(status?.containerStatuses ?? []),
]
