/**
 * Lets so many calls run at a time, in the order they came: the registration of thousands of nodes.
 *
 * Invariant: a call that fails frees its place. It sets no time limit.
 */
export type Turns = <T>(call: () => Promise<T>) => Promise<T>

export const createTurns = (places: number): Turns => {
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
