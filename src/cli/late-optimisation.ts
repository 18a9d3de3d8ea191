/**
 * When V8 compiles what runs often: late while a process is cold, at its usual time from then on.
 *
 * A cluster that meets its first load runs all of its code for the first time; on two cores the threads that
 * compile then took 40 % of all processor time from the requests. Once warm there is little left to compile, and
 * what is compiled early runs faster: 1,000 pods on 50 hollow nodes 380–420/s at first and, after some thousands,
 * 640–670/s (always late: the same at first, later 600–625/s; never: 350/s at first).
 */
import { setFlagsFromString } from 'node:v8'
import type { Clock } from '../std/clock.ts'

/** Bytecode a function runs before V8 looks whether to optimise it: six times its default, and the default. */
const LATE = '--interrupt-budget=400000'
const USUAL = '--interrupt-budget=67584'
/** Processor time after which a process counts as warm. */
const WARM_AFTER_MICROSECONDS = 8_000_000
const LOOK_MS = 1_000

export const optimiseLateWhileCold = (clock: Clock): void => {
  setFlagsFromString(LATE)
  const look = () => {
    const { user, system } = process.cpuUsage()
    if (user + system < WARM_AFTER_MICROSECONDS) clock.after(LOOK_MS, look)
    else setFlagsFromString(USUAL)
  }
  clock.after(LOOK_MS, look)
}
