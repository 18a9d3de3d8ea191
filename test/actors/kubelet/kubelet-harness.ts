/**
 * A kubelet on hollow nodes with a cluster in memory, on virtual time.
 *
 * Invariant: `stop` leaves no timer. The node controller's part (pod CIDRs) is done by the harness.
 */
import { pino } from 'pino'
import { startKubelet } from '../../../src/actors/kubelet/kubelet.ts'
import { Event } from '../../../src/api/core/event.ts'
import { Node } from '../../../src/api/core/node.ts'
import { Pod } from '../../../src/api/core/pod.ts'
import { memoryNetwork } from '../../../src/bus/memory-bus.ts'
import { createHollowRuntime } from '../../../src/node/hollow.ts'
import { createHollowVolumes } from '../../../src/node/hollow-volumes.ts'
import type { Runtime } from '../../../src/node/runtime.ts'
import type { Volumes } from '../../../src/node/volumes.ts'
import { type Clock, sleep, systemClock } from '../../../src/std/clock.ts'
import { memoryCache } from '../../support/memory-cache.ts'
import { memoryClient } from '../../support/memory-client.ts'
import { settled, virtualClock } from '../../support/virtual-clock.ts'

type PodSpec = NonNullable<Pod['spec']>

interface Real {
  cluster: string
  runtime: Runtime
  volumes: Volumes
  podCidr: string
  clusterCidr: string
}

/**
 * Hollow nodes on virtual time, or one real node (`real`) on the machine's time; `ownVolumes` in place of those
 * that keep nothing.
 */
export const startHarness = async (
  names: readonly string[] = ['n1'],
  real?: Real,
  ownVolumes: Volumes = createHollowVolumes(),
) => {
  const virtual = virtualClock()
  const clock: Clock = real ? systemClock : virtual
  const advance = (ms: number) => (real ? sleep(ms) : virtual.advance(ms))
  const cache = memoryCache()
  const client = memoryClient(cache, clock.now)
  const log = pino({ level: process.env['KUBUS_LOG'] ?? 'silent' })
  const connect = memoryNetwork(clock, log)
  const [bus, operator] = [connect(), connect()]
  const beats: string[] = []
  operator.subscribe('kubus.node.*.heartbeat', ({ data }) => {
    beats.push((data as { node: string }).node)
  })
  cache.subscribe(({ type, object }) => {
    if (object.kind !== 'Node' || type !== 'ADDED') return
    const node = object as Node
    queueMicrotask(() =>
      cache.put(
        withPodCidr(node, real?.podCidr ?? `10.64.${names.indexOf(node.metadata.name)}.0/24`),
      ),
    )
  })
  const runtimes = new Map<string, Runtime>()
  const nodes = names.map((name) => {
    const runtime =
      real?.runtime ??
      createHollowRuntime({
        node: name,
        clock,
        isMissingImage: (image) => image.includes('missing'),
      })
    runtimes.set(name, runtime)
    return {
      name,
      runtime,
      volumes: real?.volumes ?? ownVolumes,
      capacity: { cpu: '4', memory: '8Gi', 'ephemeral-storage': '100Gi', pods: '110' },
      addresses: { internalIP: '192.168.1.1', hostname: name },
    }
  })
  const ports = { bus, client, clock, log, identity: 'host-1', version: '0.1.0' }
  const options = {
    cluster: real?.cluster ?? 'c1',
    clusterCidr: real?.clusterCidr ?? '10.64.0.0/16',
  }
  const start = () => startKubelet({ ...ports, nodes, options })
  const kubelet = await start()
  await advance(100)
  await kubelet.ready
  const get = (name: string) => cache.get(Pod, 'default', name)
  return {
    clock: { ...clock, advance },
    cache,
    client,
    operator,
    beats,
    kubelet,
    /** Another kubelet process on the same nodes, after the first has stopped. */
    start,
    runtime: (name = 'n1') => runtimes.get(name)!,
    node: (name = 'n1') => cache.get(Node, undefined, name)!,
    get,
    status: (name: string) => get(name)?.status,
    run: async (
      name: string,
      spec: Partial<PodSpec> & Pick<PodSpec, 'containers'>,
      more: Partial<Pod['metadata']> = {},
    ) => {
      await client.create(Pod, {
        metadata: { name, namespace: 'default', ...more },
        spec: { nodeName: 'n1', restartPolicy: 'Always', ...spec } as PodSpec,
        status: {
          phase: 'Pending',
          qosClass: 'BestEffort',
          conditions: [
            { type: 'PodScheduled', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z' },
          ],
        },
      } as never)
      await settled()
    },
    events: (about: string) =>
      cache
        .list(Event)
        .filter(({ involvedObject }) => involvedObject.name === about)
        .sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
        .map(({ type, reason, message }) => `${type} ${reason}: ${message}`),
    conditions: (name: string) =>
      (get(name)?.status?.conditions ?? []).map(
        ({ type, status, reason }) => `${type}=${status}${reason ? `(${reason})` : ''}`,
      ),
    stop: async () => {
      const stopping = kubelet.stop()
      await virtual.advance(60_000)
      await stopping
      await Promise.all([bus.drain(), operator.drain()])
    },
  }
}

const withPodCidr = (node: Node, podCIDR: string): Node => ({
  ...node,
  spec: { ...node.spec, podCIDR },
})

export type Harness = Awaited<ReturnType<typeof startHarness>>

export const container = (name: string, more: Record<string, unknown> = {}) =>
  ({ name, image: `${name}:1`, imagePullPolicy: 'IfNotPresent', ...more }) as never
