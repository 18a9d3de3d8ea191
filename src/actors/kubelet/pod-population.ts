/**
 * The pods of one node: one actor each, fed from the API and from the runtime's events.
 *
 * Invariant: one actor a uid; what the runtime already has is adopted before anything is started, and what
 * it has of pods that the API no longer knows is removed. It decides nothing about a pod's containers.
 */
import { type ActorRefFrom, createActor } from 'xstate'
import type { Pod } from '../../api/core/pod.ts'
import type { RuntimeEvent } from '../../node/runtime.ts'
import { assert } from '../../std/assert.ts'
import {
  type Amounts,
  type Held,
  hostPortsOf,
  type Offer,
  podRequests,
  refuse,
} from './admission.ts'
import { type Host, observe } from './host.ts'
import { podMachine } from './pod.machine.ts'
import { isTerminal, type PodMemory, type Verdict } from './pod-memory.ts'
import { emptyView, hasExited, type ObservedContainer, type PodView, viewOf } from './pod-view.ts'
import { createPodWorker } from './pod-worker.ts'
import { OWN_CONDITIONS } from './status.ts'

type PodActor = ActorRefFrom<typeof podMachine>

interface Entry {
  actor: PodActor
  pod: Pod
  requests: Amounts
  ports: readonly string[]
  isDone: boolean
  isGoneFromApi: boolean
}

export interface PodPopulation {
  /** Adopts what runs, then starts the pods given; before it, changes are ignored. */
  begin(pods: readonly Pod[]): Promise<void>
  onPod(pod: Pod): void
  onPodDeleted(pod: Pod): void
  onRuntimeEvent(event: RuntimeEvent): void
  /** Compares with what the runtime lists; for gaps in its events. */
  relist(): Promise<void>
  find(namespace: string, name: string, uid?: string): PodMemory | undefined
  counts(): { pods: number; byState: Record<string, number> }
  stop(): void
}

const ORPHAN_GRACE_SECONDS = 1

export const createPodPopulation = (host: Host, offer: () => Offer): PodPopulation => {
  const entries = new Map<string, Entry>()
  const uids = new Map<string, string>()
  let begun = false
  let stopped = false

  const heldBy = (): Held => {
    const held = { cpu: 0, memory: 0, 'ephemeral-storage': 0, pods: 0, ports: new Set<string>() }
    for (const { pod, requests, ports, isDone } of entries.values()) {
      if (isDone || isTerminal(pod)) continue
      held.pods++
      held.cpu += requests.cpu
      held.memory += requests.memory
      held['ephemeral-storage'] += requests['ephemeral-storage']
      for (const port of ports) held.ports.add(port)
    }
    return held
  }

  const verdictOn = (pod: Pod, view: PodView): Verdict | undefined =>
    view.sandbox || view.containers.size > 0 || pod.status?.startTime || isTerminal(pod)
      ? undefined
      : refuse(pod, offer(), heldBy())

  const admit = (pod: Pod, view: PodView) => {
    const { uid, deletionTimestamp } = pod.metadata
    if (isTerminal(pod) && !deletionTimestamp && view === emptyView) return
    const verdict = deletionTimestamp ? undefined : verdictOn(pod, view)
    const actor = createActor(podMachine, {
      input: {
        pod,
        view,
        facts: host.facts,
        now: host.clock.now,
        makeWorker: (first, tell) => createPodWorker(host, first, tell),
        ...(verdict ? { verdict } : {}),
      },
    })
    const entry: Entry = {
      actor,
      pod,
      requests: podRequests(pod),
      ports: hostPortsOf(pod),
      isDone: false,
      isGoneFromApi: false,
    }
    assert(!entries.has(uid), 'one actor a pod')
    entries.set(uid, entry)
    uids.set(`${pod.metadata.namespace}/${pod.metadata.name}`, uid)
    if (verdict)
      host.recorder.event(
        pod,
        'Warning',
        verdict.reason,
        verdict.message.replace(/^Pod was rejected: /, ''),
      )
    actor.subscribe({
      complete: () => {
        entry.isDone = true
        forgetIfOver(uid, entry)
      },
      error: (error) => {
        host.log.error({ error, name: pod.metadata.name }, 'a pod actor failed; it is made again')
        entries.delete(uid)
        if (!stopped) host.wheel.after(1000, () => void readmit(uid, entry))
      },
    })
    actor.start()
    actor.send({ type: 'pod.changed', pod })
  }

  /** A crashed actor starts over from what the runtime says. */
  const readmit = async (uid: string, { pod, isGoneFromApi }: Entry) => {
    if (entries.has(uid) || stopped || isGoneFromApi) return
    const view = (await listed()).get(uid) ?? emptyView
    if (!entries.has(uid) && !stopped) admit(pod, view)
  }

  const forgetIfOver = (uid: string, entry: Entry) => {
    if (!entry.isDone || !entry.isGoneFromApi) return
    entries.delete(uid)
    const key = `${entry.pod.metadata.namespace}/${entry.pod.metadata.name}`
    if (uids.get(key) === uid) uids.delete(key)
  }

  const memoryOf = (uid: string): PodMemory | undefined =>
    entries.get(uid)?.actor.getSnapshot().context.memory

  /** Views by uid of everything the runtime has. */
  const listed = async (): Promise<Map<string, PodView>> => {
    const { sandboxes, containers } = await host.runtime.list()
    const views = new Map<string, PodView>()
    const byAge = [...sandboxes].sort((a, b) => a.attempt - b.attempt)
    for (const sandbox of byAge) views.set(sandbox.pod.uid, { ...emptyView, sandbox })
    const groups = new Map<string, ObservedContainer[]>()
    for (const container of containers) {
      const { uid } = container.pod
      const group = groups.get(uid)
      if (group) group.push(container)
      else groups.set(uid, [container])
    }
    for (const [uid, group] of groups)
      views.set(uid, viewOf(views.get(uid)?.sandbox, await withMessages(uid, group)))
    return views
  }

  /** What ended is read in full, once. */
  const withMessages = (uid: string, group: readonly ObservedContainer[]) =>
    Promise.all(
      group.map(async (container) => {
        if (!hasExited(container)) return container
        const memory = memoryOf(uid)
        const known = memory?.view.containers
          .get(container.name)
          ?.find(({ id, state }) => id === container.id && state === 'exited')
        if (known) return known
        const pod = memory?.pod
        return (pod && (await observe(host, pod, container.id))) ?? inspected(container)
      }),
    )

  const inspected = async (container: ObservedContainer) =>
    (await host.runtime.inspect(container.id)) ?? container

  const removeOrphans = async (views: ReadonlyMap<string, PodView>) => {
    const known = (uid: string) => entries.has(uid)
    for (const [uid, view] of views) if (!known(uid)) await removeOrphan(uid, view)
    for (const uid of await host.volumes.listPods())
      if (!known(uid) && !views.has(uid)) await host.volumes.removePod(uid)
  }

  const removeOrphan = async (uid: string, { sandbox, containers }: PodView) => {
    host.log.info({ uid, node: host.node }, 'removing what is left of a pod that is gone')
    const all = [...containers.values()].flat()
    await Promise.all(all.map(({ id }) => host.runtime.stop(id, ORPHAN_GRACE_SECONDS)))
    for (const { id } of all) await host.runtime.remove(id)
    if (sandbox) {
      await host.runtime.stopSandbox(sandbox.id)
      await host.runtime.removeSandbox(sandbox.id)
    }
    await host.volumes.removePod(uid)
  }

  const relist = async () => {
    if (!begun || stopped) return
    const views = await listed()
    if (stopped) return
    for (const [uid, { actor, isDone }] of entries) {
      if (isDone) continue
      const { view, busy } = actor.getSnapshot().context.memory
      const found = views.get(uid) ?? emptyView
      // A task under way reports by itself, and what it made may not have been listed yet.
      if (busy.size === 0 && fingerprint(view) !== fingerprint(found))
        actor.send({ type: 'runtime.listed', view: found })
    }
    await removeOrphans(views)
  }

  const watchContainer = async (uid: string, containerId: string) => {
    const entry = entries.get(uid)
    if (!entry || entry.isDone) return
    const container = await observe(host, entry.pod, containerId)
    if (entry.isDone) return
    entry.actor.send(
      container
        ? { type: 'container.observed', container }
        : { type: 'container.vanished', id: containerId },
    )
  }

  const onPod = (pod: Pod) => {
    if (!begun || stopped) return
    const entry = entries.get(pod.metadata.uid)
    if (!entry) return admit(pod, emptyView)
    const isNews = !isEcho(entry.pod, pod)
    entry.pod = pod
    if (isNews && !entry.isDone) entry.actor.send({ type: 'pod.changed', pod })
  }

  return {
    begin: async (pods) => {
      const views = await listed()
      begun = true
      for (const pod of byCreation(pods))
        if (!entries.has(pod.metadata.uid)) admit(pod, views.get(pod.metadata.uid) ?? emptyView)
      await removeOrphans(views)
    },
    onPod,
    onPodDeleted: (pod) => {
      const { uid } = pod.metadata
      const entry = entries.get(uid)
      if (!entry) return
      entry.isGoneFromApi = true
      if (entry.isDone) forgetIfOver(uid, entry)
      else entry.actor.send({ type: 'pod.vanished', pod })
    },
    onRuntimeEvent: (event) => {
      const { uid } = event.pod
      const memory = memoryOf(uid)
      if (!memory || stopped) return
      if (event.container === undefined) {
        const isOurs = memory.view.sandbox?.id === event.containerId
        if (event.type === 'exited' && isOurs && memory.view.sandbox?.state === 'ready')
          entries.get(uid)?.actor.send({ type: 'sandbox.ended' })
      } else if (event.type === 'exited' || event.type === 'removed')
        watchContainer(uid, event.containerId).catch((error: unknown) =>
          host.log.warn({ error, uid }, 'an ended container could not be read'),
        )
    },
    relist,
    find: (namespace, name, uid) => {
      const found = uid ?? uids.get(`${namespace}/${name}`)
      return found === undefined ? undefined : memoryOf(found)
    },
    counts: () => {
      const byState: Record<string, number> = {}
      for (const { actor } of entries.values()) {
        const state = String(actor.getSnapshot().value)
        byState[state] = (byState[state] ?? 0) + 1
      }
      return { pods: entries.size, byState }
    },
    stop: () => {
      stopped = true
      for (const { actor } of entries.values()) actor.stop()
      entries.clear()
    },
  }
}

/** Whether the change is nothing but a status that this kubelet wrote. */
const isEcho = (before: Pod, after: Pod): boolean =>
  before.metadata.generation !== undefined &&
  before.metadata.generation === after.metadata.generation &&
  before.metadata.deletionTimestamp === after.metadata.deletionTimestamp &&
  before.metadata.deletionGracePeriodSeconds === after.metadata.deletionGracePeriodSeconds &&
  isTerminal(before) === isTerminal(after) &&
  othersPart(before) === othersPart(after)

/** What others may change without a new generation, as far as it matters here. */
const othersPart = ({ metadata, status }: Pod): string =>
  JSON.stringify([
    metadata.labels,
    metadata.annotations,
    status?.qosClass,
    status?.conditions?.filter(({ type }) => !OWN_CONDITIONS.has(type)),
  ])

const byCreation = (pods: readonly Pod[]): Pod[] =>
  [...pods].sort((a, b) => (a.metadata.creationTimestamp < b.metadata.creationTimestamp ? -1 : 1))

/** What of a view a relist must agree with. */
const fingerprint = ({ sandbox, containers }: PodView): string =>
  [
    `${sandbox?.id}:${sandbox?.state}`,
    ...[...containers.values()]
      .flat()
      .map(({ id, state }) => `${id}:${state}`)
      .sort(),
  ].join(' ')
