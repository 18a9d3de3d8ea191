/**
 * What every component is given, and what `main` needs of it to run and stop it.
 *
 * A component's folder exports one function `start…(ports): Promise<Component>`. Components never import
 * each other; `main` hands them their ports.
 */
import type { Bus } from '../bus/bus.ts'
import type { Client } from '../client/client.ts'
import type { Cache } from '../client/view.ts'
import type { Clock } from '../std/clock.ts'
import type { Log } from '../std/log.ts'

export interface Ports {
  bus: Bus
  client: Client
  clock: Clock
  log: Log
  /** Tells this process's actors apart: `<host>-<pid>`; the holder identity of leases. */
  identity: string
  /** The version `nats micro` shows. */
  version: string
}

/** Ports of a component that reads the stream through the process's own cache. */
export interface CachePorts extends Ports {
  cache: Cache
}

export interface Component {
  /** Resolves when the component serves; rejects when it cannot start. */
  readonly ready: Promise<void>
  /**
   * Leads no more, at once: another replica takes over while this one finishes. What is in flight is fenced.
   * Called of all components of a process before any is stopped.
   */
  handOver?(): Promise<void>
  /** Finishes what is in flight; resolves when nothing of it is left. */
  stop(): Promise<void>
}
