/**
 * The proxy: makes service addresses and node ports on this host lead to ready endpoints.
 *
 * Follows Services, EndpointSlices and Nodes and writes nftables rules; packets never pass through this
 * process, so services answer while it is down. Invariant: stopping leaves the rules as they are; only
 * `removeAll` takes them away. It does not route to pods of other nodes: the node's network does.
 */
import { createActor, fromPromise } from 'xstate'
import { StatusError } from '../../api/status-error.ts'
import type { Cache } from '../../client/view.ts'
import type { RulesetPort } from '../../node/nftables.ts'
import type { Clock } from '../../std/clock.ts'
import type { Component, Ports } from '../component.ts'
import { Applier } from './applier.ts'
import { proxyMachine } from './proxy.machine.ts'

export interface ProxyPorts extends Ports {
  /** This node's name. */
  node: string
  /** Every node whose pods run on this host, when one proxy serves several; default `[node]`. */
  localNodes?: readonly string[]
  /** Services, EndpointSlices and Nodes. */
  view: Cache
  ruleset: RulesetPort
}

export interface NodeProxy extends Component {
  /** Stops and takes every rule away. */
  removeAll(): Promise<void>
}

/** Throws StatusError 503 with a sentence for people when rules cannot be applied on this host. */
export const startProxy = async (ports: ProxyPorts): Promise<NodeProxy> => {
  const { bus, view, ruleset, node, version, identity, log } = ports
  const reason = await ruleset.available()
  if (reason) throw new StatusError(503, 'ServiceUnavailable', reason)
  await ruleset.prepare()
  await view.ready
  const applier = new Applier(view, ruleset, new Set(ports.localNodes ?? [node]))
  const actor = createActor(
    proxyMachine.provide({
      actors: {
        replace: fromPromise(() => applier.replace()),
        change: fromPromise(() => applier.change()),
        prune: fromPromise(() => applier.prune()),
      },
      guards: {
        hasChanges: () => applier.hasChanges,
        hasStaleChains: () => applier.hasStaleChains,
      },
      actions: {
        report: ({ event }) => {
          if ('error' in event) log.warn({ error: event.error }, 'packet rules were refused')
        },
      },
    }),
    { clock: machineClock(ports.clock) },
  )
  actor.start()
  const ready = new Promise<void>((resolve) => {
    const subscription = actor.subscribe((snapshot) => {
      if (snapshot.matches('replacing') || snapshot.matches('backingOff')) return
      subscription.unsubscribe()
      resolve()
    })
  })
  const unsubscribe = view.subscribe((change) => {
    if (applier.observe(change)) actor.send({ type: 'services.changed' })
  })
  const registration = await bus.serve({
    name: 'proxy',
    description: 'Leads service addresses on this node to ready endpoints',
    version,
    metadata: { node, identity },
    endpoints: [],
  })
  const stop = async () => {
    unsubscribe()
    actor.stop()
    await registration.stop()
    await applier.idle()
  }
  return {
    ready,
    stop,
    removeAll: async () => {
      await stop()
      await ruleset.remove()
    },
  }
}

/** The clock as machines want it. */
const machineClock = (clock: Clock) => ({
  setTimeout: (task: () => void, delayMs: number) => clock.after(delayMs, task),
  clearTimeout: (cancel: () => void) => cancel?.(),
})
