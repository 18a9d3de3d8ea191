/**
 * Gives back memory that a burst of work took and that nothing needs any more.
 *
 * V8 collects when a heap grows, and after a burst a process hardly grows any more: what was read and parsed
 * once would stay for hours. The collection a debugger can ask for returns the pages too, which the plain one
 * does not. It stops the process for as long as the heap is large: for small heaps only.
 */
import { Session } from 'node:inspector'
import type { Clock } from './clock.ts'

export const releaseMemory = (clock: Clock): void => {
  const session = new Session()
  session.connect()
  // Not from within the answer: V8 still holds a lock then that the end of the session waits for.
  session.post('HeapProfiler.collectGarbage', () => clock.after(0, () => session.disconnect()))
}
