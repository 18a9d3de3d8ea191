/**
 * APIService objects as aggregation reads them, and the condition that says whether one is available. Pure.
 *
 * Reasons and messages are those of Kubernetes' availability controllers.
 */
import type { V1APIServiceCondition } from '@kubernetes/client-node'
import type { APIService } from '../../../api/apiregistration/api-service.ts'
import type { Service } from '../../../api/core/service.ts'
import type { EndpointSlice } from '../../../api/discovery/endpoint-slice.ts'
import type { Wire } from '../../../api/meta.ts'

/** The service behind an APIService; undefined for one that is served here. */
export interface Backend {
  namespace: string
  name: string
  port: number
}

export const backendOf = ({ spec }: APIService): Backend | undefined => {
  const { namespace, name, port = 443 } = spec?.service ?? {}
  return namespace && name ? { namespace, name, port } : undefined
}

export interface Availability {
  status: 'True' | 'False'
  reason: string
  message: string
}

export const PASSED: Availability = {
  status: 'True',
  reason: 'Passed',
  message: 'all checks passed',
}

export const FAILED_DISCOVERY = 'FailedDiscoveryCheck'

export const failedDiscovery = (message: string): Availability => ({
  status: 'False',
  reason: FAILED_DISCOVERY,
  message,
})

/** What speaks against the service before it is asked; undefined when nothing does. */
export const preliminaryFault = (
  { namespace, name, port }: Backend,
  service: Service | undefined,
  slices: readonly EndpointSlice[],
): Availability | undefined => {
  const place = `service/${name} in "${namespace}"`
  const fault = (reason: string, message: string): Availability => ({
    status: 'False',
    reason,
    message,
  })
  if (!service) return fault('ServiceNotFound', `${place} is not present`)
  if (service.spec?.type !== 'ClusterIP') return undefined
  const declared = service.spec.ports?.find((each) => each.port === port)
  if (!declared) return fault('ServicePortError', `${place} is not listening on port ${port}`)
  if (slices.length === 0)
    return fault('EndpointsNotFound', `cannot find endpointslices for ${place}`)
  const portName = declared.name ?? ''
  if (slices.some((slice) => hasEndpoint(slice, portName))) return undefined
  return fault(
    'MissingEndpoints',
    `endpointslices for ${place} have no addresses with port name "${portName}"`,
  )
}

const hasEndpoint = ({ endpoints, ports }: EndpointSlice, portName: string): boolean =>
  (endpoints ?? []).some(({ conditions }) => conditions?.ready ?? true) &&
  (ports ?? []).some(({ name, port }) => (name ?? '') === portName && port != null)

const AVAILABLE = 'Available'

export const isAvailable = ({ status }: APIService): boolean =>
  (status?.conditions ?? []).some(
    ({ type, status: value }) => type === AVAILABLE && value === 'True',
  )

/** The conditions with that one brought up to date; undefined when they say so already. `now` is RFC 3339. */
export const withAvailability = (
  { status }: APIService,
  availability: Availability,
  now: string,
): Wire<V1APIServiceCondition>[] | undefined => {
  const conditions = status?.conditions ?? []
  const old = conditions.find(({ type }) => type === AVAILABLE)
  const isSame =
    old?.status === availability.status &&
    old.reason === availability.reason &&
    old.message === availability.message
  if (isSame) return undefined
  const lastTransitionTime =
    old?.status === availability.status ? (old.lastTransitionTime ?? now) : now
  const fresh = { type: AVAILABLE, ...availability, lastTransitionTime }
  return old ? conditions.map((each) => (each === old ? fresh : each)) : [...conditions, fresh]
}
