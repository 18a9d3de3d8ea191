/**
 * Keeps the endpoints of the Service `default/kubernetes` equal to the apiservers that live.
 *
 * Each apiserver renews a Lease in kube-system; each looks at all of them and writes Endpoints and
 * EndpointSlices when they differ. Invariant: a lease is judged by when this process saw it change, not by
 * another machine's clock. It elects nobody: all replicas write the same, and compare-and-set orders them.
 */
import { Lease } from '../../api/coordination/lease.ts'
import { Endpoints } from '../../api/core/endpoints.ts'
import { EndpointSlice, SERVICE_NAME_LABEL } from '../../api/discovery/endpoint-slice.ts'
import type { AnyKind } from '../../api/kind.ts'
import { StatusError } from '../../api/status-error.ts'
import { microTimestamp } from '../../std/clock.ts'
import type { Log } from '../../std/log.ts'
import { SYSTEM } from './bootstrap.ts'
import { execute } from './pipeline.ts'
import { NO_QUERY, type Verb } from './request.ts'
import type { Services } from './services.ts'

export interface Announcement {
  identity: string
  /** Where this apiserver is reached. */
  address: string
  port: number
}

export interface Address {
  ip: string
  port: number
}

const RENEW_MS = 3_000
const LEASE_SECONDS = 10
const SYSTEM_NAMESPACE = 'kube-system'
const IDENTITY_LABEL = 'apiserver.kubernetes.io/identity'
const ADDRESS_ANNOTATION = 'kubus.io/advertised-address'

/** Announces from now on; the result withdraws. */
export const announce = (
  services: Services,
  announcement: Announcement,
  log: Log,
): (() => Promise<void>) => {
  const seen = new Map<string, { revision: string; atMs: number }>()
  let cancel: (() => void) | undefined
  let isOver = false
  let running: Promise<void> = Promise.resolve()
  const turn = async () => {
    try {
      await renew(services, announcement)
      await publish(services, living(services, seen))
    } catch (error) {
      log.warn({ err: error }, 'the endpoints of the API could not be kept')
    }
    if (!isOver) cancel = services.clock.after(RENEW_MS, start)
  }
  const start = () => {
    running = turn()
  }
  start()
  return async () => {
    isOver = true
    cancel?.()
    await running
    try {
      const name = leaseName(announcement)
      await ask(services, 'delete', Lease, SYSTEM_NAMESPACE, name)
      await publish(services, living(services, seen))
    } catch (error) {
      log.warn({ err: error }, 'the endpoints of the API could not be withdrawn')
    }
  }
}

const leaseName = ({ identity }: Announcement): string =>
  `apiserver-${identity
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, '-')
    .replace(/^-+|-+$/g, '')}`

const renew = async (services: Services, announcement: Announcement): Promise<void> => {
  const name = leaseName(announcement)
  const renewTime = microTimestamp(services.clock.now())
  const spec = {
    holderIdentity: announcement.identity,
    leaseDurationSeconds: LEASE_SECONDS,
    renewTime,
  }
  const address = `${announcement.address}:${announcement.port}`
  const labels = { [IDENTITY_LABEL]: 'kube-apiserver' }
  const metadata = { name, labels, annotations: { [ADDRESS_ANNOTATION]: address } }
  await put(services, Lease, SYSTEM_NAMESPACE, name, { metadata, spec })
}

/** Addresses whose lease was renewed in time, sorted. */
const living = (
  { storage, clock }: Services,
  seen: Map<string, { revision: string; atMs: number }>,
): Address[] => {
  const nowMs = clock.monotonic()
  const labels = [{ key: IDENTITY_LABEL, operator: '=' as const, values: ['kube-apiserver'] }]
  const leases = storage.cache.list(Lease, { namespace: SYSTEM_NAMESPACE, labels })
  const present = new Set<string>()
  const addresses: Address[] = []
  for (const { metadata, spec } of leases) {
    present.add(metadata.name)
    const last = seen.get(metadata.name)
    const isNew = last?.revision !== metadata.resourceVersion
    if (isNew) seen.set(metadata.name, { revision: metadata.resourceVersion, atMs: nowMs })
    const ageMs = isNew ? 0 : nowMs - (last?.atMs ?? nowMs)
    if (ageMs > (spec?.leaseDurationSeconds ?? LEASE_SECONDS) * 1000) continue
    const address = parseAdvertised(metadata.annotations?.[ADDRESS_ANNOTATION])
    /** Endpoints may not name a loopback address: nobody else could reach it. */
    if (address && !address.ip.startsWith('127.')) addresses.push(address)
  }
  for (const name of seen.keys()) if (!present.has(name)) seen.delete(name)
  return addresses.sort((a, b) => a.port - b.port || (a.ip < b.ip ? -1 : 1))
}

const parseAdvertised = (text: string | undefined): Address | undefined => {
  const found = /^([\d.]+):(\d+)$/.exec(text ?? '')
  return found ? { ip: found[1]!, port: Number(found[2]) } : undefined
}

const publish = async (services: Services, addresses: readonly Address[]): Promise<void> => {
  const plan = planEndpoints(addresses)
  const { storage } = services
  await put(services, Endpoints, 'default', 'kubernetes', plan.endpoints)
  for (const slice of plan.slices)
    await put(services, EndpointSlice, 'default', slice.metadata.name, slice)
  const wanted = new Set(plan.slices.map(({ metadata }) => metadata.name))
  const labels = [{ key: SERVICE_NAME_LABEL, operator: '=' as const, values: ['kubernetes'] }]
  for (const { metadata } of storage.cache.list(EndpointSlice, { namespace: 'default', labels }))
    if (!wanted.has(metadata.name))
      await ask(services, 'delete', EndpointSlice, 'default', metadata.name).catch(unlessGone)
}

type Slice = { metadata: { name: string; labels: Record<string, string> } } & object

/** One subset and one slice for each port in use; all replicas normally share one. */
export const planEndpoints = (
  addresses: readonly Address[],
): { endpoints: object; slices: Slice[] } => {
  const ports = [...new Set(addresses.map(({ port }) => port))]
  const at = (port: number) =>
    [...new Set(addresses.filter((each) => each.port === port).map(({ ip }) => ip))].sort()
  return {
    endpoints: {
      metadata: {
        name: 'kubernetes',
        labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' },
      },
      ...(ports.length === 0
        ? {}
        : {
            subsets: ports.map((port) => ({
              addresses: at(port).map((ip) => ({ ip })),
              ports: [{ name: 'https', port, protocol: 'TCP' }],
            })),
          }),
    },
    slices: (ports.length === 0 ? [undefined] : ports).map((port, index) => ({
      metadata: {
        name: index === 0 ? 'kubernetes' : `kubernetes-${port}`,
        labels: { [SERVICE_NAME_LABEL]: 'kubernetes' },
      },
      addressType: 'IPv4',
      endpoints:
        port === undefined
          ? []
          : at(port).map((ip) => ({ addresses: [ip], conditions: { ready: true } })),
      ports: port === undefined ? [] : [{ name: 'https', port, protocol: 'TCP' }],
    })),
  }
}

const ask = async (
  services: Services,
  verb: Verb,
  kind: AnyKind,
  namespace: string,
  name: string,
  body?: unknown,
): Promise<void> => {
  await execute(services, {
    verb,
    kind,
    namespace,
    name: verb === 'create' ? undefined : name,
    user: SYSTEM,
    manager: 'kube-apiserver',
    query: NO_QUERY,
    ...(body === undefined ? {} : { body }),
  })
}

/** All replicas remove the same; one of them is first. */
const unlessGone = (error: unknown): void => {
  if (!(error instanceof StatusError) || error.code !== 404) throw error
}

/** Creates the object or makes it so; an object that is so already is not written. */
const put = async (
  services: Services,
  kind: AnyKind,
  namespace: string,
  name: string,
  body: object,
): Promise<void> => {
  const exists = services.storage.cache.get(kind, namespace, name) !== undefined
  try {
    await ask(services, exists ? 'update' : 'create', kind, namespace, name, body)
  } catch (error) {
    const reason = error instanceof StatusError ? error.reason : ''
    if (reason !== (exists ? 'NotFound' : 'AlreadyExists')) throw error
    await ask(services, exists ? 'create' : 'update', kind, namespace, name, body)
  }
}
