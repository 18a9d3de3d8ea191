/**
 * What changed where nothing may: the lines that messages about immutable specs end with.
 *
 * Kubernetes prints a difference of its own types; this one is of JSON and means the same to a reader.
 */
const CONTEXT_LINES = 3

/** A unified diff, in one hunk, of two objects as indented JSON. */
export const specDifference = (before: unknown, after: unknown): string => {
  const old = JSON.stringify(before, null, 1).split('\n')
  const fresh = JSON.stringify(after, null, 1).split('\n')
  const most = Math.min(old.length, fresh.length)
  let same = 0
  while (same < most && old[same] === fresh[same]) same++
  let tail = 0
  while (tail < most - same && old.at(-1 - tail) === fresh.at(-1 - tail)) tail++
  const start = Math.max(0, same - CONTEXT_LINES)
  const end = Math.max(0, tail - CONTEXT_LINES)
  return [
    `@@ -${start + 1},${old.length - end - start} +${start + 1},${fresh.length - end - start} @@`,
    ...old.slice(start, same).map((line) => ` ${line}`),
    ...old.slice(same, old.length - tail).map((line) => `-${line}`),
    ...fresh.slice(same, fresh.length - tail).map((line) => `+${line}`),
    ...old.slice(old.length - tail, old.length - end).map((line) => ` ${line}`),
    '',
  ].join('\n')
}
