/**
 * Connections to a Service of the cluster, from the apiserver: to one of its ready endpoints.
 *
 * The apiserver needs no route into the pod network: pods are reached by way of their kubelets. Endpoints that are no
 * pods, and external names, are dialled. Throws StatusError 503 when there is nobody to connect to.
 */
import { connect } from 'node:net'
import type { Duplex } from 'node:stream'
import { Pod } from '../../../api/core/pod.ts'
import { Service } from '../../../api/core/service.ts'
import { EndpointSlice, SERVICE_NAME_LABEL } from '../../../api/discovery/endpoint-slice.ts'
import { serviceUnavailable } from '../../../api/status-error.ts'
import type { Bus } from '../../../bus/bus.ts'
import type { Cache } from '../../../client/view.ts'
import { randomFraction } from '../../../std/ids.ts'
import { openPodPort } from '../port-forward/pod-port.ts'
import type { Backend } from './api-service-object.ts'

const DIAL_TIMEOUT_MS = 5000

export const slicesOf = (cache: Cache, { namespace, name }: Backend): EndpointSlice[] =>
  cache
    .list(EndpointSlice, { namespace })
    .filter(({ metadata }) => metadata.labels?.[SERVICE_NAME_LABEL] === name)

export const connectService = async (cache: Cache, bus: Bus, backend: Backend): Promise<Duplex> => {
  const { namespace, name, port } = backend
  const service = cache.get(Service, namespace, name)
  if (!service) throw serviceUnavailable(`service "${name}" not found`)
  if (service.spec?.type === 'ExternalName') return dial(service.spec.externalName ?? '', port)
  const declared = service.spec?.ports?.find((each) => each.port === port)
  if (!declared)
    throw serviceUnavailable(`no service port ${port} found for service ${JSON.stringify(name)}`)
  const found = readyEndpoints(slicesOf(cache, backend), declared.name ?? '')
  const chosen = found[Math.floor(randomFraction() * found.length)]
  if (!chosen)
    throw serviceUnavailable(`no endpoints available for service ${JSON.stringify(name)}`)
  const pod = chosen.pod ? cache.get(Pod, namespace, chosen.pod) : undefined
  return pod?.status?.podIP === chosen.address
    ? openPodPort(bus, pod, chosen.port, 'outside')
    : dial(chosen.address, chosen.port)
}

interface ReadyEndpoint {
  address: string
  port: number
  /** The pod's name, when it is one. */
  pod?: string | undefined
}

const readyEndpoints = (slices: readonly EndpointSlice[], portName: string): ReadyEndpoint[] =>
  slices.flatMap(({ endpoints, ports }) => {
    const port = ports?.find((each) => (each.name ?? '') === portName)?.port
    if (port == null) return []
    return (endpoints ?? [])
      .filter(({ conditions }) => conditions?.ready ?? true)
      .flatMap(({ addresses, targetRef }) => {
        const pod = targetRef?.kind === 'Pod' ? targetRef.name : undefined
        return addresses.map((address) => ({ address, port, pod }))
      })
  })

const dial = (host: string, port: number): Promise<Duplex> =>
  new Promise((resolve, reject) => {
    const socket = connect({ host, port, timeout: DIAL_TIMEOUT_MS })
    const fail = (error: Error) => {
      socket.destroy()
      reject(error)
    }
    socket.once('error', fail)
    socket.once('timeout', () => fail(new Error(`dial tcp ${host}:${port}: i/o timeout`)))
    socket.once('connect', () => {
      socket.off('error', fail)
      socket.removeAllListeners('timeout')
      socket.setTimeout(0)
      resolve(socket)
    })
  })
