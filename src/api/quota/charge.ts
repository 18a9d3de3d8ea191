/**
 * Whether a write fits into the quotas of its namespace, and what they have used after it.
 *
 * After Kubernetes' `CheckRequest` (`apiserver/pkg/admission/plugin/resourcequota/controller.go`): a quota counts
 * from the moment its status says what it bounds; an update is charged with what it adds. Pure: nothing is kept.
 */
import type { ResourceQuota } from '../core/resource-quota.ts'
import type { KubernetesObject } from '../meta.ts'
import { forbidden, type StatusError } from '../status-error.ts'
import {
  type Amounts,
  addAmounts,
  excess,
  isNothing,
  masked,
  NONE,
  parseAmounts,
  printAmounts,
  withoutZeros,
} from './amounts.ts'
import type { Evaluator, Objects, QuotaWrite, Requirement, UsageContext } from './evaluator.ts'

/** A quota and what is used of it at this point of a row of writes. */
export interface RunningQuota {
  quota: ResourceQuota
  hard: Amounts
  used: Amounts
}

export const runningQuota = (quota: ResourceQuota): RunningQuota => ({
  quota,
  hard: parseAmounts(quota.status?.hard),
  used: parseAmounts(quota.status?.used),
})

export interface Charge {
  quota: RunningQuota
  used: Amounts
}

/** What the quotas have used after the write; those that stay as they are are not named. Throws 403. */
export const chargesOf = (
  quotas: readonly RunningQuota[],
  write: QuotaWrite,
  evaluator: Evaluator,
  context: UsageContext,
): Charge[] => {
  const concerned = quotas.filter((running) => isConcerned(running, write, evaluator, context))
  if (concerned.length === 0) return []
  const usage = evaluator.usage(write.object, context)
  const negative = Object.keys(usage).filter((name) => usage[name]!.nanos < 0n)
  if (negative.length > 0)
    throw refused(write, `quota usage is negative for resource(s): ${negative.sort().join(',')}`)
  const { old } = write
  const before = write.operation === 'UPDATE' && old ? evaluator.usage(old, context) : NONE
  return concerned.flatMap((running) => {
    const wasIn =
      write.operation === 'UPDATE' && old && isIn(running, old, evaluator, context.objects)
    const added = withoutZeros(masked(wasIn ? excess(usage, before) : usage, running.hard))
    if (isNothing(added)) return []
    const used = addAmounts(running.used, added)
    if (write.subresource !== 'status') checkRoom(running, added, used, write)
    return [{ quota: running, used }]
  })
}

/** Whether the quota bounds something of the object. */
const isIn = (
  { quota, hard }: RunningQuota,
  object: KubernetesObject,
  evaluator: Evaluator,
  objects: Objects,
): boolean =>
  evaluator.matching(Object.keys(hard), objects).length > 0 && isInScopes(quota, object, evaluator)

/** Throws 403 where the object leaves out what it must state, or nobody knows yet what is used. */
const isConcerned = (
  running: RunningQuota,
  write: QuotaWrite,
  evaluator: Evaluator,
  { objects }: UsageContext,
): boolean => {
  const { quota, hard, used } = running
  const bounded = evaluator.matching(Object.keys(hard), objects).sort()
  if (bounded.length === 0 || !isInScopes(quota, write.object, evaluator)) return false
  const { name } = quota.metadata
  const fault = evaluator.fault?.(bounded, write.object)
  if (fault) throw refused(write, `failed quota: ${name}: ${fault}`)
  if (bounded.some((resource) => used[resource] === undefined))
    throw refused(write, `status unknown for quota: ${name}, resources: ${bounded.join(',')}`)
  return true
}

const checkRoom = (
  { quota, hard, used: before }: RunningQuota,
  added: Amounts,
  used: Amounts,
  write: QuotaWrite,
): void => {
  const exceeded = Object.fromEntries(
    Object.keys(added)
      .filter((name) => used[name]!.nanos > hard[name]!.nanos)
      .map((name) => [name, true]),
  )
  if (Object.keys(exceeded).length === 0) return
  const show = (amounts: Amounts) => printAmounts(masked(amounts, exceeded))
  throw refused(
    write,
    `exceeded quota: ${quota.metadata.name}, requested: ${show(added)}, used: ${show(before)}, limited: ${show(hard)}`,
  )
}

const refused = ({ kind, object }: QuotaWrite, why: string): StatusError =>
  forbidden(kind, object.metadata.name || object.metadata.generateName || 'Unknown', why)

/** The scopes of a quota, in the form of requirements. */
const scopesOf = ({ spec }: ResourceQuota): Requirement[] => [
  ...(spec?.scopes ?? []).map((scopeName): Requirement => ({ scopeName, operator: 'Exists' })),
  ...(spec?.scopeSelector?.matchExpressions ?? []),
]

/** Whether the object is in every scope of the quota. */
export const isInScopes = (
  quota: ResourceQuota,
  object: KubernetesObject,
  evaluator: Evaluator,
): boolean => {
  const { scopes, scopeSelector } = quota.spec ?? {}
  if (!scopes?.length && !scopeSelector?.matchExpressions?.length) return true
  return scopesOf(quota).every((scope) => evaluator.isInScope?.(scope, object) ?? false)
}
