/**
 * Builders of objects for tests: `pod('web').cpu('100m').on('n1').object`.
 *
 * Each call returns a new builder; `object` is a valid stored object with a uid derived from its name, so
 * that a test is the same every time. They default nothing that a test does not ask for.
 */

import { Node } from '../../src/api/core/node.ts'
import { Pod } from '../../src/api/core/pod.ts'
import { Service } from '../../src/api/core/service.ts'
import { EndpointSlice } from '../../src/api/discovery/endpoint-slice.ts'
import type { AnyKind } from '../../src/api/kind.ts'

type PodSpec = NonNullable<Pod['spec']>
type NodeSpec = NonNullable<Node['spec']>
type Labels = Record<string, string>

const metadata = (kind: AnyKind, name: string, namespace?: string) => ({
  name,
  ...(namespace ? { namespace } : {}),
  uid: `${kind.plural}-${namespace ?? ''}-${name}`,
  resourceVersion: '1',
  creationTimestamp: '2024-01-01T00:00:00Z',
  generation: 1,
})

export class PodBuilder {
  readonly object: Pod
  constructor(object: Pod) {
    this.object = object
  }
  spec(change: Partial<PodSpec>): PodBuilder {
    const spec = { ...this.object.spec, ...change } as PodSpec
    return new PodBuilder({ ...this.object, spec })
  }
  meta(change: Partial<Pod['metadata']>): PodBuilder {
    return new PodBuilder({ ...this.object, metadata: { ...this.object.metadata, ...change } })
  }
  status(status: Pod['status']): PodBuilder {
    return new PodBuilder({ ...this.object, status })
  }
  in(namespace: string): PodBuilder {
    return this.meta({ namespace, uid: `pods-${namespace}-${this.object.metadata.name}` })
  }
  on(nodeName: string): PodBuilder {
    return this.spec({ nodeName })
  }
  labels(labels: Labels): PodBuilder {
    return this.meta({ labels })
  }
  requests(requests: Labels): PodBuilder {
    const [first, ...rest] = this.object.spec?.containers ?? []
    const merged = { ...first?.resources?.requests, ...requests }
    return this.spec({
      containers: [{ ...first, name: 'main', resources: { requests: merged } }, ...rest],
    })
  }
  cpu(cpu: string): PodBuilder {
    return this.requests({ cpu })
  }
  memory(memory: string): PodBuilder {
    return this.requests({ memory })
  }
  image(image: string): PodBuilder {
    const [first, ...rest] = this.object.spec?.containers ?? []
    return this.spec({ containers: [{ ...first, name: 'main', image }, ...rest] })
  }
  hostPort(hostPort: number, hostIP?: string): PodBuilder {
    const [first, ...rest] = this.object.spec?.containers ?? []
    const port = { containerPort: hostPort, hostPort, ...(hostIP ? { hostIP } : {}) }
    return this.spec({ containers: [{ ...first, name: 'main', ports: [port] }, ...rest] })
  }
  priority(priority: number): PodBuilder {
    return this.spec({ priority })
  }
  ownedBy(kind: string, name: string, apiVersion = 'apps/v1'): PodBuilder {
    const owner = { apiVersion, kind, name, uid: `${kind}-${name}`, controller: true }
    return this.meta({ ownerReferences: [owner] })
  }
}

/** A pod of one container that requests nothing, in `default`. */
export const pod = (name = 'p'): PodBuilder =>
  new PodBuilder({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: metadata(Pod, name, 'default'),
    spec: {
      schedulerName: 'default-scheduler',
      containers: [{ name: 'main', image: 'app' }],
    },
    status: { phase: 'Pending' },
  })

export class NodeBuilder {
  readonly object: Node
  constructor(object: Node) {
    this.object = object
  }
  spec(change: Partial<NodeSpec>): NodeBuilder {
    return new NodeBuilder({ ...this.object, spec: { ...this.object.spec, ...change } })
  }
  status(change: Partial<NonNullable<Node['status']>>): NodeBuilder {
    return new NodeBuilder({ ...this.object, status: { ...this.object.status, ...change } })
  }
  labels(labels: Labels): NodeBuilder {
    const { metadata: old } = this.object
    return new NodeBuilder({
      ...this.object,
      metadata: { ...old, labels: { ...old.labels, ...labels } },
    })
  }
  zone(zone: string): NodeBuilder {
    return this.labels({ 'topology.kubernetes.io/zone': zone })
  }
  offers(allocatable: Labels): NodeBuilder {
    const merged = { ...this.object.status?.allocatable, ...allocatable }
    return this.status({ allocatable: merged, capacity: merged })
  }
  taint(key: string, effect: string, value?: string): NodeBuilder {
    const taint = { key, effect, ...(value === undefined ? {} : { value }) }
    return this.spec({ taints: [...(this.object.spec?.taints ?? []), taint] })
  }
  cordoned(): NodeBuilder {
    return this.spec({ unschedulable: true })
  }
  image(name: string, sizeBytes: number): NodeBuilder {
    return this.status({
      images: [...(this.object.status?.images ?? []), { names: [name], sizeBytes }],
    })
  }
  podCIDR(podCIDR: string): NodeBuilder {
    return this.spec({ podCIDR, podCIDRs: [podCIDR] })
  }
}

/** A node with 4 cores, 8 GiB and room for 110 pods. */
export const node = (name = 'n1'): NodeBuilder =>
  new NodeBuilder({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { ...metadata(Node, name), labels: { 'kubernetes.io/hostname': name } },
    spec: {},
    status: {},
  }).offers({ cpu: '4', memory: '8Gi', 'ephemeral-storage': '100Gi', pods: '110' })

export class ServiceBuilder {
  readonly object: Service
  constructor(object: Service) {
    this.object = object
  }
  spec(change: Partial<NonNullable<Service['spec']>>): ServiceBuilder {
    return new ServiceBuilder({ ...this.object, spec: { ...this.object.spec, ...change } })
  }
  selects(selector: Labels): ServiceBuilder {
    return this.spec({ selector })
  }
  port(port: number, more: { name?: string; nodePort?: number; protocol?: string } = {}) {
    return this.spec({
      ports: [...(this.object.spec?.ports ?? []), { port, protocol: 'TCP', ...more }],
    })
  }
}

/** A ClusterIP service without ports. */
export const service = (name: string, clusterIP = '10.96.0.10'): ServiceBuilder =>
  new ServiceBuilder({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: metadata(Service, name, 'default'),
    spec: { type: 'ClusterIP', clusterIP, clusterIPs: [clusterIP] },
  })

export interface EndpointAt {
  ip: string
  node?: string
  ready?: boolean
  serving?: boolean
  terminating?: boolean
}

/** One IPv4 slice of a service with one port. */
export const endpointSlice = (
  serviceName: string,
  port: number,
  endpoints: readonly EndpointAt[],
  portName = '',
): EndpointSlice => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: {
    ...metadata(EndpointSlice, `${serviceName}-${portName || 'x'}`, 'default'),
    labels: { 'kubernetes.io/service-name': serviceName },
  },
  addressType: 'IPv4',
  ports: [{ name: portName, port, protocol: 'TCP' }],
  endpoints: endpoints.map(({ ip, node: nodeName, ready = true, serving, terminating }) => ({
    addresses: [ip],
    conditions: {
      ready,
      serving: serving ?? ready,
      terminating: terminating ?? false,
    },
    ...(nodeName ? { nodeName } : {}),
  })),
})
