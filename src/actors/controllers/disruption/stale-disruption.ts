/**
 * Takes back the DisruptionTarget condition of pods that were to be disrupted and after two minutes still are not
 * being deleted (the second half of Kubernetes' `pkg/controller/disruption`).
 *
 * It leaves alone what the kubelet said, and pods that have ended.
 */
import { Pod } from '../../../api/core/pod.ts'
import { timestamp } from '../../../std/clock.ts'
import { defineController } from '../controller.ts'
import { NOTHING } from '../plan.ts'
import { isFinished } from '../pods.ts'

const STALE_MS = 2 * 60_000
const CONDITION = 'DisruptionTarget'

export const staleDisruption = defineController<Pod>({
  name: 'stale-disruption',
  component: 'controllermanager',
  for: Pod,
  concerns: ({ type, object }) => type !== 'DELETED' && targetOf(object as Pod) !== undefined,
  reconcile: (pod, _key, _view, now) => {
    const condition = pod && targetOf(pod)
    if (!pod || !condition) return NOTHING
    const leftMs = Date.parse(condition.lastTransitionTime ?? timestamp(now)) + STALE_MS - now
    if (leftMs > 0) return { commands: [], requeueAfterMs: leftMs }
    const { observedGeneration } = condition
    const withdrawn = {
      type: CONDITION,
      status: 'False',
      lastTransitionTime: timestamp(now),
      reason: null,
      message: null,
      ...(observedGeneration === undefined ? {} : { observedGeneration: pod.metadata.generation }),
    }
    const patch = { metadata: { uid: pod.metadata.uid }, status: { conditions: [withdrawn] } }
    return {
      commands: [
        { verb: 'patch', kind: Pod, object: pod, type: 'strategic', subresource: 'status', patch },
      ],
    }
  },
})

/** The condition that goes stale. */
const targetOf = (pod: Pod) => {
  if (pod.metadata.deletionTimestamp !== undefined || isFinished(pod)) return undefined
  const condition = pod.status?.conditions?.find(({ type }) => type === CONDITION)
  return condition?.status === 'True' && condition.reason !== 'TerminationByKubelet'
    ? condition
    : undefined
}
