/**
 * All controllers of a process as one group: they lead together and stand by together.
 *
 * Invariant: a stopped or deposed controller takes no more keys; what it had in flight is fenced, so the store
 * refuses it once somebody else leads. It elects nobody: `controllers.ts` does.
 */
import { createActor, fromCallback, fromPromise } from 'xstate'
import { Namespace } from '../../api/core/namespace.ts'
import type { Fence } from '../../client/storage.ts'
import type { CachePorts } from '../component.ts'
import { controllerMachine } from './controller.machine.ts'
import type { Controller } from './controller.ts'
import { startWorker } from './worker.ts'

export interface ControllerGroup {
  lead(fence: Fence): void
  standBy(): void
  /** Each controller's state, by name. */
  states(): Record<string, string>
  /** Resolves when nothing is in flight any more. */
  stop(): Promise<void>
}

export interface GroupPorts extends Pick<CachePorts, 'cache' | 'client' | 'clock' | 'log'> {
  /** A write was refused because somebody else leads. */
  onFenceLost?(fence: Fence): void
  /** Nobody knows whether a write happened: nothing may be decided before that is known. */
  onOutcomeUnknown?(fence: Fence): void
}

export const createControllerGroup = (
  controllers: readonly Controller[],
  ports: GroupPorts,
): ControllerGroup => {
  const endings = new Set<Promise<void>>()
  const ending = (promise: Promise<void>) => {
    const tracked = promise.finally(() => endings.delete(tracked))
    endings.add(tracked)
  }
  const actors = controllers.map((controller) => startActor(controller, ports, ending))
  return {
    lead: (fence) => {
      for (const actor of actors) actor.send({ type: 'lease.won', fence })
    },
    standBy: () => {
      for (const actor of actors) actor.send({ type: 'lease.lost' })
    },
    states: () =>
      Object.fromEntries(
        actors.map((actor, i) => [controllers[i]!.name, String(actor.getSnapshot().value)]),
      ),
    stop: async () => {
      for (const actor of actors) actor.send({ type: 'stop' })
      await Promise.all(endings)
    },
  }
}

const startActor = (
  controller: Controller,
  ports: GroupPorts,
  ending: (promise: Promise<void>) => void,
) => {
  const log = ports.log.child({ controller: controller.name })
  const { cache } = ports
  const actor = createActor(
    controllerMachine.provide({
      actors: {
        sync: fromPromise(() => cache.ready),
        catchUp: fromPromise(({ input }: { input: Fence }) =>
          cache.reached(Namespace, input.revision),
        ),
        work: fromCallback(({ input }: { input: Fence }) => {
          const worker = startWorker(controller, { ...ports, log }, input)
          return () => ending(worker.stop())
        }),
      },
    }),
  )
  actor.subscribe({
    next: (snapshot) => log.debug({ state: snapshot.value }, 'controller'),
    error: (error) => log.error({ err: error }, 'controller crashed'),
  })
  actor.start()
  return actor
}
