/**
 * The life of one apiserver.
 *
 *   preparing ──prepared──▶ serving ──stop──▶ draining ──drained──▶ stopped
 *       │ failed                                  ▲
 *       └──────────▶ failed        preparing ─stop┘
 *
 * I/O is in the slots `prepare` (open the doors, bring up what must exist) and `drain` (close them, let
 * what is in flight finish). Invariant: it announces itself only while it serves. Requests are no actors.
 */
import { assign, fromPromise, setup } from 'xstate'

export const apiserverMachine = setup({
  types: { context: {} as { error: unknown }, events: {} as { type: 'stop' } },
  actors: {
    prepare: fromPromise<void>(async () => undefined),
    drain: fromPromise<void>(async () => undefined),
  },
  actions: {
    announce: () => undefined,
    keepError: assign({ error: ({ event }) => (event as unknown as { error: unknown }).error }),
  },
}).createMachine({
  id: 'apiserver',
  context: { error: undefined },
  initial: 'preparing',
  states: {
    preparing: {
      invoke: {
        src: 'prepare',
        onDone: 'serving',
        onError: { target: 'failed', actions: 'keepError' },
      },
      on: { stop: 'draining' },
    },
    serving: { entry: 'announce', on: { stop: 'draining' } },
    draining: { invoke: { src: 'drain', onDone: 'stopped', onError: 'stopped' } },
    stopped: { type: 'final' },
    failed: { type: 'final' },
  },
})
