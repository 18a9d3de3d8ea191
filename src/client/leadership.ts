/**
 * Leadership of one component: at most one of its replicas leads, and the store's fence makes that hold for
 * writes even while two believe it.
 *
 *   probing ──nobody answers──▶ acquiring ──fence taken──▶ leading ──fence lost, higher fence heard──▶ standby
 *     ▲ │                          │ lost the race                       │ stop
 *     │ └─leader answers─▶ standby ◀┘                                     ▼
 *     └──── silence, or the leader released ────┘                      stopped
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
  /** Hands over at once: another replica takes the fence within milliseconds. */
  stop(): Promise<void>
  /** A write with `fence` failed with FenceLost: step down. */
  reportFenceLost(fence: Fence): void
  readonly isLeading: boolean
}

/** The reason of the cause in the 409 that a write with a lost fence gets. */
export const FENCE_LOST = 'FenceLost'

export const isFenceLost = (error: unknown): boolean =>
  error instanceof StatusError &&
  (error.status.details?.causes?.some(({ reason }) => reason === FENCE_LOST) ?? false)

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
  | { type: 'stop' }

/** `probe` resolves true while a leader answers; `acquire` resolves with the fence taken. */
export const leadershipMachine = setup({
  types: {
    context: {} as { fence: number },
    events: {} as LeadershipEvent,
  },
  actors: {
    probe: fromPromise<boolean>(async () => false),
    acquire: fromPromise<number>(async () => 0),
    lead: fromCallback<LeadershipEvent, { fence: number }>(() => {}),
  },
  guards: {
    isNewer: ({ context, event }) => event.type === 'beat' && event.fence > context.fence,
    isOurs: ({ context, event }) => event.type === 'fence.lost' && event.fence >= context.fence,
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
      invoke: { src: 'lead', input: ({ context }) => ({ fence: context.fence }) },
      on: {
        beat: { guard: 'isNewer', target: 'standby' },
        'fence.lost': { guard: 'isOurs', target: 'standby' },
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
    stop: async () => {
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
const acquire = async ({ component, bus, identity, log }: LeadershipPorts): Promise<number> => {
  const subjects = subjectsFor(bus.prefix)
  try {
    const read = await bus.request(subjects.fence('read'), { component })
    const expected = (read.data as { revision: number }).revision
    const taken = await bus.request(subjects.fence('take'), {
      component,
      expected,
      holder: identity,
    })
    return (taken.data as { revision: number }).revision
  } catch (err) {
    log.debug({ component, err }, 'the fence could not be taken')
    throw err
  }
}

/** Everything a leader does besides its work, until the returned function is called. */
const lead = (ports: LeadershipPorts, handlers: LeadershipHandlers, fence: Fence) => {
  const { bus, clock, component, identity, log } = ports
  log.info({ component, fence: fence.revision }, 'this replica leads')
  let cancel: (() => void) | undefined
  const beat = () => {
    announce(ports, 'beat', fence.revision)
    cancel = clock.after(BEAT_MS, beat)
  }
  const answering = serveLeader(bus, subjectsFor(bus.prefix).leader(component), {
    holder: identity,
    fence: fence.revision,
  })
  beat()
  const endLease = keepLease(ports, fence)
  handlers.onLeading(fence)
  return () => {
    cancel?.()
    endLease()
    void answering.stop()
    log.info({ component, fence: fence.revision }, 'this replica leads no longer')
    handlers.onStandby()
  }
}

const serveLeader = (bus: Bus, subject: string, answer: object) =>
  bus.subscribe(subject, ({ reply }) => {
    if (reply) bus.publishJson(reply, JSON.stringify(answer))
  })

const announce = (
  { bus, component, identity }: LeadershipPorts,
  type: Announcement['type'],
  fence: number,
) =>
  bus.publishJson(
    subjectsFor(bus.prefix).lease(component),
    JSON.stringify({ type, holder: identity, fence } satisfies Announcement),
  )
