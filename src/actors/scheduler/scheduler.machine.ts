/**
 * The scheduler's states.
 *
 *   standby ─leadership.gained→ leading
 *   leading:  idle ─queue.filled→ deciding ─drained→ idle
 *                                 deciding ─saturated→ waiting ─binding.settled→ deciding
 *                                 deciding ─more→ deciding (after other work of the process had its turn)
 *   leading ─leadership.lost→ standby
 * `idle` and `waiting` are left at once when their reason went away while the decision was ending.
 *
 * Invariant: decisions are made in `deciding` only, hence by the leader only; the store refuses a
 * deposed leader's bindings besides. It does no I/O: `decide` and the guards are provided.
 */
import { assertEvent, assign, fromPromise, setup } from 'xstate'
import type { Fence } from '../../client/storage.ts'

/** How a run of decisions ended: nothing left, its time slice used up, or too many bindings in flight. */
export type Outcome = 'drained' | 'more' | 'saturated'

type Event =
  | { type: 'leadership.gained'; fence: Fence }
  | { type: 'leadership.lost' }
  | { type: 'queue.filled' }
  | { type: 'binding.settled' }

export const schedulerMachine = setup({
  types: {} as { context: { fence: Fence | undefined }; events: Event },
  actors: {
    decide: fromPromise<Outcome, { fence: Fence }>(() => Promise.resolve('drained')),
  },
  guards: {
    hasWork: () => false,
    hasRoom: () => false,
  },
  actions: {
    rememberFence: assign(({ event }) => {
      assertEvent(event, 'leadership.gained')
      return { fence: event.fence }
    }),
    forgetFence: assign({ fence: undefined }),
  },
}).createMachine({
  id: 'scheduler',
  context: { fence: undefined },
  initial: 'standby',
  states: {
    standby: { on: { 'leadership.gained': { target: 'leading', actions: 'rememberFence' } } },
    leading: {
      initial: 'deciding',
      exit: 'forgetFence',
      on: { 'leadership.lost': 'standby' },
      states: {
        idle: {
          always: { guard: 'hasWork', target: 'deciding' },
          on: { 'queue.filled': 'deciding' },
        },
        deciding: {
          invoke: {
            src: 'decide',
            input: ({ context }) => ({ fence: context.fence as Fence }),
            onDone: [
              { guard: ({ event }) => event.output === 'drained', target: 'idle' },
              { guard: ({ event }) => event.output === 'saturated', target: 'waiting' },
              { target: 'deciding', reenter: true },
            ],
          },
        },
        waiting: {
          always: { guard: 'hasRoom', target: 'deciding' },
          on: { 'binding.settled': 'deciding' },
        },
      },
    },
  },
})
