/**
 * Counts what the objects of a namespace use of its quotas (Kubernetes' `pkg/controller/resourcequota`).
 *
 * What is added is charged with the write that adds it; this controller counts what is there when a quota is new or
 * changes, and again when something has gone or shrunk. Invariant: it writes a count only over the very revision of
 * the quota that it saw, and every object that was charged up to there it has seen, too; so it never counts too
 * little. Objects that slipped in while a quota took effect are counted as soon as they are seen.
 */
import { CustomResourceDefinition } from '../../api/apiextensions/custom-resource-definition.ts'
import { ResourceQuota } from '../../api/core/resource-quota.ts'
import { deepEqual } from '../../api/equality.ts'
import { objectKey } from '../../api/meta.ts'
import {
  type Amounts,
  listOfAmounts,
  masked,
  parseAmounts,
  sameAmounts,
} from '../../api/quota/amounts.ts'
import { isInScopes } from '../../api/quota/charge.ts'
import type { Evaluator } from '../../api/quota/evaluator.ts'
import { evaluatorOf } from '../../api/quota/evaluators.ts'
import { recount } from '../../api/quota/recount.ts'
import type { Cache, Change } from '../../client/view.ts'
import { type Controller, defineController } from './controller.ts'
import { NOTHING } from './plan.ts'

/** Every quota is counted again after this time, as by Kubernetes. */
const RESYNC_MS = 5 * 60_000
/** Bursts of changes in a namespace become one count. */
const INTERVAL_MS = 100
/** Under many creates a count is overtaken now and then: it is made again soon. */
const RETRY_MAX_MS = 1000
/** How long after a quota took effect other replicas may not have known of it, in revisions. */
const SETTLING_REVISIONS = 10_000

export const resourceQuota = (): Controller => {
  /** When the bounds of a quota last took effect. */
  const effective = new Map<string, number>()
  return defineController<ResourceQuota>({
    name: 'resource-quota',
    component: 'resourcequota-controller',
    for: ResourceQuota,
    intervalMs: INTERVAL_MS,
    retryMaxMs: RETRY_MAX_MS,
    concerns: ({ type, object, previous }) => {
      if (type === 'DELETED') effective.delete(objectKey(object))
      return type !== 'MODIFIED' || needsCount(object as ResourceQuota, previous as ResourceQuota)
    },
    watches: [{ kind: CustomResourceDefinition, keys: quotasOfDefinition }],
    watchesEvery: {
      isWatched: (kind) => evaluatorOf(kind) !== undefined,
      keys: (change, cache) => quotasOfChange(change, cache, effective),
    },
    source: ({ cache, clock, add }) => {
      let cancel = (): void => undefined
      const wait = () => {
        cancel = clock.after(RESYNC_MS, () => {
          for (const quota of cache.list(ResourceQuota)) add(objectKey(quota))
          wait()
        })
      }
      wait()
      return () => cancel()
    },
    reconcile: (quota, key, view, now) => {
      if (!quota) return NOTHING
      const { spec, status } = quota
      const hard = parseAmounts(spec?.hard)
      const { used: counted, changesAt } = recount(quota, view.kinds.stored, {
        objects: view,
        now,
      })
      // What nobody can count keeps what was written there.
      const before = parseAmounts(status?.used)
      const used = { ...masked(before, hard), ...counted }
      const requeue = changesAt === undefined ? {} : { requeueAfterMs: changesAt - now + 1000 }
      if (!status?.hard || !sameAmounts(parseAmounts(status.hard), hard))
        effective.set(key, view.revision(ResourceQuota))
      else if (status.used && sameAmounts(before, used)) return { commands: [], ...requeue }
      const object = {
        ...quota,
        status: { hard: listOfAmounts(hard), used: listOfAmounts(used) },
      } as ResourceQuota
      return { commands: [{ verb: 'updateStatus', kind: ResourceQuota, object }], ...requeue }
    },
  })
}

/** Changes of the count alone are those of charged writes, and this controller's own. */
const needsCount = (
  { spec, status }: ResourceQuota,
  previous: ResourceQuota | undefined,
): boolean =>
  !deepEqual(spec, previous?.spec) ||
  !sameAmounts(parseAmounts(spec?.hard), parseAmounts(status?.hard))

/** A new kind can be counted from now on. */
const quotasOfDefinition = ({ object }: Change, cache: Cache): string[] => {
  const name = `count/${object.metadata.name}`
  return cache
    .list(ResourceQuota)
    .filter(({ spec }) => spec?.hard?.[name] !== undefined)
    .map(objectKey)
}

/** The quotas of which the change may have given something back, or taken something that was not charged. */
const quotasOfChange = (
  change: Change,
  cache: Cache,
  effective: ReadonlyMap<string, number>,
): string[] => {
  const { namespace } = change.object.metadata
  if (!namespace) return []
  const quotas = cache.list(ResourceQuota, { namespace })
  if (quotas.length === 0) return []
  const evaluator = evaluatorOf(change.kind)
  if (!evaluator) return []
  const keys: string[] = []
  for (const quota of quotas) {
    const names = Object.keys(quota.spec?.hard ?? {})
    if (evaluator.matching(names, cache).length === 0) continue
    const key = objectKey(quota)
    const since = effective.get(key) ?? Number.NEGATIVE_INFINITY
    const matters =
      change.type === 'ADDED'
        ? change.revision - since < SETTLING_REVISIONS
        : change.type === 'DELETED' || changesUsage(change, quota, evaluator, cache)
    if (matters) keys.push(key)
  }
  return keys
}

/** Times do not matter here: they are looked after when the quota is counted. */
const changesUsage = (
  { object, previous }: Change,
  quota: ResourceQuota,
  evaluator: Evaluator,
  objects: Cache,
): boolean => {
  if (!previous) return true
  const usage = (of: Change['object']): Amounts => evaluator.usage(of, { objects, now: 0 })
  return (
    isInScopes(quota, object, evaluator) !== isInScopes(quota, previous, evaluator) ||
    evaluator.changesAt?.(object) !== evaluator.changesAt?.(previous) ||
    !sameAmounts(usage(object), usage(previous))
  )
}
