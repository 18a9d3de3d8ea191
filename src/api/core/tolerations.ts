/**
 * Lists of tolerations: which one covers another, merging, and keeping to a list of what is allowed.
 *
 * After Kubernetes 1.36 (`pkg/util/tolerations`, `pkg/apis/core/helper`). Pure; nothing given is changed.
 */
import { deepEqual } from '../equality.ts'
import type { Pod } from './pod.ts'

export type Toleration = NonNullable<NonNullable<Pod['spec']>['tolerations']>[number]

/** Without those that another one covers; of equal ones the first stays. */
export const mergeTolerations = (
  first: readonly Toleration[],
  second: readonly Toleration[],
): Toleration[] => {
  const all = [...first, ...second]
  const merged: Toleration[] = []
  for (const [index, one] of all.entries()) {
    const isCovered =
      merged.some((kept) => covers(kept, one)) ||
      all.slice(index + 1).some((later) => !deepEqual(later, one) && covers(later, one))
    if (!isCovered) merged.push(one)
  }
  return merged
}

/** Whether each is covered by one of `allowed`; an empty list allows all. */
export const areAllowed = (
  tolerations: readonly Toleration[],
  allowed: readonly Toleration[],
): boolean =>
  allowed.length === 0 || tolerations.every((one) => allowed.some((wide) => covers(wide, one)))

/** With `added` in the place of those of the same key, operator, value and effect, or behind all. */
export const withToleration = (
  tolerations: readonly Toleration[],
  added: Toleration,
): Toleration[] => {
  if (!tolerations.some((one) => isSame(one, added))) return [...tolerations, added]
  return tolerations.map((one) => (isSame(one, added) ? added : one))
}

const isSame = (one: Toleration, other: Toleration): boolean =>
  (one.key ?? '') === (other.key ?? '') &&
  (one.effect ?? '') === (other.effect ?? '') &&
  (one.operator ?? '') === (other.operator ?? '') &&
  (one.value ?? '') === (other.value ?? '')

const covers = (wide: Toleration, narrow: Toleration): boolean => {
  if (deepEqual(wide, narrow)) return true
  const exists = wide.operator === 'Exists'
  if ((wide.key ?? '') !== (narrow.key ?? '') && (wide.key || !exists)) return false
  if (wide.effect && wide.effect !== narrow.effect) return false
  if (wide.effect === 'NoExecute' && wide.tolerationSeconds != null) {
    const { tolerationSeconds } = narrow
    if (tolerationSeconds == null || tolerationSeconds > wide.tolerationSeconds) return false
  }
  if (exists) return true
  if (wide.operator && wide.operator !== 'Equal') return false
  return narrow.operator === 'Equal' && (wide.value ?? '') === (narrow.value ?? '')
}
