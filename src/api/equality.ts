/**
 * Structural equality and copies of JSON-shaped values.
 *
 * Invariant: a field that is undefined counts as absent, so objects built in code equal stored ones.
 * Dates, maps, classes and cycles are not JSON and not supported.
 */
export const deepEqual = (one: unknown, other: unknown): boolean => {
  if (one === other) return true
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null)
    return false
  if (Array.isArray(one)) {
    if (!Array.isArray(other) || one.length !== other.length) return false
    for (let index = 0; index < one.length; index++)
      if (!deepEqual(one[index], other[index])) return false
    return true
  }
  return !Array.isArray(other) && equalRecords(one, other)
}

/** A copy that shares nothing with `value`; several times faster than structuredClone. */
export const deepCopy = <T>(value: T): T => copy(value) as T

const equalRecords = (one: object, other: object): boolean => {
  const left = one as Record<string, unknown>
  const right = other as Record<string, unknown>
  let count = 0
  for (const key in left) {
    if (left[key] === undefined) continue
    if (!deepEqual(left[key], right[key])) return false
    count++
  }
  for (const key in right) if (right[key] !== undefined) count--
  return count === 0
}

const copy = (value: unknown): unknown => {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) {
    const items = new Array(value.length)
    for (let index = 0; index < value.length; index++) items[index] = copy(value[index])
    return items
  }
  const record = value as Record<string, unknown>
  const copied: Record<string, unknown> = {}
  for (const key in record) {
    if (key === '__proto__')
      Object.defineProperty(copied, key, {
        value: copy(record[key]),
        writable: true,
        enumerable: true,
        configurable: true,
      })
    else copied[key] = copy(record[key])
  }
  return copied
}
