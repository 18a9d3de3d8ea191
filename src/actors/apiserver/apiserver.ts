/**
 * The apiserver: the only entrance for operations, over HTTPS and over the bus.
 *
 * This file only wires: the pipeline's services, the two doors, the hub of watches, and what the apiserver
 * keeps about itself in the cluster. Invariant: any number of replicas serve at once; none holds state that
 * another could not rebuild from the store.
 */
import { createActor, fromPromise } from 'xstate'
import type { Storage } from '../../client/storage.ts'
import type { Component, Ports } from '../component.ts'
import { announce } from './announce.ts'
import { apiserverMachine } from './apiserver.machine.ts'
import { type AuthenticationOptions, createAuthenticate } from './authenticate.ts'
import { bootstrap } from './bootstrap.ts'
import { openBusDoor } from './bus-door.ts'
import { createHttpDoor, type TlsOptions } from './http-door.ts'
import { serveUpgrades } from './http-upgrade.ts'
import { Metrics } from './metrics.ts'
import { serveLogs } from './node-logs.ts'
import { ServiceAddresses } from './service-addresses.ts'
import type { Services } from './services.ts'
import { createSite } from './site.ts'
import { SortedObjects } from './sorted-objects.ts'
import { WatchHub } from './watch-hub.ts'

export interface ApiserverOptions extends Ports {
  storage: Storage
  tls: TlsOptions
  authentication: AuthenticationOptions
  bind: { address: string; port: number }
  /** The IPv4 address other machines reach this apiserver under. */
  advertiseAddress: string
  /** Where ClusterIPs come from, `10.96.0.0/16` by default; its first address is the API's own. */
  serviceCidr?: string
  nodePortRange?: { from: number; to: number }
}

const BOOKMARK_MS = 60_000
/** How long requests in flight may take when the apiserver stops. */
const DRAIN_MS = 10_000
const DRAIN_STEP_MS = 20

/** Rejects when the address cannot be bound; `ready` resolves when the cache is complete and both doors serve. */
export const startApiserver = async (
  options: ApiserverOptions,
): Promise<Component & { port: number }> => {
  const { storage, clock, log, bus, bind } = options
  const addresses = new ServiceAddresses(storage, {
    serviceCidr: options.serviceCidr ?? '10.96.0.0/16',
    nodePortRange: options.nodePortRange ?? { from: 30_000, to: 32_767 },
    identity: options.identity,
  })
  const sorted = new SortedObjects(storage.cache)
  const services: Services = { storage, clock, sorted, addresses }
  const hub = new WatchHub(storage.cache)
  const metrics = new Metrics()
  const authenticate = createAuthenticate(options.authentication)
  let isReady = false
  const door = createHttpDoor({
    tls: options.tls,
    services,
    hub,
    metrics,
    authenticate,
    clock,
    log,
    isReady: () => isReady,
    site: createSite({
      serverAddress: `${options.advertiseAddress}:${bind.port}`,
      version: options.version,
      checks: [{ name: 'cache', fault: () => (isReady ? undefined : 'not complete yet') }],
      metrics: () => metrics.text(hub, sorted),
    }),
    serveLogs: (request, response) => serveLogs(services, bus, request, response),
  })
  serveUpgrades(door, { services, bus, authenticate, log })
  const port = await listen(door, bind)

  let closeBusDoor: (() => Promise<void>) | undefined
  let withdraw: (() => Promise<void>) | undefined
  let cancelBookmarks: (() => void) | undefined
  const bookmarks = () => {
    hub.bookmark()
    cancelBookmarks = clock.after(BOOKMARK_MS, bookmarks)
  }
  const prepare = async () => {
    await storage.cache.ready
    await bootstrap(services, port)
    isReady = true
    closeBusDoor = await openBusDoor({
      services,
      hub,
      bus,
      metrics,
      log,
      version: options.version,
    })
    bookmarks()
  }
  const drain = async () => {
    isReady = false
    await withdraw?.()
    cancelBookmarks?.()
    await closeBusDoor?.()
    const closed = new Promise<void>((resolve) => door.close(() => resolve()))
    hub.stop()
    door.closeIdleConnections()
    const until = clock.monotonic() + DRAIN_MS
    while (metrics.inFlight > 0 && clock.monotonic() < until)
      await new Promise<void>((resolve) => clock.after(DRAIN_STEP_MS, resolve))
    door.closeAllConnections()
    await closed
    sorted.stop()
    addresses.stop()
  }

  const actor = createActor(
    apiserverMachine.provide({
      actors: {
        prepare: fromPromise(prepare),
        drain: fromPromise(drain),
      },
      actions: {
        announce: () => {
          const { identity, advertiseAddress: address } = options
          withdraw = announce(services, { identity, address, port }, log)
        },
      },
    }),
  )
  const ready = new Promise<void>((resolve, reject) => {
    actor.subscribe(({ value, context }) => {
      if (value === 'serving') resolve()
      if (value === 'failed') reject(context.error)
    })
  })
  const stopped = new Promise<void>((resolve) => {
    actor.subscribe({ complete: () => resolve() })
  })
  ready.catch((error: unknown) => log.error({ err: error }, 'the apiserver could not start'))
  actor.start()
  return {
    port,
    ready,
    stop: async () => {
      actor.send({ type: 'stop' })
      await stopped
    },
  }
}

const listen = (
  door: ReturnType<typeof createHttpDoor>,
  { address, port }: { address: string; port: number },
): Promise<number> =>
  new Promise((resolve, reject) => {
    door.once('error', reject)
    door.listen(port, address, () => {
      door.off('error', reject)
      const bound = door.address()
      resolve(typeof bound === 'object' && bound ? bound.port : port)
    })
  })
