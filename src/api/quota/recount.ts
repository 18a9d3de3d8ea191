/**
 * What the objects of a namespace use of a quota altogether.
 *
 * After Kubernetes' `CalculateUsage` (`apiserver/pkg/quota/v1/resources.go`). Pure.
 */
import type { ResourceQuota } from '../core/resource-quota.ts'
import type { AnyKind } from '../kind.ts'
import type { Quantity } from '../quantity.ts'
import { type Amounts, addAmount, amountOf } from './amounts.ts'
import { isInScopes } from './charge.ts'
import type { UsageContext } from './evaluator.ts'
import { evaluatorOf } from './evaluators.ts'

export interface Recount {
  /** Of the resources in `spec.hard` that can be counted. */
  used: Amounts
  /** When usage changes by itself, in milliseconds since the epoch. */
  changesAt: number | undefined
}

/** `kinds`: stored kinds, of which those that the quota bounds are counted. */
export const recount = (
  quota: ResourceQuota,
  kinds: Iterable<AnyKind>,
  context: UsageContext,
): Recount => {
  const names = Object.keys(quota.spec?.hard ?? {})
  const { namespace } = quota.metadata
  const used: Record<string, Quantity> = {}
  let changesAt = Number.POSITIVE_INFINITY
  for (const kind of kinds) {
    const evaluator = evaluatorOf(kind)
    const bounded = evaluator?.matching(names, context.objects) ?? []
    if (!evaluator || bounded.length === 0) continue
    for (const name of bounded) used[name] ??= amountOf(0)
    for (const object of context.objects.list(kind, { namespace: namespace! })) {
      if (!isInScopes(quota, object, evaluator)) continue
      const usage = evaluator.usage(object, context)
      for (const name of bounded) {
        const amount = usage[name]
        if (amount) used[name] = addAmount(used[name], amount)
      }
      const at = evaluator.changesAt?.(object)
      if (at !== undefined && at >= context.now) changesAt = Math.min(changesAt, at)
    }
  }
  return { used, changesAt: Number.isFinite(changesAt) ? changesAt : undefined }
}
