/**
 * Where a proxy request goes: `[scheme:]name[:port]` of a pod, a service or a node, and how to connect there.
 *
 * Invariant: nothing but pods and nodes of the cluster can be reached, and pods by way of their kubelets, so that
 * the apiserver needs no route into the pod network. Errors are Kubernetes'.
 */
import { connect } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect as connectTls } from 'node:tls'
import { Endpoints } from '../../../api/core/endpoints.ts'
import { Node } from '../../../api/core/node.ts'
import { Pod } from '../../../api/core/pod.ts'
import { Service } from '../../../api/core/service.ts'
import { badRequest, type StatusError, serviceUnavailable } from '../../../api/status-error.ts'
import type { Bus } from '../../../bus/bus.ts'
import { randomFraction } from '../../../std/ids.ts'
import { live } from '../commit.ts'
import { openPodPort } from '../port-forward/pod-port.ts'
import type { Services } from '../services.ts'

export type ProxyTarget =
  | {
      type: 'address'
      scheme: 'http' | 'https'
      /** As in the URL: `10.0.0.1:80`. */
      host: string
      /** A plain or, for https, an encrypted connection. Rejects with StatusError 503. */
      connect(): Promise<Duplex>
    }
  | { type: 'kubelet'; node: string }

/** Splits `[scheme:]name[:port]`; undefined when it is none. A name alone is `http`. */
export const splitSchemeNamePort = (
  id: string,
): { scheme: '' | 'http' | 'https'; name: string; port: string } | undefined => {
  const parts = id.split(':')
  if (parts.length === 1) return id ? { scheme: '', name: id, port: '' } : undefined
  const [first = '', second = '', third] = parts
  if (parts.length === 2) return first ? { scheme: '', name: first, port: second } : undefined
  if (parts.length > 3 || !second || (first !== '' && first !== 'http' && first !== 'https'))
    return undefined
  return { scheme: first, name: second, port: third ?? '' }
}

export interface ProxyNames {
  kind: 'pods' | 'services' | 'nodes'
  namespace: string | undefined
  id: string
}

export const proxyTarget = async (
  services: Services,
  bus: Bus,
  { kind, namespace, id }: ProxyNames,
): Promise<ProxyTarget> => {
  const split = splitSchemeNamePort(id)
  if (!split) throw badRequest(`invalid ${kind.slice(0, -1)} request ${JSON.stringify(id)}`)
  const scheme = split.scheme || 'http'
  if (kind === 'nodes') return nodeTarget(services, scheme, split)
  const { pod, port } =
    kind === 'pods'
      ? await podEndpoint(services, scheme, namespace, split)
      : await serviceEndpoint(services, namespace, split, id)
  const ip = pod.status?.podIP
  if (!ip || !isProxyable(ip)) throw badRequest('address not allowed')
  return address(scheme, `${ip}:${port}`, () => openPodPort(bus, pod, port, 'outside'))
}

/** Loopback, link-local, multicast and unspecified addresses are nobody's business. */
const isProxyable = (ip: string): boolean =>
  !/^(?:127\.|169\.254\.|0\.0\.0\.0$|2(?:2[4-9]|3\d)\.|::1?$|fe80:)/.test(ip)

type Split = NonNullable<ReturnType<typeof splitSchemeNamePort>>

const address = (
  scheme: 'http' | 'https',
  host: string,
  dial: () => Promise<Duplex>,
): ProxyTarget => ({
  type: 'address',
  scheme,
  host,
  connect: async () => {
    try {
      const plain = await dial()
      // As the proxy of Kubernetes, which does not know whose certificate to expect.
      const socket =
        scheme === 'http' ? plain : connectTls({ socket: plain, rejectUnauthorized: false })
      for (const each of [plain, socket]) each.on('error', () => undefined)
      return socket
    } catch (error) {
      throw unreachable(error)
    }
  },
})

/** A connection that failed, in Kubernetes' words. */
export const unreachable = (error: unknown): StatusError =>
  serviceUnavailable(
    `error trying to reach service: ${error instanceof Error ? error.message : String(error)}`,
  )

const podEndpoint = async (
  services: Services,
  scheme: 'http' | 'https',
  namespace: string | undefined,
  { name, port }: Split,
) => {
  const pod = (await live(services, Pod, namespace, name)) as Pod
  const declared = pod.spec?.containers.find(({ ports }) => ports?.length)?.ports?.[0]
  const number = port ? Number(port) : (declared?.containerPort ?? (scheme === 'https' ? 443 : 80))
  if (!Number.isInteger(number) || number < 1 || number > 65_535)
    throw badRequest(`invalid port ${JSON.stringify(port)}`)
  return { pod, port: number }
}

/** A ready endpoint of the service, drawn at random. */
const serviceEndpoint = async (
  services: Services,
  namespace: string | undefined,
  { name, port }: Split,
  id: string,
) => {
  const portName = await servicePortName(services, namespace, name, port)
  const { subsets } = (await live(services, Endpoints, namespace, name)) as Endpoints
  if (!subsets?.length)
    throw serviceUnavailable(`no endpoints available for service ${JSON.stringify(name)}`)
  for (const { addresses = [], ports = [] } of rotated(subsets)) {
    const found = ports.find((each) => (each.name ?? '') === portName)
    if (!found) continue
    for (const { targetRef, ip } of rotated(addresses)) {
      const pod =
        targetRef?.kind === 'Pod' && targetRef.name
          ? services.storage.cache.get(Pod, targetRef.namespace ?? namespace, targetRef.name)
          : undefined
      if ((pod as Pod | undefined)?.status?.podIP === ip)
        return { pod: pod as Pod, port: found.port }
    }
  }
  throw serviceUnavailable(`no endpoints available for service ${JSON.stringify(id)}`)
}

const servicePortName = async (
  services: Services,
  namespace: string | undefined,
  name: string,
  port: string,
): Promise<string> => {
  if (!/^[+-]?\d+$/.test(port)) return port
  const service = (await live(services, Service, namespace, name)) as Service
  const declared = service.spec?.ports?.find((each) => each.port === Number(port))
  if (declared) return declared.name ?? ''
  throw serviceUnavailable(
    `no service port ${Number(port)} found for service ${JSON.stringify(name)}`,
  )
}

const rotated = <T>(items: readonly T[]): T[] => {
  const from = Math.floor(randomFraction() * items.length)
  return [...items.slice(from), ...items.slice(0, from)]
}

const nodeTarget = async (
  services: Services,
  scheme: 'http' | 'https',
  { name, port }: Split,
): Promise<ProxyTarget> => {
  const node = (await live(services, Node, undefined, name)) as Node
  const own = node.status?.daemonEndpoints?.kubeletEndpoint?.Port ?? 10250
  if (port === '' || port === String(own)) return { type: 'kubelet', node: name }
  const ip = node.status?.addresses?.find(({ type }) => type === 'InternalIP')?.address
  if (!ip || !isProxyable(ip)) throw badRequest('address not allowed')
  return address(scheme, `${ip}:${port}`, () => dial(ip, Number(port)))
}

const dial = (host: string, port: number): Promise<Duplex> =>
  new Promise((resolve, reject) => {
    const socket = connect({ host, port, allowHalfOpen: true })
    socket.once('connect', () => {
      socket.off('error', reject)
      resolve(socket)
    })
    socket.once('error', reject)
  })
