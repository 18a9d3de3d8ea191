/**
 * Pods, containers and memories for tests of pure functions.
 */
import { newMemory, type PodMemory } from '../../../src/actors/kubelet/pod-memory.ts'
import {
  type ObservedContainer,
  type PodContainer,
  type PodSpec,
  viewOf,
} from '../../../src/actors/kubelet/pod-view.ts'
import type { Pod } from '../../../src/api/core/pod.ts'
import type { Sandbox } from '../../../src/node/runtime.ts'

/** 2026-01-01T00:00:00Z. */
export const T0 = Date.UTC(2026, 0, 1)

const identity = { namespace: 'default', name: 'web', uid: 'u1', node: 'n1', cluster: 'c1' }

export const box = (name: string, more: Partial<PodContainer> = {}): PodContainer =>
  ({ name, image: `${name}:1`, ...more }) as PodContainer

export const podOf = (
  spec: Partial<PodSpec> = {},
  more: { metadata?: Partial<Pod['metadata']>; status?: Pod['status'] } = {},
): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: 'web',
    namespace: 'default',
    uid: 'u1',
    resourceVersion: '1',
    creationTimestamp: '2026-01-01T00:00:00Z',
    generation: 1,
    ...more.metadata,
  },
  spec: { nodeName: 'n1', restartPolicy: 'Always', containers: [box('main')], ...spec } as PodSpec,
  ...(more.status ? { status: more.status } : {}),
})

export const sandboxOf = (more: Partial<Sandbox> = {}): Sandbox => ({
  id: 'sb0',
  pod: identity,
  state: 'ready',
  ip: '10.64.0.2',
  createdAtMs: T0,
  attempt: 0,
  ...more,
})

export const running = (
  name: string,
  more: Partial<ObservedContainer> = {},
): ObservedContainer => ({
  id: `${name}-${more.attempt ?? 0}`,
  pod: identity,
  sandboxId: 'sb0',
  name,
  attempt: 0,
  image: `${name}:1`,
  imageId: 'sha256:1',
  state: 'running',
  createdAtMs: T0,
  startedAtMs: T0,
  specHash: '',
  labels: {},
  annotations: {},
  ...more,
})

export const exited = (
  name: string,
  exitCode: number,
  more: Partial<ObservedContainer> = {},
): ObservedContainer =>
  running(name, { state: 'exited', exitCode, finishedAtMs: T0 + 1_000, ...more })

/** A memory with volumes in place and a sandbox, unless `more` says otherwise. */
export const memoryOf = (
  pod: Pod,
  containers: readonly ObservedContainer[] = [],
  more: Partial<PodMemory> = {},
): PodMemory => ({
  ...newMemory(pod, viewOf(sandboxOf(), containers), T0),
  mounted: true,
  ...more,
})
