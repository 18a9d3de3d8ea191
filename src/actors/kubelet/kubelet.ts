/**
 * The kubelet: keeps the containers of its nodes' pods running and reports what is true.
 *
 * One process hosts one real node or thousands of hollow ones. Client, watches, timers and status writer
 * are shared by all of them. Pods reach it through `client.follow` (one watch a node, or one for all),
 * each is an actor (`pod.machine.ts`): an event is remembered, a pure function decides, a worker carries
 * out. Invariant: the runtime is the truth; a restarted kubelet adopts what runs and touches nothing of it.
 */
import { arch, platform, release } from 'node:os'
import { Node } from '../../api/core/node.ts'
import { Pod } from '../../api/core/pod.ts'
import { value as quantityValue } from '../../api/quantity.ts'
import type { Registration } from '../../bus/bus.ts'
import { subjectsFor } from '../../bus/subjects.ts'
import type { Client, FollowedCache } from '../../client/client.ts'
import { createEventRecorder, type EventRecorder } from '../../client/event-recorder.ts'
import type { Change } from '../../client/view.ts'
import type { HostLogs, Runtime, RuntimeEvent } from '../../node/runtime.ts'
import type { Volumes } from '../../node/volumes.ts'
import { backoffMs } from '../../std/backoff.ts'
import { createGate, type Gate } from '../../std/gate.ts'
import type { Component, Ports } from '../component.ts'
import { ConfigStore } from './config-source.ts'
import type { Host } from './host.ts'
import { grantSole, type LogGreeting, logContainer, sendLog } from './log-stream.ts'
import { NodeAgent } from './node-agent.ts'
import { goArchitecture, type Machine, type NodeDescription } from './node-object.ts'
import { createNodePages, type PageGreeting } from './node-pages.ts'
import { PodPopulation } from './pod-population.ts'
import { PodTokens } from './pod-tokens.ts'
import { mountedFile } from './pod-volumes.ts'
import { forwardedSandbox, type PortGreeting, servePort } from './port-stream.ts'
import { createProber } from './prober.ts'
import { type ProcessGreeting, runningContainer, serveProcess } from './process-stream.ts'
import { createServiceVariables, type ServiceVariables } from './service-variables.ts'
import { createStatusWriter, type StatusWriter } from './status-writer.ts'
import { createTimerWheel, type TimerWheel } from './timer-wheel.ts'

export interface KubeletNode extends NodeDescription {
  runtime: Runtime
  volumes: Volumes
  logs?: HostLogs
  /** A client that asks in the node's own name; absent: that of the process does. */
  own?: Client
}

export interface KubeletOptions {
  /** Tells clusters apart that share one engine; the runtime's own id for it. */
  cluster: string
  clusterDomain?: string
  /** Addresses of all pods of the cluster, IPv4. */
  clusterCidr: string
  /** What the machine is, as far as the caller knows better than Node.js. */
  machine?: Partial<Machine>
}

/** More nodes than this share one watch of all bound pods. */
const OWN_WATCH_MAX = 8
const MANY_NODES = 100
const LEASE_MS = 10_000
const LEASE_MANY_MS = 40_000
const REGISTERING_MAX = 64
const TOKEN_REQUESTS_MAX = 16
const RELIST_MS = 60_000
const RETRY = { baseMs: 500, maxMs: 10_000 }

interface Shared {
  ports: Ports
  options: KubeletOptions
  wheel: TimerWheel
  configs: ConfigStore
  tokenRequests: Gate
  services: ServiceVariables
  statuses: StatusWriter
  recorder: EventRecorder
  registrations: Gate
}

interface Member {
  node: KubeletNode
  host: Host
  agent: NodeAgent
  pods: PodPopulation
  abort: AbortController
}

export const startKubelet = async (
  given: Ports & { nodes: readonly KubeletNode[]; options: KubeletOptions },
): Promise<Component> => {
  const { nodes, options, ...ports } = given
  const { client, clock, log } = ports
  const wheel = createTimerWheel(clock)
  const shared: Shared = {
    ports,
    options,
    wheel,
    configs: new ConfigStore(client),
    tokenRequests: createGate(TOKEN_REQUESTS_MAX),
    services: createServiceVariables(client),
    statuses: createStatusWriter(client, wheel, log),
    recorder: createEventRecorder({ client, clock, log, component: 'kubelet' }),
    registrations: createGate(REGISTERING_MAX),
  }
  const members = new Map<string, Member>()
  const sources = follow(ports, nodes, (change) => route(members, change))
  for (const node of nodes) members.set(node.name, await join(shared, node, nodes.length, sources))
  for (const source of sources)
    void source.ready.then(() => {
      // Nodes that were registered before the watch began are told of once.
      for (const node of source.list(Node)) members.get(node.metadata.name)?.agent.onNode(node)
    })
  const registrations = await serve(shared, [...members.values()])
  return {
    ready: Promise.all([...members.values()].map(({ agent }) => agent.registered)).then(
      () => undefined,
    ),
    stop: async () => {
      for (const { abort } of members.values()) abort.abort()
      await Promise.all(registrations.map((registration) => registration.stop()))
      for (const { agent, pods, host } of members.values()) {
        agent.stop()
        pods.stop()
        host.prober.stop()
        host.configs.stop()
      }
      wheel.stop()
      for (const source of sources) source.stop()
      shared.configs.stop()
      shared.services.stop()
      await shared.recorder.stop()
    },
  }
}

/** One watch of its own for each of a few nodes, or one of every bound pod for many. */
const follow = (
  { client }: Ports,
  nodes: readonly KubeletNode[],
  onChange: (change: Change) => void,
): FollowedCache[] => {
  const queries =
    nodes.length <= OWN_WATCH_MAX
      ? nodes.map(({ name }) => [
          { kind: Pod, fieldSelector: `spec.nodeName=${name}` },
          { kind: Node, fieldSelector: `metadata.name=${name}` },
        ])
      : [[{ kind: Pod, fieldSelector: 'spec.nodeName!=' }, { kind: Node }]]
  return queries.map((query, index) => {
    const asking = queries.length === nodes.length ? nodes[index]?.own : undefined
    const source = (asking ?? client).follow(query)
    source.subscribe(onChange)
    return source
  })
}

const route = (members: ReadonlyMap<string, Member>, { type, kind, object }: Change): void => {
  if (kind.kind === Node.kind) {
    const agent = members.get(object.metadata.name)?.agent
    if (type === 'DELETED') agent?.onNodeDeleted()
    else agent?.onNode(object as Node)
  } else if (kind.kind === Pod.kind) {
    const pod = object as Pod
    const pods = members.get(pod.spec?.nodeName ?? '')?.pods
    if (type === 'DELETED') pods?.onPodDeleted(pod)
    else pods?.onPod(pod)
  }
}

const machineOf = async (runtime: Runtime, known: Partial<Machine> = {}): Promise<Machine> => ({
  operatingSystem: platform(),
  architecture: goArchitecture(arch()),
  kernelVersion: release(),
  osImage: '',
  machineID: '',
  systemUUID: '',
  bootID: '',
  containerRuntimeVersion: `${runtime.name}://${await runtime.version().catch(() => 'unknown')}`,
  ...known,
})

const hostOf = (shared: Shared, node: KubeletNode): Host => {
  const { ports, options, wheel, configs, tokenRequests, services, statuses } = shared
  const { bus, clock } = ports
  const { own } = node
  const client = own ?? ports.client
  const log = ports.log.child({ node: node.name })
  return {
    node: node.name,
    hostname: node.addresses.hostname,
    cluster: options.cluster,
    clusterDomain: options.clusterDomain ?? 'cluster.local',
    facts: { runtimeName: node.runtime.name, hostIP: node.addresses.internalIP },
    allocatable: { ...node.capacity },
    nodeMemoryBytes: quantityValue(node.capacity.memory),
    runtime: node.runtime,
    volumes: node.volumes,
    ...(node.logs ? { logs: node.logs } : {}),
    bus,
    client,
    clock,
    log,
    wheel,
    recorder: shared.recorder.from(node.name),
    prober: createProber(wheel, clock),
    configs: own ? new ConfigStore(own) : configs,
    tokens: new PodTokens({ client, clock, log, gate: tokenRequests }),
    services,
    statuses: own ? createStatusWriter(own, wheel, log) : statuses,
  }
}

const join = async (
  shared: Shared,
  node: KubeletNode,
  population: number,
  sources: readonly FollowedCache[],
): Promise<Member> => {
  const host = hostOf(shared, node)
  const machine = await machineOf(node.runtime, shared.options.machine)
  const pods = new PodPopulation(host, () => ({
    labels: agent.labels(),
    allocatable: host.allocatable,
  }))
  const agent = new NodeAgent({
    host,
    description: node,
    machine,
    clusterCidr: shared.options.clusterCidr,
    registrations: shared.registrations,
    leasePeriodMs: population > MANY_NODES ? LEASE_MANY_MS : LEASE_MS,
    isTalkative: population <= OWN_WATCH_MAX,
    onNetworkReady: () => void beginPods(member, shared.wheel, sources, population),
  })
  const member: Member = { node, host, agent, pods, abort: new AbortController() }
  return member
}

/** Listens to the runtime, adopts what runs, starts the pods; again until the runtime answers. */
const beginPods = async (
  { node, host, pods, abort: { signal } }: Member,
  wheel: TimerWheel,
  sources: readonly FollowedCache[],
  population: number,
): Promise<void> => {
  const relist = () =>
    pods.relist().catch((error: unknown) => host.log.warn({ error }, 'the runtime was not listed'))
  await Promise.all(sources.map(({ ready }) => ready))
  if (signal.aborted) return
  node.runtime.events(
    (event: RuntimeEvent) => pods.onRuntimeEvent(event),
    () => void relist(),
    signal,
  )
  for (let failures = 1; !signal.aborted; failures++) {
    try {
      await pods.begin(sources.flatMap((source) => podsOf(source, node.name)))
      break
    } catch (error) {
      host.log.warn({ error }, 'what runs on this node could not be adopted yet')
      await new Promise<void>((resolve) => wheel.after(backoffMs(failures, RETRY), resolve))
    }
  }
  if (population <= OWN_WATCH_MAX) wheel.every(RELIST_MS, RELIST_MS, () => void relist())
}

const podsOf = (source: FollowedCache, node: string): Pod[] =>
  source.list(Pod, { node }).filter(({ spec }) => spec?.nodeName === node)

/** The streams of each node, and one micro service a node, or one for the process when there are many. */
const serve = async (shared: Shared, members: readonly Member[]): Promise<Registration[]> => {
  const { bus, clock, version, identity } = shared.ports
  const subjects = subjectsFor(bus.prefix)
  const registrations: Registration[] = []
  const soleLogs = new Set<string>()
  for (const { node, pods, host } of members) {
    const { runtime, name } = node
    const servePage = createNodePages(host, pods)
    registrations.push(
      bus.accept(subjects.nodeStream(name, 'proxy'), (channel, greeting) => {
        void servePage(greeting as PageGreeting, channel)
      }),
    )
    registrations.push(
      bus.accept(subjects.nodeStream(name, 'logs'), (channel, greeting) => {
        const wanted = greeting as LogGreeting
        const id = logContainer(pods.find(wanted.namespace, wanted.name, wanted.uid), wanted)
        if (wanted.sole) grantSole(soleLogs, id, wanted, channel)
        void sendLog(runtime, id, wanted, channel, clock)
      }),
    )
    registrations.push(
      bus.accept(subjects.nodeStream(name, 'portforward'), (channel, greeting) => {
        const wanted = greeting as PortGreeting
        const id = forwardedSandbox(pods.find(wanted.namespace, wanted.name, wanted.uid), wanted)
        void servePort(runtime, id, wanted, channel)
      }),
    )
    for (const kind of ['exec', 'attach'] as const)
      registrations.push(
        bus.accept(subjects.nodeStream(name, kind), (channel, greeting) => {
          const wanted = greeting as ProcessGreeting
          const memory = pods.find(wanted.namespace, wanted.name, wanted.uid)
          const { id, name: container } = runningContainer(memory, wanted)
          const file = (path: string) => mountedFile(host, memory?.pod, container, path)
          void serveProcess(runtime, id, wanted, channel, kind, file).catch(() => undefined)
        }),
      )
  }
  const service = (name: string, subject: string, described: readonly Member[]) =>
    bus.serve({
      name,
      description: 'Runs the pods of its nodes and reports their state',
      version,
      metadata: { nodes: String(described.length) },
      endpoints: [
        {
          name: 'status',
          subject,
          queue: null,
          handle: () => described.map(({ node, pods }) => ({ node: node.name, ...pods.counts() })),
        },
      ],
    })
  const few = members.length <= OWN_WATCH_MAX
  const services = few
    ? members.map((member) =>
        service(
          `kubelet-${member.node.name.replaceAll('.', '-')}`,
          subjects.nodeStream(member.node.name, 'status'),
          [member],
        ),
      )
    : [service('kubelet', subjects.nodeStream(identity, 'status'), members)]
  return [...registrations, ...(await Promise.all(services))]
}
