/** Builders of the runtime port's specs: a pod that asks for nothing, for tests to vary. */
import type { ContainerSpec, PodIdentity, SandboxSpec } from '../../src/node/runtime.ts'
import { newUid } from '../../src/std/ids.ts'

export const podIdentity = (node: string, cluster: string, name = 'web'): PodIdentity => ({
  namespace: 'default',
  name,
  uid: newUid(),
  node,
  cluster,
})

export const sandboxSpec = (pod: PodIdentity, changes: Partial<SandboxSpec> = {}): SandboxSpec => ({
  pod,
  hostname: pod.name,
  labels: { app: 'web' },
  annotations: {},
  hostNetwork: false,
  hostPID: false,
  hostIPC: false,
  hostAliases: [],
  sysctls: {},
  ports: [],
  attempt: 0,
  ...changes,
})

export const containerSpec = (
  pod: PodIdentity,
  sandboxId: string,
  image: string,
  changes: Partial<ContainerSpec> = {},
): ContainerSpec => ({
  pod,
  sandboxId,
  name: 'app',
  attempt: 0,
  image,
  env: [],
  mounts: [],
  resources: {},
  stdin: false,
  stdinOnce: false,
  tty: false,
  privileged: false,
  readOnlyRootFilesystem: false,
  supplementalGroups: [],
  addCapabilities: [],
  dropCapabilities: [],
  terminationMessagePath: '/dev/termination-log',
  specHash: 'abc',
  labels: {},
  annotations: {},
  ...changes,
})
