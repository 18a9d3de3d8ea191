/**
 * One pod as an endpoint of one Service: whether it is one, its ports, and which changes matter.
 *
 * The rules are those of Kubernetes' `pkg/controller/util/endpoint` and `staging/…/endpointslice`. Pure.
 */
import type { Pod } from '../../../api/core/pod.ts'
import type { Service } from '../../../api/core/service.ts'
import { deepEqual } from '../../../api/equality.ts'
import type { Cache, Change } from '../../../client/view.ts'
import { isFinished, isReady } from '../pods.ts'
import { serviceIndex } from './service-index.ts'

export interface EndpointPort {
  name?: string
  port: number
  protocol: string
  appProtocol?: string
}

/** Marks what belongs to a Service without an address of its own. */
export const HEADLESS = 'service.kubernetes.io/headless'

/** Whether endpoints of this Service are ours to keep: it selects pods and stands for an address. */
export const isManaged = (service: Service): boolean =>
  service.spec?.type !== 'ExternalName' && Object.keys(service.spec?.selector ?? {}).length > 0

export const isHeadless = (service: Service): boolean => service.spec?.clusterIP === 'None'

export const addressesOf = (pod: Pod): string[] => {
  const { podIP, podIPs } = pod.status ?? {}
  const all = (podIPs ?? []).flatMap(({ ip }) => (ip ? [ip] : []))
  return all.length > 0 ? all : podIP ? [podIP] : []
}

export const familyOf = (address: string): 'IPv4' | 'IPv6' =>
  address.includes(':') ? 'IPv6' : 'IPv4'

export const familiesOf = (service: Service): ('IPv4' | 'IPv6')[] =>
  service.spec?.ipFamilies?.length
    ? (service.spec.ipFamilies as ('IPv4' | 'IPv6')[])
    : [familyOf(service.spec?.clusterIP ?? '')]

/** Unfinished and addressable; terminating ones count only for who asks. */
export const isEndpoint = (pod: Pod, withTerminating: boolean): boolean =>
  !isFinished(pod) &&
  addressesOf(pod).length > 0 &&
  (withTerminating || !pod.metadata.deletionTimestamp)

/** Whether every pod serves the same ports: none is named. */
export const hasSharedPorts = (service: Service): boolean =>
  (service.spec?.ports ?? []).every(({ targetPort: target }) => typeof target !== 'string')

/** The Service's ports as this pod serves them; a named port that it lacks is left out. */
export const portsOf = (service: Service, pod: Pod): EndpointPort[] =>
  (service.spec?.ports ?? []).flatMap((port) => {
    const protocol = port.protocol ?? 'TCP'
    const number = targetPort(pod, port.targetPort ?? port.port, protocol, port.port)
    if (number === undefined) return []
    return [
      {
        ...(port.name ? { name: port.name } : {}),
        port: number,
        protocol,
        ...(port.appProtocol ? { appProtocol: port.appProtocol } : {}),
      },
    ]
  })

const targetPort = (pod: Pod, target: unknown, protocol: string, port: number) => {
  if (typeof target === 'number') return target === 0 ? port : target
  const restartable = (pod.spec?.initContainers ?? []).filter(
    ({ restartPolicy }) => restartPolicy === 'Always',
  )
  for (const container of [...restartable, ...(pod.spec?.containers ?? [])])
    for (const declared of container.ports ?? [])
      if (declared.name === target && (declared.protocol ?? 'TCP') === protocol)
        return declared.containerPort
  return undefined
}

/** The pod's own DNS name below a headless Service. */
export const hostnameOf = (service: Service, pod: Pod): string | undefined =>
  pod.spec?.hostname && pod.spec.subdomain === service.metadata.name ? pod.spec.hostname : undefined

export const targetRefOf = (pod: Pod) => ({
  kind: 'Pod',
  namespace: pod.metadata.namespace!,
  name: pod.metadata.name,
  uid: pod.metadata.uid,
})

/** The Services that a pod's change concerns, by its present and former labels. */
export const servicesOfPod = (change: Change, cache: Cache): string[] => {
  const pod = change.object as Pod
  const previous = change.previous as Pod | undefined
  const { namespace, labels } = pod.metadata
  const index = serviceIndex(cache)
  const isMoved = previous !== undefined && !deepEqual(previous.metadata.labels, labels)
  if (change.type === 'MODIFIED' && !isMoved && previous && isSame(previous, pod)) return []
  const keys = index.selecting(namespace!, labels)
  if (!isMoved) return keys
  return [...new Set([...keys, ...index.selecting(namespace!, previous.metadata.labels)])]
}

const isSame = (one: Pod, other: Pod): boolean =>
  isReady(one) === isReady(other) &&
  isFinished(one) === isFinished(other) &&
  one.metadata.deletionTimestamp === other.metadata.deletionTimestamp &&
  one.spec?.nodeName === other.spec?.nodeName &&
  one.status?.podIP === other.status?.podIP &&
  deepEqual(one.status?.podIPs, other.status?.podIPs)
