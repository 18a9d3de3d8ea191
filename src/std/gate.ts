/**
 * A gate that lets so many calls through at a time, in the order they came.
 *
 * Invariant: a call that fails frees its place. It sets no time limit.
 */
export type Gate = <T>(call: () => Promise<T>) => Promise<T>

export const createGate = (places: number): Gate => {
  let free = places
  const waiting: (() => void)[] = []
  return async (call) => {
    if (free > 0) free--
    else await new Promise<void>((resolve) => waiting.push(resolve))
    try {
      return await call()
    } finally {
      const next = waiting.shift()
      if (next) next()
      else free++
    }
  }
}
