/**
 * The coordination.k8s.io Lease of a leader, kept for people and tools that read it: best effort.
 *
 * It decides nothing about who leads; a failed write is tried again at the next renewal.
 */
import { Lease } from '../api/coordination/lease.ts'
import { StatusError } from '../api/status-error.ts'
import { type Clock, microTimestamp } from '../std/clock.ts'
import type { Log } from '../std/log.ts'
import type { Client } from './client.ts'
import type { Fence } from './storage.ts'

const NAMESPACE = 'kube-system'
const RENEW_MS = 10_000
const LEASE_SECONDS = 15

interface LeasePorts {
  client: Client
  clock: Clock
  identity: string
  log: Log
}

/** Writes the Lease now and every RENEW_MS until the returned function is called. */
export const keepLease = ({ client, clock, identity, log }: LeasePorts, fence: Fence) => {
  let isEnded = false
  let cancel: (() => void) | undefined
  let held: Lease | undefined
  const renew = async () => {
    try {
      held = await write(
        client,
        fence,
        renewed(held ?? (await read(client, fence)), identity, fence, clock.now()),
      )
    } catch (err) {
      held = undefined
      log.debug({ component: fence.component, err }, 'the Lease could not be written')
    }
    if (!isEnded) cancel = clock.after(RENEW_MS, () => void renew())
  }
  void renew()
  return () => {
    isEnded = true
    cancel?.()
  }
}

const read = async (client: Client, { component }: Fence): Promise<Lease | undefined> => {
  try {
    return await client.get(Lease, NAMESPACE, component)
  } catch (error) {
    if (error instanceof StatusError && error.code === 404) return undefined
    throw error
  }
}

/** The Lease to write: a new holder takes it over, the same one renews it. */
const renewed = (
  current: Lease | undefined,
  identity: string,
  { component }: Fence,
  nowMs: number,
): Lease => {
  const now = microTimestamp(nowMs)
  const spec = current?.spec ?? {}
  const isSame = spec.holderIdentity === identity
  return {
    apiVersion: Lease.apiVersion,
    kind: Lease.kind,
    metadata: current?.metadata ?? ({ name: component, namespace: NAMESPACE } as Lease['metadata']),
    spec: {
      ...spec,
      holderIdentity: identity,
      leaseDurationSeconds: LEASE_SECONDS,
      acquireTime: isSame ? (spec.acquireTime ?? now) : now,
      renewTime: now,
      leaseTransitions: current ? (spec.leaseTransitions ?? 0) + (isSame ? 0 : 1) : 0,
    },
  }
}

const write = (client: Client, fence: Fence, lease: Lease): Promise<Lease> =>
  lease.metadata.resourceVersion
    ? client.update(Lease, lease, { fence })
    : client.create(Lease, lease, { fence })
