/**
 * Builders of objects for the controllers' tests. Every object is complete; tests name only what they mean.
 */
import type { Deployment } from '../../../src/api/apps/deployment.ts'
import type { ReplicaSet } from '../../../src/api/apps/replica-set.ts'
import type { Namespace } from '../../../src/api/core/namespace.ts'
import type { Node } from '../../../src/api/core/node.ts'
import type { Pod } from '../../../src/api/core/pod.ts'
import type { Service } from '../../../src/api/core/service.ts'
import type { KubernetesObject, ObjectMeta } from '../../../src/api/meta.ts'
import { timestamp } from '../../../src/std/clock.ts'

export const T0 = Date.UTC(2026, 0, 1)
export const seconds = (count: number) => timestamp(T0 + count * 1000)

const meta = (name: string, more: Partial<ObjectMeta> = {}, namespaced = true): ObjectMeta => ({
  name,
  ...(namespaced ? { namespace: 'default' } : {}),
  uid: `uid-${name}`,
  resourceVersion: '1',
  creationTimestamp: seconds(0),
  generation: 1,
  ...more,
})

export const ownedBy = (owner: KubernetesObject) => ({
  ownerReferences: [
    {
      apiVersion: owner.apiVersion,
      kind: owner.kind,
      name: owner.metadata.name,
      uid: owner.metadata.uid,
      controller: true,
      blockOwnerDeletion: true,
    },
  ],
})

export const podTemplate = (labels: Record<string, string>, image = 'web:1') => ({
  metadata: { labels },
  spec: { containers: [{ name: 'web', image }] },
})

export const aReplicaSet = (
  name: string,
  replicas: number,
  more: { metadata?: Partial<ObjectMeta>; spec?: object; status?: object } = {},
): ReplicaSet => ({
  apiVersion: 'apps/v1',
  kind: 'ReplicaSet',
  metadata: meta(name, more.metadata),
  spec: {
    replicas,
    selector: { matchLabels: { app: 'web' } },
    template: podTemplate({ app: 'web' }),
    ...more.spec,
  },
  ...(more.status ? { status: more.status as ReplicaSet['status'] & object } : {}),
})

export const aDeployment = (
  name: string,
  replicas: number,
  more: { metadata?: Partial<ObjectMeta>; spec?: object; status?: object } = {},
): Deployment => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: meta(name, more.metadata),
  spec: {
    replicas,
    selector: { matchLabels: { app: 'web' } },
    template: podTemplate({ app: 'web' }),
    strategy: {
      type: 'RollingUpdate',
      rollingUpdate: {
        maxSurge: '25%',
        maxUnavailable: '25%',
      },
    },
    revisionHistoryLimit: 10,
    progressDeadlineSeconds: 600,
    ...more.spec,
  },
  ...(more.status ? { status: more.status as Deployment['status'] & object } : {}),
})

interface PodOptions {
  metadata?: Partial<ObjectMeta>
  spec?: object
  status?: object
  ready?: boolean
  /** When it became ready, in seconds after T0. */
  readyAt?: number
  node?: string
  ip?: string
  owner?: KubernetesObject
}

export const aPod = (name: string, options: PodOptions = {}): Pod => {
  const { ready = false, readyAt = 0, node, ip, owner } = options
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: meta(name, {
      labels: { app: 'web' },
      ...(owner ? ownedBy(owner) : {}),
      ...options.metadata,
    }),
    spec: {
      containers: [{ name: 'web', image: 'web:1' }],
      ...(node ? { nodeName: node } : {}),
      ...options.spec,
    },
    status: {
      phase: ready ? 'Running' : 'Pending',
      ...(ip ? { podIP: ip, podIPs: [{ ip }] } : {}),
      conditions: [
        {
          type: 'Ready',
          status: ready ? 'True' : 'False',
          lastTransitionTime: seconds(readyAt),
        },
      ],
      ...options.status,
    },
  }
}

export const aService = (
  name: string,
  more: { metadata?: Partial<ObjectMeta>; spec?: object } = {},
): Service => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: meta(name, more.metadata),
  spec: {
    clusterIP: '10.96.0.10',
    selector: { app: 'web' },
    ports: [{ port: 80, protocol: 'TCP', targetPort: 8080 }],
    ...more.spec,
  } as NonNullable<Service['spec']>,
})

export const aNode = (
  name: string,
  more: { metadata?: Partial<ObjectMeta>; spec?: object; ready?: string } = {},
): Node => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: meta(name, more.metadata, false),
  spec: { ...more.spec },
  status: {
    conditions: ['MemoryPressure', 'DiskPressure', 'PIDPressure', 'Ready'].map((type) => ({
      type,
      status: type === 'Ready' ? (more.ready ?? 'True') : 'False',
      reason: 'KubeletReady',
      lastHeartbeatTime: seconds(0),
      lastTransitionTime: seconds(0),
    })),
  },
})

export const aNamespace = (name: string, more: Partial<ObjectMeta> = {}): Namespace => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: meta(name, more, false),
  spec: { finalizers: ['kubernetes'] },
  status: { phase: more.deletionTimestamp ? 'Terminating' : 'Active' },
})
