/**
 * Judges whether nodes live, and marks the dead (Kubernetes' `pkg/controller/nodelifecycle`).
 *
 * Heartbeats ride on the bus and cost no writes; `liveness.ts` keeps when each node was heard. A dead node's
 * conditions become Unknown, its pods not ready at once, and its taints keep pods away; a living one is left
 * to its kubelet, but for the taints. Invariant: nothing is judged while the bus is away.
 */
import { Lease } from '../../../api/coordination/lease.ts'
import { Node } from '../../../api/core/node.ts'
import { Pod } from '../../../api/core/pod.ts'
import type { Bus } from '../../../bus/bus.ts'
import { subjectsFor } from '../../../bus/subjects.ts'
import type { View } from '../../../client/view.ts'
import { type Clock, timestamp } from '../../../std/clock.ts'
import { type Controller, defineController, type SourcePorts } from '../controller.ts'
import { type Command, NOTHING, type Plan } from '../plan.ts'
import { isReady, patchPodStatus } from '../pods.ts'
import { createLiveness, type Liveness, type LivenessOptions } from './liveness.ts'
import { wantedTaints } from './taints.ts'

const LEASES = 'kube-node-lease'
/** Remembers across leaders that a node beats on the bus. */
export const BEATS_ON_BUS = 'node.kubus.io/heartbeat'
const MARKED = ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure']

export interface NodeLifecyclePorts extends LivenessOptions {
  bus: Bus
  clock: Clock
}

export const nodeLifecycle = ({ bus, clock, ...options }: NodeLifecyclePorts): Controller => {
  const liveness = createLiveness(options)
  return defineController<Node>({
    name: 'nodelifecycle',
    component: 'node-controller',
    for: Node,
    source: (ports) => listen(bus, liveness, ports),
    reconcile: (node, name, view, now) => {
      if (!node) {
        liveness.forget(name)
        return NOTHING
      }
      if (bus.state === 'disconnected') return { commands: [], requeueAfterMs: options.busGraceMs }
      const isKnown = node.metadata.annotations?.[BEATS_ON_BUS] === 'bus'
      const remainingMs = liveness.remainingMs(name, isKnown, clock.monotonic())
      if (!isKnown && liveness.beats(name)) return { commands: [remember(node)] }
      const isDead = remainingMs <= 0
      if (isDead && !isMarked(node)) return markNode(node, now)
      const taints = wantedTaints(node, now)
      return {
        commands: [
          ...(isDead ? markPods(node, view, now) : []),
          ...(taints ? [taint(node, taints)] : []),
        ],
        requeueAfterMs: Math.max(remainingMs, options.busGraceMs / 2),
      }
    },
  })
}

/** Beats from the bus and heartbeats written through the API, until it is ended. */
const listen = (
  bus: Bus,
  liveness: Liveness,
  { cache, clock, log, add }: SourcePorts,
): (() => void) => {
  const subjects = subjectsFor(bus.prefix)
  liveness.restart(clock.monotonic())

  const onBeat = (subject: string) => {
    const name = subjects.parseNode(subject)
    if (name === undefined || !cache.get(Node, undefined, name)) return
    if (liveness.beat(name, clock.monotonic())) add(name)
  }
  const beats = bus.subscribe(subjects.nodeHeartbeats, ({ subject }) => onBeat(subject))
  const unwatchState = bus.onState((state) => {
    log.info({ state }, 'the node clock starts anew')
    liveness.restart(clock.monotonic())
  })

  const observeNode = (node: Node) => {
    const ready = node.status?.conditions?.find(({ type }) => type === 'Ready')
    const stamp = `${ready?.lastHeartbeatTime}`
    if (ready && ready.reason !== UNKNOWN.reason)
      liveness.observe(node.metadata.name, stamp, clock.monotonic())
  }
  const unsubscribe = cache.subscribe(({ kind, type, object }) => {
    if (type === 'DELETED') return
    if (kind === Node) observeNode(object as Node)
    else if (kind === Lease && object.metadata.namespace === LEASES)
      liveness.observe(
        object.metadata.name,
        `${(object as Lease).spec?.renewTime}`,
        clock.monotonic(),
      )
  })
  return () => {
    void beats.stop()
    unwatchState()
    unsubscribe()
  }
}

const remember = (node: Node): Command => ({
  verb: 'patch',
  kind: Node,
  object: node,
  type: 'merge',
  patch: { metadata: { annotations: { [BEATS_ON_BUS]: 'bus' } } },
})

const UNKNOWN = {
  reason: 'NodeStatusUnknown',
  message: 'Kubelet stopped posting node status.',
}
const NEVER = {
  reason: 'NodeStatusNeverUpdated',
  message: 'Kubelet never posted node status.',
}

const isMarked = ({ status }: Node): boolean =>
  MARKED.every((type) =>
    status?.conditions?.some(
      (condition) => condition.type === type && condition.status === 'Unknown',
    ),
  )

const markPods = (node: Node, view: View, now: number): Command[] =>
  view
    .list(Pod, { node: node.metadata.name })
    .filter(isReady)
    .map((pod) => markPod(pod, now))

/** The conditions first: they are what the taints follow. */
const markNode = (node: Node, now: number): Plan => {
  const { conditions = [] } = node.status ?? {}
  const unknown = (type: string) => {
    const old = conditions.find((condition) => condition.type === type)
    if (old?.status === 'Unknown') return old
    return {
      type,
      status: 'Unknown',
      ...(old ? UNKNOWN : NEVER),
      lastHeartbeatTime: old?.lastHeartbeatTime ?? node.metadata.creationTimestamp,
      lastTransitionTime: timestamp(now),
    }
  }
  const next = [
    ...conditions.map((condition) =>
      MARKED.includes(condition.type) ? unknown(condition.type) : condition,
    ),
    ...MARKED.filter((type) => !conditions.some((condition) => condition.type === type)).map(
      unknown,
    ),
  ]
  const wasReady = conditions.some(({ type, status }) => type === 'Ready' && status === 'True')
  const object = { ...node, status: { ...node.status, conditions: next } } as Node
  return {
    commands: [
      {
        verb: 'updateStatus',
        kind: Node,
        object,
        onSuccess: () =>
          wasReady
            ? {
                object: node,
                type: 'Normal',
                reason: 'NodeNotReady',
                message: `Node ${node.metadata.name} status is now: NodeNotReady`,
              }
            : undefined,
      },
    ],
  }
}

/** Takes a pod of a dead node out of rotation; its kubelet posts the truth when it is back. */
const markPod = (pod: Pod, now: number): Command => ({
  ...patchPodStatus(pod, {
    conditions: [{ type: 'Ready', status: 'False', lastTransitionTime: timestamp(now) }],
  }),
  onSuccess: () => ({
    object: pod,
    type: 'Warning',
    reason: 'NodeNotReady',
    message: 'Node is not ready',
  }),
})

const taint = (node: Node, taints: ReturnType<typeof wantedTaints>): Command => ({
  verb: 'update',
  kind: Node,
  object: { ...node, spec: { ...node.spec, taints } } as Node,
})
