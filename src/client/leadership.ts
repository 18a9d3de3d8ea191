/**
 * Leadership of one component: at most one of its replicas leads, and the store's fence makes that hold for
 * writes even while two believe it.
 *
 *   probing ──nobody answers──▶ acquiring ──fence taken──▶ leading ──fence lost, higher fence heard──▶ standby
 *     ▲ │                          │ lost the race                       │ stop
 *     │ └─leader answers─▶ standby ◀┘                                     ▼
 *     └──── silence, or the leader released ────┘                      stopped
 *
 * A leader that does not know whether a write of its own happened takes a new fence (`renewing`): what was
 * under way can happen no more, and a cache that has reached the new fence shows whether it did.
 *
 * Invariant: `onLeading` and `onStandby` alternate. A leader beats every BEAT_MS; it never ends its process.
 * The coordination.k8s.io Lease is kept for readers only.
 */
import { assign, createActor, fromCallback, fromPromise, setup } from 'xstate'
import { StatusError } from '../api/status-error.ts'
import { isNoResponders } from '../bus/answer.ts'
import type { Bus } from '../bus/bus.ts'
import { subjectsFor } from '../bus/subjects.ts'
import type { Clock } from '../std/clock.ts'
import type { Log } from '../std/log.ts'
import type { Client } from './client.ts'
import { keepLease } from './leadership-lease.ts'
import type { Fence } from './storage.ts'

const BEAT_MS = 500
/** Silence after which a standby asks for the leader; a dead one's subject has no subscriber. */
const SILENCE_MS = 1_250
/** A leader that is there but does not answer for this long is passed over. */
const ANSWER_MS = 1_250
const RETRY_MS = 500

export interface LeadershipPorts {
  /** `[-\w]+`; also the name of the Lease in kube-system. */
  component: string
  bus: Bus
  client: Client
  clock: Clock
  identity: string
  log: Log
}

export interface LeadershipHandlers {
  onLeading(fence: Fence): void
  onStandby(): void
}

export interface Leadership {
  /** Hands over at once: another replica takes the fence within milliseconds. Once stopped, it stays so. */
  stop(): Promise<void>
  /** A write with `fence` failed with FenceLost: step down. */
  reportFenceLost(fence: Fence): void
  /** Nobody knows whether a write with `fence` happened: stand by until a new fence rules it out. */
  reportOutcomeUnknown(fence: Fence): void
  readonly isLeading: boolean
}

/** The reason of the cause in the 409 that a write with a lost fence gets. */
export const FENCE_LOST = 'FenceLost'

export const isFenceLost = (error: unknown): boolean =>
  error instanceof StatusError &&
  (error.status.details?.causes?.some(({ reason }) => reason === FENCE_LOST) ?? false)

export const isOutcomeUnknown = (error: unknown): boolean =>
  error instanceof StatusError && error.code === 504

/** What is said on `subjects.lease(component)`, as JSON. */
interface Announcement {
  type: 'beat' | 'released'
  holder: string
  fence: number
}

export type LeadershipEvent =
  | { type: 'beat'; fence: number }
  | { type: 'released' }
  | { type: 'fence.lost'; fence: number }
  | { type: 'outcome.unknown'; fence: number }
  | { type: 'stop' }

/** `probe` resolves true while a leader answers; `acquire` and `renew` resolve with the fence taken. */
export const leadershipMachine = setup({
  types: {
    context: {} as { fence: number },
    events: {} as LeadershipEvent,
  },
  actors: {
    probe: fromPromise<boolean>(async () => false),
    acquire: fromPromise<number>(async () => 0),
    renew: fromPromise<number, { fence: number }>(async () => 0),
    /** Answers who asks whether a leader is there. */
    present: fromCallback<LeadershipEvent>(() => {}),
    lead: fromCallback<LeadershipEvent, { fence: number }>(() => {}),
  },
  guards: {
    isNewer: ({ context, event }) => event.type === 'beat' && event.fence > context.fence,
    isOurs: ({ context, event }) => event.type === 'fence.lost' && event.fence >= context.fence,
    isCurrent: ({ context, event }) =>
      event.type === 'outcome.unknown' && event.fence === context.fence,
  },
  delays: { silence: SILENCE_MS, retry: RETRY_MS },
}).createMachine({
  id: 'leadership',
  context: { fence: 0 },
  initial: 'probing',
  on: { stop: '.stopped' },
  states: {
    probing: {
      invoke: {
        src: 'probe',
        onDone: [
          { guard: ({ event }) => event.output, target: 'standby' },
          { target: 'acquiring' },
        ],
        onError: 'retrying',
      },
    },
    standby: {
      on: { beat: { target: 'standby', reenter: true }, released: 'acquiring' },
      after: { silence: 'probing' },
    },
    acquiring: {
      invoke: {
        src: 'acquire',
        onDone: {
          target: 'leading',
          actions: assign({ fence: ({ event }) => event.output }),
        },
        onError: 'retrying',
      },
    },
    retrying: {
      on: { beat: 'standby' },
      after: { retry: 'probing' },
    },
    leading: {
      invoke: { src: 'present' },
      on: {
        beat: { guard: 'isNewer', target: 'standby' },
        'fence.lost': { guard: 'isOurs', target: 'standby' },
      },
      initial: 'holding',
      states: {
        holding: {
          invoke: { src: 'lead', input: ({ context }) => ({ fence: context.fence }) },
          on: { 'outcome.unknown': { guard: 'isCurrent', target: 'renewing' } },
        },
        renewing: {
          invoke: {
            src: 'renew',
            input: ({ context }) => ({ fence: context.fence }),
            onDone: {
              target: 'holding',
              actions: assign({ fence: ({ event }) => event.output }),
            },
            onError: '#leadership.retrying',
          },
        },
      },
    },
    stopped: { type: 'final' },
  },
})

export const startLeadership = (
  ports: LeadershipPorts,
  handlers: LeadershipHandlers,
): Leadership => {
  const { component, bus, clock, identity, log } = ports
  const subjects = subjectsFor(bus.prefix)
  let isLeading = false
  const actor = createActor(
    leadershipMachine.provide({
      actors: {
        probe: fromPromise(() => probe(bus, subjects.leader(component))),
        acquire: fromPromise(() => acquire(ports)),
        renew: fromPromise<number, { fence: number }>(({ input }) => renew(ports, input.fence)),
        present: fromCallback<LeadershipEvent>(() => {
          const answering = bus.subscribe(subjects.leader(component), ({ reply }) => {
            const { fence } = actor.getSnapshot().context
            if (reply) bus.publishJson(reply, JSON.stringify({ holder: identity, fence }))
          })
          return () => void answering.stop()
        }),
        lead: fromCallback<LeadershipEvent, { fence: number }>(({ input }) => {
          isLeading = true
          const end = lead(ports, handlers, { component, revision: input.fence })
          return () => {
            isLeading = false
            end()
          }
        }),
      },
    }),
    {
      clock: {
        setTimeout: (task: () => void, delayMs: number) => clock.after(delayMs, task),
        clearTimeout: (cancel: () => void) => cancel(),
      },
    },
  )
  actor.subscribe({ error: (err) => log.error({ component, err }, 'a leadership actor failed') })
  const subscription = bus.subscribe(subjects.lease(component), ({ data }) => {
    const { type, holder, fence } = data as Announcement
    if (holder === identity) return
    actor.send(type === 'released' ? { type } : { type: 'beat', fence })
  })
  actor.start()
  return {
    get isLeading() {
      return isLeading
    },
    reportFenceLost: ({ revision }) => actor.send({ type: 'fence.lost', fence: revision }),
    reportOutcomeUnknown: ({ revision }) =>
      actor.send({ type: 'outcome.unknown', fence: revision }),
    stop: async () => {
      if (actor.getSnapshot().status !== 'active') return
      const wasLeading = isLeading
      const { fence } = actor.getSnapshot().context
      actor.send({ type: 'stop' })
      await subscription.stop()
      if (wasLeading) announce(ports, 'released', fence)
    },
  }
}

/** Whether a leader is there. One that is there but hangs counts as none. */
const probe = async (bus: Bus, subject: string): Promise<boolean> => {
  try {
    await bus.request(subject, undefined, { timeoutMs: ANSWER_MS })
    return true
  } catch (error) {
    if (isNoResponders(error)) return false
    if (error instanceof StatusError && error.code === 504 && bus.state === 'connected')
      return false
    throw error
  }
}

/** Takes the fence through the store; exactly one of several contenders succeeds. */
const acquire = async (ports: LeadershipPorts): Promise<number> => {
  const { component, bus, log } = ports
  try {
    const read = await bus.request(subjectsFor(bus.prefix).fence('read'), { component })
    return await take(ports, (read.data as { revision: number }).revision)
  } catch (err) {
    log.debug({ component, err }, 'the fence could not be taken')
    throw err
  }
}

/** Takes the next fence, unless somebody else has taken it from this one. */
const renew = async (ports: LeadershipPorts, fence: number): Promise<number> => {
  const { component, log } = ports
  log.info({ component, fence }, 'the outcome of a write is unknown: a new fence rules it out')
  return take(ports, fence)
}

const take = async (
  { component, bus, identity: holder }: LeadershipPorts,
  expected: number,
): Promise<number> => {
  const taken = await bus.request(subjectsFor(bus.prefix).fence('take'), {
    component,
    expected,
    holder,
  })
  return (taken.data as { revision: number }).revision
}

/** Everything a leader does besides its work, until the returned function is called. */
const lead = (ports: LeadershipPorts, handlers: LeadershipHandlers, fence: Fence) => {
  const { clock, component, log } = ports
  log.info({ component, fence: fence.revision }, 'this replica leads')
  let cancel: (() => void) | undefined
  const beat = () => {
    announce(ports, 'beat', fence.revision)
    cancel = clock.after(BEAT_MS, beat)
  }
  beat()
  const endLease = keepLease(ports, fence)
  handlers.onLeading(fence)
  return () => {
    cancel?.()
    endLease()
    log.info({ component, fence: fence.revision }, 'this replica leads no longer')
    handlers.onStandby()
  }
}

const announce = (
  { bus, component, identity }: LeadershipPorts,
  type: Announcement['type'],
  fence: number,
) =>
  bus.publishJson(
    subjectsFor(bus.prefix).lease(component),
    JSON.stringify({ type, holder: identity, fence } satisfies Announcement),
  )
