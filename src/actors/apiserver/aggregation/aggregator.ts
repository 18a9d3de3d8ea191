/**
 * Aggregated APIs: which groups and versions other servers serve, and whether these servers are there.
 *
 * One checker a server: at once when its APIService, its Service or its endpoints change, else now and then, more
 * rarely the longer it fails. What a check finds is written to the APIService's condition, which decides whether
 * requests are passed on. Invariant: a cluster without such servers has no timers and no connections of this.
 */

import { APIService } from '../../../api/apiregistration/api-service.ts'
import { Service } from '../../../api/core/service.ts'
import { EndpointSlice, SERVICE_NAME_LABEL } from '../../../api/discovery/endpoint-slice.ts'
import { StatusError } from '../../../api/status-error.ts'
import type { Change } from '../../../client/view.ts'
import { type Clock, timestamp } from '../../../std/clock.ts'
import type { Log } from '../../../std/log.ts'
import type { User } from '../request.ts'
import {
  type Availability,
  backendOf,
  FAILED_DISCOVERY,
  failedDiscovery,
  isAvailable,
  PASSED,
  preliminaryFault,
  withAvailability,
} from './api-service-object.ts'
import { type ExtensionPorts, ExtensionServer } from './extension-server.ts'
import { type RemoteResource, type RemoteVersion, remoteResources } from './remote-version.ts'
import { slicesOf } from './service-connection.ts'

export interface AggregatorPorts extends ExtensionPorts {
  clock: Clock
  log: Log
  /** Writes the conditions of an APIService. Throws StatusError. */
  writeStatus(object: APIService): Promise<void>
}

/** In whose name this server asks on its own account. */
export const AGGREGATOR: User = { name: 'system:kube-aggregator', groups: ['system:masters'] }

const CHECK_TIMEOUT_MS = 5000
const CHECK_EVERY_MS = 30_000
/** Of a server that does not answer; doubled each time. */
const FIRST_RETRY_MS = 20

interface Remote {
  server: ExtensionServer
  resources: readonly RemoteResource[] | undefined
  failures: number
  isChecking: boolean
  /** A change came during a check. */
  isStale: boolean
  cancelTimer: () => void
}

export class Aggregator {
  private readonly ports: AggregatorPorts
  private readonly remotes = new Map<string, Remote>()
  private readonly listeners = new Set<() => void>()
  private unsubscribe: () => void = () => undefined

  constructor(ports: AggregatorPorts) {
    this.ports = ports
  }

  /** Once the cache is complete. */
  start(): void {
    const { cache } = this.ports
    for (const object of cache.list(APIService)) this.apply(object)
    this.unsubscribe = cache.subscribe((change) => this.observe(change))
  }

  stop(): void {
    this.unsubscribe()
    for (const name of [...this.remotes.keys()]) this.forget(name)
  }

  get isIdle(): boolean {
    return this.remotes.size === 0
  }

  /** The server of a path below `/apis/<group>/<version>`; undefined when this one serves it itself. */
  serverOf(path: string): ExtensionServer | undefined {
    if (this.isIdle) return undefined
    const [, root, group, version] = path.split('/')
    if (root !== 'apis' || !group || !version) return undefined
    const groupVersion = `${group}/${version}`
    if (this.ports.cache.kinds.of(groupVersion)) return undefined
    return this.remotes.get(`${version}.${group}`)?.server
  }

  /** Whether the APIService's condition says so. */
  isAvailable({ group, version }: ExtensionServer): boolean {
    const object = this.ports.cache.get(APIService, undefined, `${version}.${group}`)
    return object !== undefined && isAvailable(object)
  }

  /** Servers whose last check passed. */
  available(): ExtensionServer[] {
    return [...this.remotes.values()]
      .map(({ server }) => server)
      .filter((server) => this.isAvailable(server))
  }

  /** For discovery. */
  list(): RemoteVersion[] {
    return [...this.remotes.values()].map(({ server, resources }) => {
      const { groupPriorityMinimum = 0, versionPriority = 0 } = server.apiService.spec ?? {}
      return {
        group: server.group,
        version: server.version,
        groupPriority: groupPriorityMinimum,
        versionPriority,
        resources,
        isFresh: this.isAvailable(server),
      }
    })
  }

  /** Called when `list` would give something else. */
  onChange(listener: () => void): void {
    this.listeners.add(listener)
  }

  private changed(): void {
    for (const listener of this.listeners) listener()
  }

  private observe({ kind: changed, type, object }: Change): void {
    if (changed === APIService) {
      if (type === 'DELETED') this.forget(object.metadata.name)
      else this.apply(object as APIService)
      return
    }
    if (this.isIdle || (changed !== Service && changed !== EndpointSlice)) return
    const { namespace, name, labels } = object.metadata
    const service = changed === Service ? name : labels?.[SERVICE_NAME_LABEL]
    for (const remote of this.remotes.values()) {
      const { backend } = remote.server
      if (backend.namespace !== namespace || backend.name !== service) continue
      remote.failures = 0
      this.check(remote)
    }
  }

  private apply(object: APIService): void {
    const { name } = object.metadata
    const known = this.remotes.get(name)
    if (known?.server.isFor(object)) {
      this.changed()
      return
    }
    this.forget(name)
    if (!backendOf(object)) return
    const remote: Remote = {
      server: new ExtensionServer(object, this.ports),
      resources: undefined,
      failures: 0,
      isChecking: false,
      isStale: false,
      cancelTimer: () => undefined,
    }
    this.remotes.set(name, remote)
    this.changed()
    this.check(remote)
  }

  private forget(name: string): void {
    const remote = this.remotes.get(name)
    if (!remote) return
    remote.cancelTimer()
    remote.server.close()
    this.remotes.delete(name)
    this.changed()
  }

  private check(remote: Remote): void {
    remote.cancelTimer()
    if (remote.isChecking) {
      remote.isStale = true
      return
    }
    remote.isChecking = true
    this.judge(remote)
      .then((availability) => this.report(remote, availability))
      .catch((error: unknown) => {
        remote.failures++
        const { name } = remote.server.apiService.metadata
        if (!(error instanceof StatusError))
          this.ports.log.error({ err: error, apiService: name }, 'an availability check failed')
      })
      .finally(() => this.schedule(remote))
  }

  private schedule(remote: Remote): void {
    remote.isChecking = false
    if (this.remotes.get(remote.server.apiService.metadata.name) !== remote) return
    if (remote.isStale) {
      remote.isStale = false
      this.check(remote)
      return
    }
    const wait =
      remote.failures === 0
        ? CHECK_EVERY_MS
        : Math.min(CHECK_EVERY_MS, FIRST_RETRY_MS * 2 ** (remote.failures - 1))
    remote.cancelTimer = this.ports.clock.after(wait, () => this.check(remote))
  }

  private async judge(remote: Remote): Promise<Availability> {
    const { cache } = this.ports
    const { server } = remote
    const { backend, group, version } = server
    const service = cache.get(Service, backend.namespace, backend.name)
    const fault = preliminaryFault(backend, service, slicesOf(cache, backend))
    if (fault) return fault
    const path = `/apis/${group}/${version}`
    const url = server.url(path)
    try {
      const reply = await server.probe(path, AGGREGATOR, CHECK_TIMEOUT_MS)
      if (reply.code < 200 || reply.code >= 300)
        throw new Error(`bad status from ${url}: ${reply.code}`)
      remote.resources = remoteResources(JSON.parse(reply.body.toString()), group, version)
      return PASSED
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      return failedDiscovery(`failing or missing response from ${url}: ${why}`)
    }
  }

  private async report(remote: Remote, availability: Availability): Promise<void> {
    const { cache, clock, writeStatus } = this.ports
    /** What else may be wrong shows as a change. */
    const isAskedAgain = availability.reason === FAILED_DISCOVERY
    remote.failures = isAskedAgain ? remote.failures + 1 : 0
    const { name } = remote.server.apiService.metadata
    const object = cache.get(APIService, undefined, name)
    if (!object) return
    const conditions = withAvailability(object, availability, timestamp(clock.now()))
    if (conditions) await writeStatus({ ...object, status: { ...object.status, conditions } })
    this.changed()
  }
}
