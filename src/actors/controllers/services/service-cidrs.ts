/**
 * Says of each ServiceCIDR that it is ready, and keeps it until no address needs it any more (Kubernetes'
 * `pkg/controller/servicecidrs`).
 *
 * Invariant: a ServiceCIDR carries the finalizer while it is used; it is let go when other ranges hold all its
 * addresses or nobody has one, and not before apiservers have heard that it is going.
 */
import type { V1Condition } from '@kubernetes/client-node'
import { type Network, networkOf } from '../../../api/ip-network.ts'
import type { Wire } from '../../../api/meta.ts'
import { IPAddress } from '../../../api/networking/ip-address.ts'
import { ServiceCIDR } from '../../../api/networking/service-cidr.ts'
import type { View } from '../../../client/view.ts'
import { timestamp } from '../../../std/clock.ts'
import { defineController } from '../controller.ts'
import { type Command, NOTHING, type Plan } from '../plan.ts'
import { ALLOCATOR, MANAGED_BY } from './ip-addresses.ts'

type Condition = Wire<V1Condition>

const FINALIZER = 'networking.k8s.io/service-cidr-finalizer'
/** Apiservers give no more addresses of a range that is going after that. */
const GRACE_MS = 10_000

export const serviceCidrs = defineController<ServiceCIDR>({
  name: 'service-cidrs',
  component: 'service-cidr-controller',
  for: ServiceCIDR,
  watches: [
    {
      kind: IPAddress,
      // Only a range that is going asks who has addresses.
      keys: ({ type }, cache) =>
        type === 'DELETED'
          ? cache
              .list(ServiceCIDR)
              .filter(({ metadata }) => metadata.deletionTimestamp)
              .map(({ metadata }) => metadata.name)
          : [],
    },
    {
      kind: ServiceCIDR,
      // Another range may hold the addresses of one that is going.
      keys: (_change, cache) =>
        cache
          .list(ServiceCIDR)
          .filter(({ metadata }) => metadata.deletionTimestamp)
          .map(({ metadata }) => metadata.name),
    },
  ],
  reconcile: (range, _name, view, now) => {
    if (!range) return NOTHING
    if (range.metadata.deletionTimestamp) return end(range, view, now)
    const { finalizers = [] } = range.metadata
    const commands: Command[] = finalizers.includes(FINALIZER)
      ? []
      : [withFinalizers(range, [...finalizers, FINALIZER])]
    return { commands: [...commands, ...told(range, READY, now)] }
  },
})

const READY = { status: 'True', reason: '', message: 'Kubernetes Service CIDR is ready' }
const IN_USE = {
  status: 'False',
  reason: 'Terminating',
  message:
    'There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR',
}

const end = (range: ServiceCIDR, view: View, now: number): Plan => {
  const { finalizers = [], deletionTimestamp } = range.metadata
  if (!finalizers.includes(FINALIZER)) return NOTHING
  if (isNeeded(range, view)) return { commands: told(range, IN_USE, now) }
  const leftMs = Date.parse(deletionTimestamp!) + GRACE_MS - now
  if (leftMs > 0) return { commands: [], requeueAfterMs: leftMs }
  return {
    commands: [
      withFinalizers(
        range,
        finalizers.filter((name) => name !== FINALIZER),
      ),
    ],
  }
}

const networksOf = ({ spec }: ServiceCIDR): Network[] => (spec?.cidrs ?? []).map(networkOf)

const holds = (whole: Network, part: Network): boolean =>
  whole.bits === part.bits &&
  whole.length <= part.length &&
  whole.first >> BigInt(whole.bits - whole.length) ===
    part.first >> BigInt(whole.bits - whole.length)

/** Whether some address that is in use is in no other range. */
const isNeeded = (range: ServiceCIDR, view: View): boolean => {
  const own = networksOf(range)
  const others = view
    .list(ServiceCIDR)
    .filter(({ metadata }) => metadata.uid !== range.metadata.uid)
    .flatMap(networksOf)
  const isHeld = (part: Network) => others.some((network) => holds(network, part))
  if (own.every(isHeld)) return false
  return view.list(IPAddress).some(({ metadata }) => {
    if (metadata.labels?.[MANAGED_BY] !== ALLOCATOR) return false
    const address = networkOf(`${metadata.name}/${metadata.name.includes(':') ? 128 : 32}`)
    return own.some((network) => holds(network, address)) && !isHeld(address)
  })
}

const withFinalizers = (object: ServiceCIDR, finalizers: string[]): Command => ({
  verb: 'patch',
  kind: ServiceCIDR,
  object,
  type: 'merge',
  patch: { metadata: { resourceVersion: object.metadata.resourceVersion, finalizers } },
})

const told = (
  range: ServiceCIDR,
  { status, reason, message }: Pick<Condition, 'status' | 'reason' | 'message'>,
  now: number,
): Command[] => {
  const conditions = (range.status?.conditions ?? []) as Condition[]
  const known = conditions.find(({ type }) => type === 'Ready')
  if (known?.status === status) return []
  const ready = { type: 'Ready', status, reason, message, lastTransitionTime: timestamp(now) }
  const patch = {
    status: { conditions: [...conditions.filter(({ type }) => type !== 'Ready'), ready] },
  }
  return [
    {
      verb: 'patch',
      kind: ServiceCIDR,
      object: range,
      type: 'merge',
      patch,
      subresource: 'status',
    },
  ]
}
