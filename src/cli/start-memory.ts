/**
 * Gives back the memory that starting a process took.
 *
 * V8 collects when a heap grows, and a process that has started hardly grows any more: what was read, parsed
 * and connected once stays for hours, some 10 MB in each process of an idle cluster. The collection a
 * debugger can ask for returns the pages too, which the plain one does not.
 */
import { Session } from 'node:inspector'
import type { Clock } from '../std/clock.ts'

/** By then a start's last work is done, and whoever waited for it has had its first answers. */
const SETTLED_AFTER_MS = 1_500

export const releaseStartMemory = (clock: Clock) =>
  clock.after(SETTLED_AFTER_MS, () => {
    const session = new Session()
    session.connect()
    // Not from within the answer: V8 still holds a lock then that the end of the session waits for.
    session.post('HeapProfiler.collectGarbage', () => clock.after(0, () => session.disconnect()))
  })
