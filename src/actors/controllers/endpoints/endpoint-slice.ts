/**
 * Keeps the EndpointSlices of each Service that selects pods (Kubernetes' `pkg/controller/endpointslice`).
 *
 * Invariant: a slice holds at most ENDPOINTS_MAX endpoints of one address family and one set of ports; an
 * endpoint stays in the slice it is in; only slices that change are written. A Service's slices die with it
 * by owner reference.
 */
import { Node } from '../../../api/core/node.ts'
import { Pod } from '../../../api/core/pod.ts'
import { Service } from '../../../api/core/service.ts'
import { EndpointSlice, SERVICE_NAME_LABEL } from '../../../api/discovery/endpoint-slice.ts'
import { deepEqual } from '../../../api/equality.ts'
import { objectKey } from '../../../api/meta.ts'
import { selectorOfMap } from '../../../api/selector.ts'
import type { Change, View } from '../../../client/view.ts'
import { defineController } from '../controller.ts'
import { controllerReference } from '../ownership.ts'
import { type Command, NOTHING } from '../plan.ts'
import { isReady } from '../pods.ts'
import {
  addressesOf,
  type EndpointPort,
  familiesOf,
  familyOf,
  HEADLESS,
  hasSharedPorts,
  hostnameOf,
  isEndpoint,
  isHeadless,
  isManaged,
  portsOf,
  servicesOfPod,
  targetRefOf,
} from './endpoint.ts'

const ENDPOINTS_MAX = 100
const MANAGED_BY = 'endpointslice.kubernetes.io/managed-by'
const MANAGER = 'endpointslice-controller.k8s.io'
const ZONE = 'topology.kubernetes.io/zone'

type Endpoint = NonNullable<EndpointSlice['endpoints']>[number]
type Family = 'IPv4' | 'IPv6'

export const endpointSlice = defineController<Service>({
  name: 'endpointslice',
  component: 'endpoint-slice-controller',
  for: Service,
  watches: [
    { kind: Pod, keys: servicesOfPod },
    { kind: EndpointSlice, keys: (change) => serviceOfSlice(change) },
  ],
  intervalMs: 50,
  reconcile: (service, _key, view) => {
    if (!service || service.metadata.deletionTimestamp || !isManaged(service)) return NOTHING
    const { namespace, name } = service.metadata
    const existing = view
      .list(EndpointSlice, {
        namespace: namespace!,
        labels: selectorOfMap({ [SERVICE_NAME_LABEL]: name }),
      })
      .filter(
        ({ metadata }) => metadata.labels?.[MANAGED_BY] === MANAGER && !metadata.deletionTimestamp,
      )
    const pods = view
      .list(Pod, { namespace: namespace!, labels: selectorOfMap(service.spec?.selector) })
      .filter((pod) => isEndpoint(pod, true))
      .sort((one, other) => (one.metadata.name < other.metadata.name ? -1 : 1))
    const families = familiesOf(service)
    const commands = families.flatMap((family) =>
      familyCommands(
        service,
        family,
        desiredEndpoints(service, pods, family, view),
        existing.filter(({ addressType }) => addressType === family),
      ),
    )
    for (const slice of existing)
      if (!families.includes(slice.addressType as Family)) commands.push(deletion(slice))
    return { commands }
  },
})

interface PortGroup {
  ports: EndpointPort[]
  endpoints: Map<string, Endpoint>
}

/** Endpoints by their set of ports, each under the uid of its pod. */
const desiredEndpoints = (
  service: Service,
  pods: readonly Pod[],
  family: Family,
  view: View,
): Map<string, PortGroup> => {
  const groups = new Map<string, PortGroup>()
  const isShared = hasSharedPorts(service)
  let shared: PortGroup | undefined
  for (const pod of pods) {
    const addresses = addressesOf(pod).filter((address) => familyOf(address) === family)
    if (addresses.length === 0) continue
    const group = (isShared && shared) || groupOf(groups, portsOf(service, pod))
    shared = group
    group.endpoints.set(pod.metadata.uid, endpointOf(service, pod, addresses, view))
  }
  return groups
}

const groupOf = (groups: Map<string, PortGroup>, ports: EndpointPort[]): PortGroup => {
  const key = portsKey(ports)
  const group = groups.get(key) ?? { ports, endpoints: new Map() }
  groups.set(key, group)
  return group
}

const portsKey = (ports: readonly EndpointPort[] | undefined): string =>
  JSON.stringify(
    (ports ?? [])
      .map(({ name = '', port, protocol, appProtocol = '' }) => [name, port, protocol, appProtocol])
      .sort(),
  )

const endpointOf = (service: Service, pod: Pod, addresses: string[], view: View): Endpoint => {
  const serving = isReady(pod)
  const terminating = pod.metadata.deletionTimestamp !== undefined
  const nodeName = pod.spec?.nodeName
  const zone = nodeName && view.get(Node, undefined, nodeName)?.metadata.labels?.[ZONE]
  const hostname = hostnameOf(service, pod)
  return {
    addresses,
    conditions: {
      ready: service.spec?.publishNotReadyAddresses === true || (serving && !terminating),
      serving,
      terminating,
    },
    ...(hostname ? { hostname } : {}),
    targetRef: targetRefOf(pod),
    ...(nodeName ? { nodeName } : {}),
    ...(zone ? { zone } : {}),
  }
}

interface Draft {
  slice?: EndpointSlice
  ports: EndpointPort[]
  endpoints: Endpoint[]
  isChanged: boolean
}

/** Writes for the slices of one address family. */
const familyCommands = (
  service: Service,
  family: Family,
  desired: Map<string, PortGroup>,
  existing: readonly EndpointSlice[],
): Command[] => {
  const byPorts = new Map<string, EndpointSlice[]>()
  for (const slice of existing) {
    const key = portsKey(slice.ports as EndpointPort[])
    byPorts.set(key, [...(byPorts.get(key) ?? []), slice])
  }
  const spare = [...byPorts].flatMap(([key, slices]) => (desired.has(key) ? [] : slices))
  const drafts = [...desired].flatMap(([key, group]) => pack(group, byPorts.get(key) ?? []))
  for (const draft of drafts)
    if (draft.endpoints.length === 0 && draft.slice) spare.push(draft.slice)
  const kept = drafts.filter(({ endpoints }) => endpoints.length > 0)
  if (kept.length === 0) kept.push({ ports: [], endpoints: [], isChanged: spare.length === 0 })
  for (const draft of kept) {
    if (draft.slice || spare.length === 0) continue
    draft.slice = spare.shift()!
    draft.isChanged ||= !isPlaceholder(draft.slice) || draft.endpoints.length > 0
  }
  const labels = labelsOf(service)
  const writes = kept.flatMap((draft) => write(service, family, labels, draft))
  const created = writes.filter(({ verb }) => verb === 'create')
  const updated = writes.filter(({ verb }) => verb === 'update')
  return [...created, ...updated, ...spare.map(deletion)]
}

/** Puts each endpoint where it was, and the new ones where there is room, changed slices first. */
const pack = (group: PortGroup, slices: readonly EndpointSlice[]): Draft[] => {
  const left = new Map(group.endpoints)
  const drafts: Draft[] = slices.map((slice) => {
    const before = slice.endpoints ?? []
    const endpoints = before.flatMap((endpoint) => {
      const uid = endpoint.targetRef?.uid ?? ''
      const found = left.get(uid)
      left.delete(uid)
      return found ? [found] : []
    })
    return { slice, ports: group.ports, endpoints, isChanged: !deepEqual(before, endpoints) }
  })
  const waiting = [...left.values()]
  const place = (draft: Draft) => {
    const room = ENDPOINTS_MAX - draft.endpoints.length
    if (room <= 0 || waiting.length === 0) return
    draft.endpoints.push(...waiting.splice(0, room))
    draft.isChanged = true
  }
  for (const draft of drafts) if (draft.isChanged) place(draft)
  const fullestFirst = [...drafts].sort(
    (one, other) => other.endpoints.length - one.endpoints.length,
  )
  const fitting = fullestFirst.find(
    ({ endpoints }) => waiting.length > 0 && endpoints.length + waiting.length <= ENDPOINTS_MAX,
  )
  if (fitting) place(fitting)
  while (waiting.length > 0)
    drafts.push({
      ports: group.ports,
      endpoints: waiting.splice(0, ENDPOINTS_MAX),
      isChanged: true,
    })
  return drafts
}

const isPlaceholder = (slice: EndpointSlice): boolean =>
  !slice.endpoints?.length && !slice.ports?.length

const labelsOf = (service: Service): Record<string, string> => {
  const { [HEADLESS]: _headless, ...own } = service.metadata.labels ?? {}
  return {
    ...own,
    [SERVICE_NAME_LABEL]: service.metadata.name,
    [MANAGED_BY]: MANAGER,
    ...(isHeadless(service) ? { [HEADLESS]: '' } : {}),
  }
}

const write = (
  service: Service,
  family: Family,
  labels: Record<string, string>,
  { slice, ports, endpoints, isChanged }: Draft,
): Command[] => {
  if (!slice) {
    const { name, namespace } = service.metadata
    const metadata = {
      generateName: `${name}-`,
      namespace: namespace!,
      labels,
      ownerReferences: [controllerReference(service)],
    }
    const object = { metadata, addressType: family, endpoints, ports }
    return [{ verb: 'create', kind: EndpointSlice, object }]
  }
  if (!isChanged && deepEqual(slice.metadata.labels, labels)) return []
  const object = { ...slice, metadata: { ...slice.metadata, labels }, endpoints, ports }
  return [{ verb: 'update', kind: EndpointSlice, object }]
}

const deletion = (slice: EndpointSlice): Command => ({
  verb: 'delete',
  kind: EndpointSlice,
  object: slice,
})

/** A slice that somebody else changed or deleted is put right; our own writes look once more, for nothing. */
const serviceOfSlice = ({ object }: Change): string[] => {
  const { labels, namespace } = object.metadata
  const name = labels?.[SERVICE_NAME_LABEL]
  if (!name || labels?.[MANAGED_BY] !== MANAGER) return []
  return [objectKey({ metadata: { namespace: namespace!, name } })]
}
