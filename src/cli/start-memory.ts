/**
 * Gives back the memory that starting a process took: what was read, parsed and connected once, some 10 MB in
 * each process of an idle cluster.
 */
import type { Clock } from '../std/clock.ts'
import { releaseMemory } from '../std/release-memory.ts'

/** By then a start's last work is done, and whoever waited for it has had its first answers. */
const SETTLED_AFTER_MS = 1_500

export const releaseStartMemory = (clock: Clock) =>
  clock.after(SETTLED_AFTER_MS, () => releaseMemory(clock))
