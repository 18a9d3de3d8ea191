/**
 * The proxy's states.
 *
 *   replacing ─applied→ settled ─changed→ changing ─applied→ resting ─25 ms→ settled
 *       ↑                  └─after 2 s, chains to prune→ pruning → settled
 *       │ 0.1 … 30 s
 *   backingOff ←failed─ replacing, changing, pruning
 *
 * Invariant: one transaction at a time. The first change is applied at once, those that follow within the
 * rest together. After a failure nothing is assumed about the kernel: the whole table is replaced.
 */
import { assign, fromPromise, setup } from 'xstate'
import { backoffMs } from '../../std/backoff.ts'

type Event = { type: 'services.changed' }

const REST_MS = 25
/** Old kernels count a chain as in use for a moment after its last reference went. */
const PRUNE_AFTER_MS = 2_000
const BACKOFF = { baseMs: 100, maxMs: 30_000 }

export const proxyMachine = setup({
  types: {} as { context: { failures: number }; events: Event },
  actors: {
    /** Replaces the whole table. */
    replace: fromPromise<void>(() => Promise.resolve()),
    /** Applies what changed since the last transaction. */
    change: fromPromise<void>(() => Promise.resolve()),
    /** Deletes chains that nothing refers to any more. */
    prune: fromPromise<void>(() => Promise.resolve()),
  },
  guards: { hasChanges: () => false, hasStaleChains: () => false },
  actions: {
    countFailure: assign({ failures: ({ context }) => context.failures + 1 }),
    forgetFailures: assign({ failures: 0 }),
    report: () => {},
  },
  delays: {
    backoff: ({ context }) => backoffMs(context.failures, BACKOFF),
  },
}).createMachine({
  id: 'proxy',
  context: { failures: 0 },
  initial: 'replacing',
  states: {
    replacing: {
      invoke: {
        src: 'replace',
        onDone: { target: 'resting', actions: 'forgetFailures' },
        onError: { target: 'backingOff', actions: ['countFailure', 'report'] },
      },
    },
    settled: {
      always: { guard: 'hasChanges', target: 'changing' },
      on: { 'services.changed': 'changing' },
      after: { [PRUNE_AFTER_MS]: { guard: 'hasStaleChains', target: 'pruning' } },
    },
    changing: {
      invoke: {
        src: 'change',
        onDone: 'resting',
        onError: { target: 'backingOff', actions: ['countFailure', 'report'] },
      },
    },
    resting: { after: { [REST_MS]: 'settled' } },
    pruning: {
      invoke: {
        src: 'prune',
        onDone: 'settled',
        onError: { target: 'backingOff', actions: ['countFailure', 'report'] },
      },
    },
    backingOff: { after: { backoff: 'replacing' } },
  },
})
