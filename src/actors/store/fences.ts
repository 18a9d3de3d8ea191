/**
 * Fences: what makes the stream itself reject a deposed leader's write.
 *
 * A take-over writes, in one atomic batch, the fence key (compare-and-set; its sequence is the new fence) and
 * SLOTS copies right behind it. A fenced write carries, in its own batch, one empty message whose expectation
 * names the sequence of a slot. Several slots, because a clustered stream refuses two expectations on one
 * subject at the same moment: stores that use different slots do not disturb each other.
 */
import { randomInt } from 'node:crypto'
import { encode } from '../../bus/codec.ts'
import { PublishError, type Streams, type StreamWrite } from '../../bus/stream.ts'
import type { Subjects } from '../../bus/subjects.ts'
import { type Fence, FenceLost, RevisionConflict } from '../../client/storage.ts'
import { backoffMs } from '../../std/backoff.ts'
import { type Clock, sleep } from '../../std/clock.ts'
import { newUid } from '../../std/ids.ts'

const SLOTS = 16
const TAKE_MS = 8_000
const EMPTY = new Uint8Array(0)

export interface FencePorts {
  streams: Streams
  subjects: Subjects
  clock: Clock
}

export const fencesOn = ({ streams, subjects, clock }: FencePorts) => {
  const slot = randomInt(SLOTS)
  const slotSequence = (fence: Fence) => fence.revision + 1 + slot
  const takeBatch = (component: string, expected: number, holder: string, writeId: string) => {
    const writes: StreamWrite[] = [
      {
        subject: subjects.fenceKey(component),
        payload: encode({ component, holder }),
        expected,
        writeId,
      },
    ]
    for (let index = 0; index < SLOTS; index++)
      writes.push({ subject: subjects.fenceSlotKey(component, index), payload: encode({ holder }) })
    return writes
  }
  return {
    /** The message that makes a batch fail unless `fence` still holds. */
    check: (fence: Fence): StreamWrite => ({
      subject: subjects.fenceCheckKey(fence.component, slot),
      payload: EMPTY,
      expected: slotSequence(fence),
      expectedOf: subjects.fenceSlotKey(fence.component, slot),
    }),
    /** Asks the stream's leader whether `fence` still holds. */
    holds: async (fence: Fence): Promise<boolean> => {
      const stored = await streams.lastMessage(
        'state',
        subjects.fenceSlotKey(fence.component, slot),
      )
      return stored?.sequence === slotSequence(fence)
    },
    /** Moves the fence from `expected`; throws RevisionConflict when it is elsewhere. */
    take: async (component: string, expected: number, holder: string): Promise<number> => {
      const writeId = newUid()
      const deadline = clock.monotonic() + TAKE_MS
      for (let failures = 0; ; ) {
        try {
          const last = await streams.publishBatch(
            'state',
            takeBatch(component, expected, holder, writeId),
          )
          return last - SLOTS
        } catch (error) {
          if (!(error instanceof PublishError)) throw error
          const stored =
            error.failure === 'retry' && failures === 0
              ? undefined
              : await streams.lastMessage('state', subjects.fenceKey(component)).catch(() => null)
          if (stored && stored.writeId === writeId) return stored.sequence
          if (stored !== null && stored !== undefined && stored.sequence !== expected)
            throw new RevisionConflict(`the fence of ${component} is at ${stored.sequence}`)
          if (error.failure === 'refused' || clock.monotonic() > deadline) throw error
          await sleep(backoffMs(++failures, { baseMs: 20, maxMs: 500 }), clock)
        }
      }
    },
  }
}

export type Fences = ReturnType<typeof fencesOn>

export const fenceLost = ({ component, revision }: Fence) =>
  new FenceLost(`the leadership of ${component} has moved on from fence ${revision}`)
