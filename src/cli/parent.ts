/**
 * What a process tells the one that started it: that it is ready, or that it never will be.
 * Nobody may be listening: a process outlives a supervisor that was killed, and must not die of telling it.
 */
export const tellParent = (message: { ready: true } | { hopeless: string }): void => {
  process.send?.(message, undefined, undefined, () => {})
}
