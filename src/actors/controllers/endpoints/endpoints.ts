/**
 * Keeps the Endpoints object of each Service that selects pods (Kubernetes' `pkg/controller/endpoint`).
 *
 * Invariant: at most ADDRESSES_MAX addresses, ready ones first; what is left out is told by an annotation.
 * The object is rewritten as a whole, so it is written less often than slices are.
 */
import { Endpoints } from '../../../api/core/endpoints.ts'
import { Pod } from '../../../api/core/pod.ts'
import { Service } from '../../../api/core/service.ts'
import { deepEqual } from '../../../api/equality.ts'
import { selectorOfMap } from '../../../api/selector.ts'
import { defineController, splitKey } from '../controller.ts'
import { type Command, NOTHING } from '../plan.ts'
import { isReady } from '../pods.ts'
import {
  addressesOf,
  type EndpointPort,
  familiesOf,
  familyOf,
  HEADLESS,
  hostnameOf,
  isEndpoint,
  isHeadless,
  isManaged,
  portsOf,
  servicesOfPod,
  targetRefOf,
} from './endpoint.ts'

const ADDRESSES_MAX = 1000
const OVER_CAPACITY = 'endpoints.kubernetes.io/over-capacity'
const MANAGED_BY = 'endpoints.kubernetes.io/managed-by'
const MANAGER = 'endpoint-controller'

type Subset = NonNullable<Endpoints['subsets']>[number]
type Address = NonNullable<Subset['addresses']>[number]

export const endpoints = defineController<Service>({
  name: 'endpoints',
  component: 'endpoint-controller',
  for: Service,
  watches: [
    { kind: Pod, keys: servicesOfPod },
    {
      kind: Endpoints,
      keys: ({ object }) => [`${object.metadata.namespace}/${object.metadata.name}`],
    },
  ],
  intervalMs: 100,
  reconcile: (service, key, view) => {
    const { namespace, name } = splitKey(key)
    const existing = view.get(Endpoints, namespace, name)
    if (!service) {
      if (existing?.metadata.labels?.[MANAGED_BY] !== MANAGER) return NOTHING
      return { commands: [{ verb: 'delete', kind: Endpoints, object: existing }] }
    }
    if (!isManaged(service)) return NOTHING
    const pods = view
      .list(Pod, { namespace: namespace!, labels: selectorOfMap(service.spec?.selector) })
      .filter((pod) => isEndpoint(pod, service.spec?.publishNotReadyAddresses === true))
    const all = subsetsOf(service, pods)
    const subsets = truncated(all)
    return { commands: write(service, existing, subsets, subsets !== all) }
  },
})

/** Addresses grouped by their set of ports, sorted, so that equal pods give an equal object. */
const subsetsOf = (service: Service, pods: readonly Pod[]): Subset[] => {
  const family = familiesOf(service)[0]!
  const groups = new Map<string, Subset & { ports: EndpointPort[] }>()
  for (const pod of pods) {
    const ip = addressesOf(pod).find((address) => familyOf(address) === family)
    if (!ip) continue
    const ports = portsOf(service, pod)
    if (ports.length === 0 && (service.spec?.ports ?? []).length > 0) continue
    const key = JSON.stringify(ports)
    const group = groups.get(key) ?? { ports }
    groups.set(key, group)
    const list =
      service.spec?.publishNotReadyAddresses || isReady(pod) ? 'addresses' : 'notReadyAddresses'
    group[list] = [...(group[list] ?? []), addressOf(service, pod, ip)]
  }
  return [...groups.keys()].sort().map((key) => {
    const { addresses, notReadyAddresses, ports } = groups.get(key)!
    return {
      ...(addresses ? { addresses: addresses.sort(byAddress) } : {}),
      ...(notReadyAddresses ? { notReadyAddresses: notReadyAddresses.sort(byAddress) } : {}),
      ...(ports.length > 0 ? { ports } : {}),
    }
  })
}

const addressOf = (service: Service, pod: Pod, ip: string): Address => {
  const hostname = hostnameOf(service, pod)
  return {
    ip,
    ...(hostname ? { hostname } : {}),
    ...(pod.spec?.nodeName ? { nodeName: pod.spec.nodeName } : {}),
    targetRef: targetRefOf(pod),
  }
}

const byAddress = (one: Address, other: Address): number =>
  one.ip < other.ip ? -1 : one.ip > other.ip ? 1 : 0

/** The same array when nothing had to go; not-ready addresses go first. */
const truncated = (subsets: Subset[]): Subset[] => {
  const count = (list: 'addresses' | 'notReadyAddresses') =>
    subsets.reduce((total, subset) => total + (subset[list]?.length ?? 0), 0)
  if (count('addresses') + count('notReadyAddresses') <= ADDRESSES_MAX) return subsets
  let ready = ADDRESSES_MAX
  let notReady = Math.max(0, ADDRESSES_MAX - count('addresses'))
  return subsets.flatMap(({ addresses = [], notReadyAddresses = [], ports }) => {
    const kept = addresses.slice(0, ready)
    const keptNotReady = notReadyAddresses.slice(0, notReady)
    ready -= kept.length
    notReady -= keptNotReady.length
    if (kept.length + keptNotReady.length === 0) return []
    return [
      {
        ...(kept.length > 0 ? { addresses: kept } : {}),
        ...(keptNotReady.length > 0 ? { notReadyAddresses: keptNotReady } : {}),
        ...(ports ? { ports } : {}),
      },
    ]
  })
}

const write = (
  service: Service,
  existing: Endpoints | undefined,
  subsets: Subset[],
  isTruncated: boolean,
): Command[] => {
  const { [HEADLESS]: _headless, ...own } = service.metadata.labels ?? {}
  const labels = {
    ...own,
    [MANAGED_BY]: MANAGER,
    ...(isHeadless(service) ? { [HEADLESS]: '' } : {}),
  }
  const { [OVER_CAPACITY]: _old, ...kept } = existing?.metadata.annotations ?? {}
  const annotations = { ...kept, ...(isTruncated ? { [OVER_CAPACITY]: 'truncated' } : {}) }
  const subsetsOrNone = subsets.length > 0 ? { subsets } : {}
  if (!existing) {
    const { name, namespace } = service.metadata
    const metadata = {
      name,
      namespace: namespace!,
      labels,
      ...(isTruncated ? { annotations } : {}),
    }
    return [{ verb: 'create', kind: Endpoints, object: { metadata, ...subsetsOrNone } }]
  }
  if (
    deepEqual(existing.subsets ?? [], subsets) &&
    deepEqual(existing.metadata.labels ?? {}, labels) &&
    deepEqual(existing.metadata.annotations ?? {}, annotations)
  )
    return []
  const { subsets: _subsets, ...rest } = existing
  const metadata = { ...existing.metadata, labels, annotations }
  return [{ verb: 'update', kind: Endpoints, object: { ...rest, metadata, ...subsetsOrNone } }]
}
