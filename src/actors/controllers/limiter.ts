/**
 * A limiter: at most so many tasks at a time, the rest in order of arrival.
 * It bounds what is in flight, not what waits; a plan's size bounds that.
 */
export interface Limiter {
  run<Result>(task: () => Promise<Result>): Promise<Result>
}

export const createLimiter = (atOnceMax: number): Limiter => {
  const waiting: (() => void)[] = []
  let head = 0
  let running = 0
  const release = () => {
    const next = waiting[head]
    if (!next) {
      running--
      return
    }
    head++
    if (head === waiting.length) {
      waiting.length = 0
      head = 0
    }
    next()
  }
  return {
    run: async (task) => {
      if (running < atOnceMax) running++
      else await new Promise<void>((resolve) => waiting.push(resolve))
      try {
        return await task()
      } finally {
        release()
      }
    },
  }
}
