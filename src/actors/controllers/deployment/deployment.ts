/**
 * Rolls each Deployment's ReplicaSets towards its template and size (Kubernetes' `pkg/controller/deployment`).
 *
 * `revisions.ts` tells new from old ReplicaSets, `scaling.ts` computes sizes, `status.ts` the status.
 * Invariant: one look takes one step (a scale-up, a scale-down or a clean-up) and then writes the status
 * that the view amounts to; the ReplicaSets' own changes bring the next look. It never touches pods.
 */
import { Deployment } from '../../../api/apps/deployment.ts'
import { ReplicaSet } from '../../../api/apps/replica-set.ts'
import { Pod } from '../../../api/core/pod.ts'
import { deepEqual } from '../../../api/equality.ts'
import { controllerOf, objectKey } from '../../../api/meta.ts'
import { labelSelectorOf, matchesLabels } from '../../../api/selector.ts'
import type { Change, View } from '../../../client/view.ts'
import { defineController } from '../controller.ts'
import { claim } from '../ownership.ts'
import { type Command, NOTHING, type Plan } from '../plan.ts'
import { isFinished } from '../pods.ts'
import {
  annotateNewest,
  cleanUp,
  collisionCommand,
  createNewest,
  findReplicaSets,
  isTaken,
  setRevision,
} from './revisions.ts'
import { isScalingEvent, recreateStep, rollingStep, scaleProportionally } from './scaling.ts'
import type { ReplicaSets } from './sizes.ts'
import {
  type DeploymentStatus,
  foundNewest,
  isComplete,
  pausedConditions,
  plainStatus,
  progressCheckMs,
  rolloutStatus,
} from './status.ts'

export const deployment = defineController<Deployment>({
  name: 'deployment',
  component: 'deployment-controller',
  for: Deployment,
  owns: [ReplicaSet],
  watches: [
    { kind: ReplicaSet, keys: (change, cache) => orphanKeys(change, cache) },
    { kind: Pod, keys: (change, cache) => recreateKeys(change, cache) },
  ],
  intervalMs: 25,
  reconcile: (found, _key, view, now) => {
    if (!found) return NOTHING
    const selector = labelSelectorOf(found.spec?.selector)
    if (selector.length === 0) return selectingAll(found)
    const claimed = claim(
      found,
      selector,
      ReplicaSet,
      view.list(ReplicaSet, { owner: found.metadata.uid }),
      view.list(ReplicaSet, { namespace: found.metadata.namespace!, labels: selector }),
    )
    if (claimed.commands.length > 0) return { commands: claimed.commands }
    const sets = findReplicaSets(found, claimed.owned)
    if (found.metadata.deletionTimestamp)
      return { commands: statusCommands(found, plainStatus(found, sets, now)) }
    const wanted = pausedConditions(found, now)
    if (found.spec?.paused || isScalingEvent(wanted, sets)) return resize(found, wanted, sets, now)
    return found.spec?.strategy?.type === 'Recreate'
      ? recreate(found, wanted, sets, view, now)
      : roll(found, wanted, sets, view, now)
  },
})

/** `stored` is what the cache holds; `wanted` is the same with the conditions decided so far. */
const resize = (stored: Deployment, wanted: Deployment, sets: ReplicaSets, now: number): Plan => {
  const annotated = sets.newest && annotateNewest(wanted, sets.newest, sets.old)
  if (annotated) return { commands: [annotated] }
  const revised = setRevision(wanted, sets.newest)
  if (revised) return { commands: [revised] }
  const found = foundNewest(wanted, sets.newest, now)
  const scaled = scaleProportionally(found, sets)
  const cleaned = found.spec?.paused ? cleanUp(found, sets.old) : []
  return {
    commands: [...scaled, ...cleaned, ...statusCommands(stored, plainStatus(found, sets, now))],
  }
}

const roll = (
  stored: Deployment,
  wanted: Deployment,
  sets: ReplicaSets,
  view: View,
  now: number,
): Plan => {
  const { newest } = sets
  if (!newest) return create(stored, wanted, sets, view, now)
  const annotated = annotateNewest(wanted, newest, sets.old) ?? setRevision(wanted, newest)
  if (annotated) return { commands: [annotated] }
  const found = foundNewest(wanted, newest, now)
  return finish(stored, found, sets, rollingStep(found, newest, sets.old), now)
}

const recreate = (
  stored: Deployment,
  wanted: Deployment,
  sets: ReplicaSets,
  view: View,
  now: number,
): Plan => {
  const { newest, old } = sets
  const annotated = newest && (annotateNewest(wanted, newest, old) ?? setRevision(wanted, newest))
  if (annotated) return { commands: [annotated] }
  const found = foundNewest(wanted, newest, now)
  const emptied = recreateStep(found, old)
  if (emptied.length > 0 || old.some((set) => stillRuns(set, view)))
    return finish(stored, found, sets, emptied, now)
  if (!newest) return create(stored, wanted, sets, view, now)
  return finish(stored, found, sets, rollingStep(found, newest, []), now)
}

const stillRuns = (set: ReplicaSet, view: View): boolean =>
  (set.status?.replicas ?? 0) > 0 ||
  view.list(Pod, { owner: set.metadata.uid }).some((pod) => !isFinished(pod))

const create = (
  stored: Deployment,
  wanted: Deployment,
  sets: ReplicaSets,
  view: View,
  now: number,
): Plan => {
  if (isTaken(wanted, view)) return { commands: [collisionCommand(stored)] }
  return { commands: createNewest(stored, wanted, sets.old, now) }
}

const finish = (
  stored: Deployment,
  wanted: Deployment,
  sets: ReplicaSets,
  step: Command[],
  now: number,
): Plan => {
  const status = rolloutStatus(wanted, sets, now)
  const cleaned = step.length === 0 && isComplete(wanted, status) ? cleanUp(wanted, sets.old) : []
  const written = statusCommands(stored, status)
  const checkMs = written.length === 0 ? progressCheckMs(wanted, status, now) : undefined
  return {
    commands: [...step, ...cleaned, ...written],
    ...(checkMs === undefined ? {} : { requeueAfterMs: checkMs }),
  }
}

const statusCommands = (stored: Deployment, status: DeploymentStatus): Command[] =>
  deepEqual(stored.status, status)
    ? []
    : [{ verb: 'updateStatus', kind: Deployment, object: { ...stored, status } as Deployment }]

const selectingAll = (found: Deployment): Plan => {
  const { generation } = found.metadata
  if (found.status?.observedGeneration === generation) return NOTHING
  return {
    commands: statusCommands(found, { ...found.status, observedGeneration: generation! }),
    reports: [
      {
        object: found,
        type: 'Warning',
        reason: 'SelectingAll',
        message: 'This deployment is selecting all pods. A non-empty selector is required.',
      },
    ],
  }
}

/** The Deployments that may adopt a ReplicaSet without controller. */
const orphanKeys = ({ type, object }: Change, cache: View): string[] => {
  if (type === 'DELETED' || controllerOf(object) || !object.metadata.labels) return []
  return cache
    .list(Deployment, { namespace: object.metadata.namespace! })
    .filter((found) => matchesLabels(labelSelectorOf(found.spec?.selector), object.metadata.labels))
    .map(objectKey)
}

/** A Deployment that recreates waits for the last old pod to end. */
const recreateKeys = ({ type, object }: Change, cache: View): string[] => {
  const pod = object as Pod
  if (type !== 'DELETED' && !isFinished(pod)) return []
  const owner = controllerOf(pod)
  if (owner?.kind !== 'ReplicaSet') return []
  const set = cache.get(ReplicaSet, pod.metadata.namespace, owner.name)
  const grandOwner = set && controllerOf(set)
  if (grandOwner?.kind !== 'Deployment') return []
  const found = cache.get(Deployment, pod.metadata.namespace, grandOwner.name)
  return found?.spec?.strategy?.type === 'Recreate' ? [objectKey(found)] : []
}
