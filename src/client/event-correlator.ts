/**
 * Decides under which key an Event is kept, and whether its object may report at all.
 *
 * The rules and limits are those of client-go's `tools/record` correlator: more than ten reports within ten
 * minutes that differ only in their message become one, and one object has a budget of reports. Invariant:
 * what is remembered is bounded; the least recently used is forgotten.
 */
const REMEMBERED_MAX = 4096
const SIMILAR_MAX = 10
const SIMILAR_WINDOW_MS = 600_000
const BURST_PER_OBJECT = 25
const REFILL_MS = 300_000

export interface Correlated {
  key: string
  message: string
}

export interface EventCorrelator {
  /** Undefined when the object has used up its budget. `about` is the object, `group` all but the message. */
  correlate(about: string, group: string, message: string, nowMs: number): Correlated | undefined
}

export const createEventCorrelator = (): EventCorrelator => {
  const similar = boundedMap<{ messages: Set<string>; lastMs: number }>()
  const buckets = boundedMap<{ tokens: number; atMs: number }>()

  const mayReport = (about: string, nowMs: number): boolean => {
    const bucket = buckets.get(about) ?? { tokens: BURST_PER_OBJECT, atMs: nowMs }
    const tokens = Math.min(BURST_PER_OBJECT, bucket.tokens + (nowMs - bucket.atMs) / REFILL_MS)
    buckets.set(about, { tokens: tokens >= 1 ? tokens - 1 : tokens, atMs: nowMs })
    return tokens >= 1
  }

  return {
    correlate: (about, group, message, nowMs) => {
      const seen = similar.get(group)
      const isRecent = seen && nowMs - seen.lastMs <= SIMILAR_WINDOW_MS
      const messages = isRecent ? seen.messages : new Set<string>()
      if (messages.size < SIMILAR_MAX) messages.add(message)
      similar.set(group, { messages, lastMs: nowMs })
      if (!mayReport(about, nowMs)) return undefined
      return messages.size < SIMILAR_MAX
        ? { key: `${group}\n${message}`, message }
        : { key: group, message: `(combined from similar events): ${message}` }
    },
  }
}

/** A Map that forgets the least recently used entry beyond REMEMBERED_MAX. */
export const boundedMap = <Value>() => {
  const map = new Map<string, Value>()
  const set = (key: string, value: Value) => {
    map.delete(key)
    map.set(key, value)
    if (map.size > REMEMBERED_MAX) map.delete(map.keys().next().value!)
  }
  return {
    set,
    get: (key: string): Value | undefined => {
      const value = map.get(key)
      if (value !== undefined) set(key, value)
      return value
    },
  }
}
