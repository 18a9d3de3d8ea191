/**
 * Lists of completion indexes as a Job's status and success policy write them: `0,2-5,7`.
 *
 * Rules and wording follow Kubernetes 1.36 (`pkg/apis/batch/validation`). Invariant: a list that was read is in
 * increasing order, and every index is below the number of completions.
 */

/** First and last index, both inclusive. */
export type IndexInterval = readonly [first: number, last: number]

/** The text is no list of indexes; the message is Kubernetes'. */
export class IndexError extends Error {}

/** Throws IndexError. An empty text is an empty list. */
export const parseIndexes = (text: string, completions: number): IndexInterval[] => {
  const intervals: IndexInterval[] = []
  if (text === '') return intervals
  for (const part of text.split(',')) {
    const interval = parseInterval(part, completions)
    const previous = intervals.at(-1)?.[1]
    if (previous !== undefined && previous >= interval[0]) throw disordered(previous, interval[0])
    intervals.push(interval)
  }
  return intervals
}

export const countIndexes = (intervals: readonly IndexInterval[]): number =>
  intervals.reduce((sum, [first, last]) => sum + last - first + 1, 0)

/** The first index that both lists hold; parts that cannot be read are passed over. */
export const sharedIndex = (
  one: string,
  other: string,
  completions: number,
): number | undefined => {
  const left = readableIntervals(one, completions)
  const right = readableIntervals(other, completions)
  let position = 0
  for (const [first, last] of left) {
    for (; position < right.length; position++) {
      const [start, end] = right[position]!
      if (first <= end && start <= last) return Math.max(first, start)
      if (first <= start) break
    }
  }
  return undefined
}

const readableIntervals = (text: string, completions: number): IndexInterval[] =>
  text.split(',').flatMap((part) => {
    try {
      return [parseInterval(part, completions)]
    } catch {
      return []
    }
  })

const parseInterval = (text: string, completions: number): IndexInterval => {
  const limits = text.split('-')
  if (limits.length > 2) {
    const rule =
      "violates the requirement that an index interval can have at most two parts separated by '-'"
    throw new IndexError(`the fragment ${JSON.stringify(text)} ${rule}`)
  }
  const first = parseIndex(limits[0]!, completions)
  if (limits.length === 1) return [first, first]
  const last = parseIndex(limits[1]!, completions)
  if (first >= last) throw disordered(first, last)
  return [first, last]
}

const parseIndex = (text: string, completions: number): number => {
  const shown = JSON.stringify(text)
  if (!/^[+-]?\d+$/.test(text)) {
    throw new IndexError(`cannot convert string to integer for index: ${shown}`)
  }
  const index = Number(text)
  if (index >= completions) throw new IndexError(`too large index: ${shown}`)
  return index
}

const disordered = (previous: number, current: number): IndexError =>
  new IndexError(`non-increasing order, previous: ${previous}, current: ${current}`)
