/**
 * Timestamps of statuses, each second's text made once: most of a status is times of the last seconds.
 *
 * Invariant: the memory is bounded; the text is that of `timestamp`.
 */
import { timestamp } from '../../std/clock.ts'

const REMEMBERED_MAX = 1024
const texts = new Map<number, string>()

/** RFC 3339 in UTC, whole seconds. */
export const stamp = (ms: number): string => {
  const second = Math.floor(ms / 1000)
  const known = texts.get(second)
  if (known !== undefined) return known
  const text = timestamp(second * 1000)
  if (texts.size >= REMEMBERED_MAX) texts.clear()
  texts.set(second, text)
  return text
}
