/**
 * The measurements behind `bench/store.mjs`: pod-sized objects through Storage, then a fresh cache.
 */
import { Pod } from '../src/api/core/pod.ts'
import { newUid } from '../src/std/ids.ts'
import { storeProcess } from '../test/actors/store/store-harness.ts'
import { startNatsServer } from '../test/support/nats-server.ts'

export const podOf = (name: string): Pod =>
  ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: 'default',
      uid: newUid(),
      creationTimestamp: '2026-01-01T00:00:00Z',
      labels: { app: `app-${name.length % 7}`, 'pod-template-hash': '7d4b9c6f5', tier: 'web' },
      ownerReferences: [
        {
          apiVersion: 'apps/v1',
          kind: 'ReplicaSet',
          name: 'web-7d4b9c6f5',
          uid: 'u-1',
          controller: true,
        },
      ],
    },
    spec: {
      nodeName: `node-${name.length % 50}`,
      containers: [
        {
          name: 'web',
          image: 'registry.example/web:1',
          resources: { requests: { cpu: '100m', memory: '64Mi' } },
          env: [{ name: 'MODE', value: 'production' }],
          terminationMessagePath: '/dev/termination-log',
          imagePullPolicy: 'IfNotPresent',
        },
      ],
      restartPolicy: 'Always',
      terminationGracePeriodSeconds: 30,
      dnsPolicy: 'ClusterFirst',
      schedulerName: 'default-scheduler',
    },
    status: {
      phase: 'Running',
      podIP: '10.0.0.1',
      conditions: ['Initialized', 'Ready', 'ContainersReady', 'PodScheduled'].map((type) => ({
        type,
        status: 'True',
        lastTransitionTime: '2026-01-01T00:00:00Z',
      })),
    },
  }) as unknown as Pod

const heapMb = () => {
  globalThis.gc?.()
  return process.memoryUsage().heapUsed / 1e6
}

export const measure = async (options: { writers: number; seconds: number; objects: number }) => {
  const server = await startNatsServer()
  const writer = await storeProcess(server.url)
  const durable = await measureWrites(writer.storage, options.writers, options.seconds)
  let made = 0
  const fill = async () => {
    while (made < options.objects) {
      const name = `fill-${made++}`
      await writer.storage.write({
        kind: Pod,
        namespace: 'default',
        name,
        expected: 0,
        object: podOf(name),
      })
    }
  }
  const fillStarted = performance.now()
  await Promise.all(Array.from({ length: 256 }, fill))
  const fillSeconds = (performance.now() - fillStarted) / 1000
  const counters = writer.store.metrics()
  await writer.stop()
  const before = heapMb()
  const startedAt = performance.now()
  const reader = await storeProcess(server.url)
  await reader.cache.ready
  const replaySeconds = (performance.now() - startedAt) / 1000
  const count = reader.cache.list(Pod).length
  const heap = heapMb() - before
  await reader.stop()
  await server.stop()
  return {
    [`durable writes/s, ${options.writers} writers`]: Math.round(durable.rate),
    'write latency p50 ms': durable.p50,
    'write latency p99 ms': durable.p99,
    'creates/s, 256 writers': Math.round(options.objects / fillSeconds),
    'objects replayed': count,
    'replay objects/s': Math.round(count / replaySeconds),
    'heap bytes per object': Math.round((heap * 1e6) / count),
    batches: counters['kubus_store_state_batches_total'] ?? 0,
    'mean batch': Math.round(
      (counters['kubus_store_state_batched_total'] ?? 0) /
        (counters['kubus_store_state_batches_total'] || 1),
    ),
    singles: counters['kubus_store_state_singles_total'] ?? 0,
  }
}

const measureWrites = async (
  storage: Awaited<ReturnType<typeof storeProcess>>['storage'],
  writers: number,
  seconds: number,
) => {
  const latencies: number[] = []
  const endAt = performance.now() + seconds * 1000
  const one = async (id: number) => {
    const name = `load-${id}`
    let revision = 0
    while (performance.now() < endAt) {
      const startedAt = performance.now()
      revision = await storage.write({
        kind: Pod,
        namespace: 'default',
        name,
        expected: revision,
        object: podOf(name),
      })
      latencies.push(performance.now() - startedAt)
    }
  }
  await Promise.all(Array.from({ length: writers }, (_, id) => one(id)))
  latencies.sort((a, b) => a - b)
  const at = (share: number) => Number(latencies[Math.floor(latencies.length * share)]!.toFixed(2))
  return { rate: latencies.length / seconds, p50: at(0.5), p99: at(0.99) }
}
