/**
 * The order of a merged list, as Kubernetes' strategic merge patch decides it.
 *
 * It only arranges items; it never adds, drops or changes one.
 */

/** `items` in the order of `order`; items it does not name come first, as they were. */
export const sortByOrder = <T>(
  items: readonly T[],
  order: readonly T[],
  identity: (item: T) => unknown,
): T[] => {
  const places = placesOf(order, identity)
  const place = (item: T) => places.get(identity(item)) ?? -1
  return [...items].sort((one, other) => place(one) - place(other))
}

/**
 * Weaves `left` (items only the server has) into `right` (items the patch names): each keeps its own order,
 * and a left item goes before a right one only where both were in `before` in that order.
 */
export const mergeInOrder = <T>(
  left: readonly T[],
  right: readonly T[],
  before: readonly T[],
  identity: (item: T) => unknown,
): T[] => {
  const places = placesOf(before, identity)
  const merged: T[] = []
  let next = 0
  for (const item of right) {
    const rightPlace = places.get(identity(item))
    while (next < left.length && rightPlace !== undefined) {
      const leftPlace = places.get(identity(left[next] as T))
      if (leftPlace === undefined || leftPlace >= rightPlace) break
      merged.push(left[next] as T)
      next++
    }
    merged.push(item)
  }
  return [...merged, ...left.slice(next)]
}

/** Where each comes first. */
const placesOf = <T>(order: readonly T[], identity: (item: T) => unknown) => {
  const places = new Map<unknown, number>()
  for (const [index, item] of order.entries())
    if (!places.has(identity(item))) places.set(identity(item), index)
  return places
}
