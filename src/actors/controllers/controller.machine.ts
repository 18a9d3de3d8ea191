/**
 * The one machine that runs every controller.
 *
 *   syncing ─cache.synced→ standby ─lease.won→ catchingUp ─caught up→ leading ─lease.lost→ standby
 *      ↑                                                                 │ crashed
 *      └──────────────────────── rested ── backingOff ←──────────────────┘
 *   any ─stop→ stopped
 *
 * Invariant: it works only while it holds a fence. A crash of the work is one of this controller alone.
 * It decides nothing about objects: `work` does, key by key.
 */
import { assign, type EventObject, fromCallback, fromPromise, setup } from 'xstate'
import type { Fence } from '../../client/storage.ts'
import { type Backoff, backoffMs } from '../../std/backoff.ts'

const RESTART: Backoff = { baseMs: 100, maxMs: 30_000 }

export type ControllerEvent =
  | { type: 'lease.won'; fence: Fence }
  | { type: 'lease.lost' }
  | { type: 'work.crashed' }
  | { type: 'stop' }

interface Context {
  fence: Fence | undefined
  crashes: number
}

export const controllerMachine = setup({
  types: {} as { context: Context; events: ControllerEvent },
  actors: {
    /** Resolves when the cache holds the cluster. */
    sync: fromPromise<void>(async () => undefined),
    /** Resolves when the cache holds all that earlier leaders wrote. */
    catchUp: fromPromise<void, Fence>(async () => undefined),
    /** Works until it is stopped; sends `work.crashed` when it cannot go on. */
    work: fromCallback<EventObject, Fence>(() => undefined),
  },
  actions: {
    keepFence: assign({
      fence: ({ event }) => (event.type === 'lease.won' ? event.fence : undefined),
    }),
    countCrash: assign({ crashes: ({ context }) => context.crashes + 1 }),
  },
  guards: { leads: ({ context }) => context.fence !== undefined },
  delays: { rest: ({ context }) => backoffMs(context.crashes, RESTART) },
}).createMachine({
  id: 'controller',
  context: { fence: undefined, crashes: 0 },
  initial: 'syncing',
  on: {
    'lease.won': { actions: 'keepFence' },
    'lease.lost': { actions: 'keepFence' },
    stop: '.stopped',
  },
  states: {
    syncing: {
      invoke: {
        src: 'sync',
        onDone: 'standby',
        onError: { target: 'backingOff', actions: 'countCrash' },
      },
    },
    standby: { always: { guard: 'leads', target: 'catchingUp' } },
    catchingUp: {
      invoke: {
        src: 'catchUp',
        input: ({ context }) => context.fence!,
        onDone: 'leading',
        onError: { target: 'backingOff', actions: 'countCrash' },
      },
      on: {
        'lease.won': { target: 'catchingUp', reenter: true, actions: 'keepFence' },
        'lease.lost': { target: 'standby', actions: 'keepFence' },
      },
    },
    leading: {
      invoke: {
        src: 'work',
        input: ({ context }) => context.fence!,
        onError: { target: 'backingOff', actions: 'countCrash' },
      },
      on: {
        'lease.won': { target: 'catchingUp', actions: 'keepFence' },
        'lease.lost': { target: 'standby', actions: 'keepFence' },
        'work.crashed': { target: 'backingOff', actions: 'countCrash' },
      },
    },
    backingOff: { after: { rest: 'syncing' } },
    stopped: { type: 'final' },
  },
})
