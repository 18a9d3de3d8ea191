/**
 * Copies Endpoints that somebody keeps by hand into EndpointSlices, for Services without a selector (Kubernetes'
 * `pkg/controller/endpointslicemirroring`): proxies read slices only.
 *
 * Invariant: a set of ports of one address family has one slice, which dies with the Endpoints by owner reference;
 * Endpoints of a Service with a selector, of none, or that say `skip-mirror` have none.
 */
import { Endpoints } from '../../../api/core/endpoints.ts'
import { Service } from '../../../api/core/service.ts'
import { EndpointSlice, SERVICE_NAME_LABEL } from '../../../api/discovery/endpoint-slice.ts'
import { deepEqual } from '../../../api/equality.ts'
import { objectKey } from '../../../api/meta.ts'
import { selectorOfMap } from '../../../api/selector.ts'
import type { Change, View } from '../../../client/view.ts'
import { defineController, splitKey } from '../controller.ts'
import { controllerReference } from '../ownership.ts'
import type { Command, Plan, Report } from '../plan.ts'
import { familyOf } from './endpoint.ts'

const MANAGED_BY = 'endpointslice.kubernetes.io/managed-by'
const MANAGER = 'endpointslicemirroring-controller.k8s.io'
const SKIP = 'endpointslice.kubernetes.io/skip-mirror'
const LEADER = 'control-plane.alpha.kubernetes.io/leader'
/** Annotations that say something of the Endpoints only. */
const OWN_ANNOTATIONS = [
  'endpoints.kubernetes.io/last-change-trigger-time',
  'kubectl.kubernetes.io/last-applied-configuration',
]
/** Mirrored of each set of ports. */
const ADDRESSES_MAX = 1000

type Subset = NonNullable<Endpoints['subsets']>[number]
type Address = NonNullable<Subset['addresses']>[number]
type Endpoint = NonNullable<EndpointSlice['endpoints']>[number]
type Port = NonNullable<EndpointSlice['ports']>[number]

/** What one slice is to hold. */
interface Wanted {
  family: 'IPv4' | 'IPv6'
  ports: Port[]
  endpoints: Map<string, Endpoint>
}

export const endpointSliceMirroring = defineController<Endpoints>({
  name: 'endpointslicemirroring',
  component: 'endpoint-slice-mirroring-controller',
  for: Endpoints,
  watches: [
    { kind: Service, keys: ({ object }) => [objectKey(object)] },
    { kind: EndpointSlice, keys: (change) => mirroredBy(change) },
  ],
  intervalMs: 50,
  reconcile: (endpoints, key, view) => {
    const { namespace = '', name } = splitKey(key)
    const existing = view
      .list(EndpointSlice, { namespace, labels: selectorOfMap({ [SERVICE_NAME_LABEL]: name }) })
      .filter(
        ({ metadata }) => metadata.labels?.[MANAGED_BY] === MANAGER && !metadata.deletionTimestamp,
      )
    if (!endpoints || !isMirrored(endpoints, view)) return { commands: existing.map(deletion) }
    return mirror(endpoints, existing)
  },
})

const isMirrored = ({ metadata }: Endpoints, view: View): boolean => {
  const { namespace, name, labels, annotations } = metadata
  if (labels?.[SKIP] === 'true' || annotations?.[LEADER] !== undefined) return false
  const service = view.get(Service, namespace, name)
  return service !== undefined && Object.keys(service.spec?.selector ?? {}).length === 0
}

const mirror = (endpoints: Endpoints, existing: readonly EndpointSlice[]): Plan => {
  const { wanted, skipped } = wantedOf(endpoints)
  const left = [...existing]
  const take = (fits: (slice: EndpointSlice) => boolean): EndpointSlice | undefined => {
    const at = left.findIndex(fits)
    return at < 0 ? undefined : left.splice(at, 1)[0]
  }
  const kept = wanted.map((one) => ({
    one,
    slice: take((slice) => keyOf(slice) === keyOf(asSlice(one))),
  }))
  // What is to go is used for what is to come.
  for (const pair of kept) pair.slice ??= take(({ addressType }) => addressType === pair.one.family)
  const writes = kept.flatMap(({ one, slice }) => write(endpoints, one, slice))
  const reports: Report[] = []
  if (skipped > 0)
    reports.push({
      object: endpoints,
      type: 'Warning',
      reason: 'TooManyAddressesToMirror',
      message: `A max of ${ADDRESSES_MAX} addresses can be mirrored to EndpointSlices per Endpoints subset. ${skipped} addresses were skipped`,
    })
  return { commands: [...writes, ...left.map(deletion)], reports }
}

const wantedOf = ({ subsets }: Endpoints): { wanted: Wanted[]; skipped: number } => {
  const wanted = new Map<string, Wanted>()
  let skipped = 0
  for (const { addresses = [], notReadyAddresses = [], ports = [] } of subsets ?? []) {
    const slicePorts = ports.map(({ name = '', port, protocol = 'TCP', appProtocol }) => ({
      name,
      port,
      protocol,
      ...(appProtocol ? { appProtocol } : {}),
    }))
    let count = 0
    const add = (address: Address, ready: boolean) => {
      if (count >= ADDRESSES_MAX) {
        skipped++
        return
      }
      count++
      const one: Wanted = { family: familyOf(address.ip), ports: slicePorts, endpoints: new Map() }
      const key = keyOf(asSlice(one))
      const found = wanted.get(key) ?? one
      wanted.set(key, found)
      found.endpoints.set(address.ip, endpointOf(address, ready))
    }
    for (const address of addresses) add(address, true)
    for (const address of notReadyAddresses) add(address, false)
  }
  return { wanted: [...wanted.values()], skipped }
}

const endpointOf = ({ ip, hostname, nodeName, targetRef }: Address, ready: boolean): Endpoint => ({
  addresses: [ip],
  conditions: { ready },
  ...(hostname ? { hostname } : {}),
  ...(targetRef ? { targetRef } : {}),
  ...(nodeName ? { nodeName } : {}),
})

const asSlice = ({ family, ports }: Wanted) => ({ addressType: family, ports })

const keyOf = ({ addressType, ports }: { addressType: string; ports?: readonly Port[] }): string =>
  `${addressType} ${(ports ?? [])
    .map(({ name = '', port, protocol, appProtocol = '' }) =>
      [name, port, protocol, appProtocol].join('/'),
    )
    .sort()
    .join()}`

const write = (
  endpoints: Endpoints,
  { family, ports, endpoints: entries }: Wanted,
  slice: EndpointSlice | undefined,
): Command[] => {
  const { namespace, name } = endpoints.metadata
  const labels = {
    ...endpoints.metadata.labels,
    [SERVICE_NAME_LABEL]: name,
    [MANAGED_BY]: MANAGER,
  }
  const annotations = Object.fromEntries(
    Object.entries(endpoints.metadata.annotations ?? {}).filter(
      ([key]) => !OWN_ANNOTATIONS.includes(key),
    ),
  )
  const owner = controllerReference(endpoints)
  const described = { labels, annotations, ownerReferences: [owner] }
  const content = { addressType: family, ports, endpoints: [...entries.values()] }
  if (!slice) {
    if (endpoints.metadata.deletionTimestamp) return []
    const metadata = { generateName: `${name}-`, namespace: namespace!, ...described }
    return [{ verb: 'create', kind: EndpointSlice, object: { metadata, ...content } }]
  }
  const isSame =
    deepEqual(slice.metadata.labels, labels) &&
    deepEqual(slice.metadata.annotations ?? {}, annotations) &&
    slice.metadata.ownerReferences?.some(({ uid }) => uid === owner.uid) &&
    keyOf(slice) === keyOf(content) &&
    deepEqual(byAddress(slice.endpoints ?? []), byAddress(content.endpoints))
  if (isSame) return []
  const metadata = { ...slice.metadata, ...described }
  return [{ verb: 'update', kind: EndpointSlice, object: { ...slice, metadata, ...content } }]
}

const byAddress = (endpoints: readonly Endpoint[]): Endpoint[] =>
  [...endpoints].sort((one, other) => (one.addresses[0]! < other.addresses[0]! ? -1 : 1))

const deletion = (slice: EndpointSlice): Command => ({
  verb: 'delete',
  kind: EndpointSlice,
  object: slice,
})

/** A mirror that somebody else changed or deleted is put right. */
const mirroredBy = ({ object }: Change): string[] => {
  const { labels, namespace } = object.metadata
  const name = labels?.[SERVICE_NAME_LABEL]
  return name && labels?.[MANAGED_BY] === MANAGER ? [`${namespace}/${name}`] : []
}
