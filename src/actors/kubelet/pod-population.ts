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
  lackOf,
  type Offer,
  podRequests,
  refuse,
} from './admission.ts'
import { type Host, observe } from './host.ts'
import { podMachine } from './pod.machine.ts'
import { isTerminal, type PodMemory, type Verdict } from './pod-memory.ts'
import { emptyView, type PodView } from './pod-view.ts'
import { PodWorker } from './pod-worker.ts'
import {
  type Allocation,
  allocationOf,
  isAllocated,
  reportedAllocation,
  resizeMessage,
  withAllocation,
} from './resize.ts'
import { fingerprint, listPodViews, removeOrphans } from './runtime-listing.ts'
import { OWN_CONDITIONS } from './status.ts'

interface Entry {
  actor: ActorRefFrom<typeof podMachine>
  /** As the API has it; the actor's has the resources it was granted. */
  pod: Pod
  allocation: Allocation
  /** What it was granted. */
  requests: Amounts
  ports: readonly string[]
  isDone: boolean
  isGoneFromApi: boolean
}

const REMAKE_MS = 1_000

export class PodPopulation {
  private readonly entries = new Map<string, Entry>()
  private readonly uids = new Map<string, string>()
  /** Pods that wait for room to grow. */
  private readonly deferred = new Set<string>()
  private begun = false
  private stopped = false

  constructor(
    private readonly host: Host,
    private readonly offer: () => Offer,
  ) {}

  /** Adopts what runs, then starts the pods given; before it, changes are ignored. */
  async begin(pods: readonly Pod[]): Promise<void> {
    const views = await this.listed()
    this.begun = true
    for (const pod of byCreation(pods)) {
      const { uid } = pod.metadata
      if (!this.entries.has(uid)) this.admit(pod, views.get(uid) ?? emptyView)
    }
    await this.removeOrphans(views)
  }

  onPod(pod: Pod): void {
    if (!this.begun || this.stopped) return
    const entry = this.entries.get(pod.metadata.uid)
    if (!entry) {
      this.admit(pod, emptyView)
      return
    }
    const isNews = !isEcho(entry.pod, pod)
    entry.pod = pod
    if (isNews && !entry.isDone) this.tell(entry)
  }

  onPodDeleted(pod: Pod): void {
    const { uid } = pod.metadata
    const entry = this.entries.get(uid)
    if (!entry) return
    entry.isGoneFromApi = true
    if (entry.isDone) this.forgetIfOver(uid, entry)
    else entry.actor.send({ type: 'pod.vanished', pod })
  }

  onRuntimeEvent({ type, pod: { uid }, container, containerId }: RuntimeEvent): void {
    const memory = this.memoryOf(uid)
    if (!memory || this.stopped) return
    if (container === undefined) {
      const isOurs = memory.view.sandbox?.id === containerId
      if (type === 'exited' && isOurs && memory.view.sandbox?.state === 'ready')
        this.entries.get(uid)?.actor.send({ type: 'sandbox.ended' })
    } else if (type === 'exited' || type === 'removed')
      this.readEnded(uid, containerId).catch((error: unknown) =>
        this.host.log.warn({ error, uid }, 'an ended container could not be read'),
      )
  }

  /** Compares with what the runtime lists; for gaps in its events. */
  async relist(): Promise<void> {
    if (!this.begun || this.stopped) return
    const views = await this.listed()
    if (this.stopped) return
    for (const [uid, { actor, isDone }] of this.entries) {
      if (isDone) continue
      const { view, busy } = actor.getSnapshot().context.memory
      const found = views.get(uid) ?? emptyView
      // A task under way reports by itself, and what it made may not have been listed yet.
      if (busy.size === 0 && fingerprint(view) !== fingerprint(found))
        actor.send({ type: 'runtime.listed', view: found })
    }
    await this.removeOrphans(views)
  }

  find(namespace: string, name: string, uid?: string): PodMemory | undefined {
    const found = uid ?? this.uids.get(`${namespace}/${name}`)
    return found === undefined ? undefined : this.memoryOf(found)
  }

  /** Every pod of the node as it is now. */
  memories(): PodMemory[] {
    return [...this.entries.values()].map(({ actor }) => actor.getSnapshot().context.memory)
  }

  counts(): { pods: number; byState: Record<string, number> } {
    const byState: Record<string, number> = {}
    for (const { actor } of this.entries.values()) {
      const state = String(actor.getSnapshot().value)
      byState[state] = (byState[state] ?? 0) + 1
    }
    return { pods: this.entries.size, byState }
  }

  stop(): void {
    this.stopped = true
    for (const { actor } of this.entries.values()) actor.stop()
    this.entries.clear()
  }

  private admit(pod: Pod, view: PodView) {
    const { uid, deletionTimestamp } = pod.metadata
    if (isTerminal(pod) && !deletionTimestamp && view === emptyView) return
    const verdict = deletionTimestamp ? undefined : this.verdictOn(pod, view)
    const allocation = reportedAllocation(pod)
    const granted = withAllocation(pod, allocation)
    const entry: Entry = {
      actor: this.makeActor(granted, view, verdict),
      pod,
      allocation,
      requests: podRequests(granted),
      ports: hostPortsOf(pod),
      isDone: false,
      isGoneFromApi: false,
    }
    assert(!this.entries.has(uid), 'one actor a pod')
    this.entries.set(uid, entry)
    this.uids.set(`${pod.metadata.namespace}/${pod.metadata.name}`, uid)
    if (verdict) {
      const message = verdict.message.replace(/^Pod was rejected: /, '')
      this.host.recorder.event(pod, 'Warning', verdict.reason, message)
    }
    this.follow(uid, entry)
    entry.actor.start()
    this.tell(entry)
  }

  /** Tells the pod's actor what it may have: all it asks for, or what it had. */
  private tell(entry: Entry) {
    const { pod } = entry
    const { uid, generation } = pod.metadata
    this.deferred.delete(uid)
    if (isAllocated(pod, entry.allocation)) {
      entry.actor.send({ type: 'pod.changed', pod })
      return
    }
    const lacking = lackOf(podRequests(pod), this.offer(), this.held(uid))
    if (lacking) {
      this.deferred.add(uid)
      const pendingResize = { message: lacking.message, generation, wanted: pod }
      const granted = withAllocation(pod, entry.allocation)
      entry.actor.send({ type: 'pod.changed', pod: granted, pendingResize })
      return
    }
    entry.allocation = allocationOf(pod)
    entry.requests = podRequests(pod)
    const text = resizeMessage('started', pod, generation)
    this.host.recorder.event(pod, 'Normal', 'ResizeStarted', text)
    entry.actor.send({ type: 'pod.changed', pod, resized: true })
    this.retryDeferred(uid)
  }

  /** Others may have left room behind. */
  private retryDeferred(except: string) {
    for (const uid of [...this.deferred]) {
      const entry = this.entries.get(uid)
      if (!entry || entry.isDone) this.deferred.delete(uid)
      else if (uid !== except) this.tell(entry)
    }
  }

  private makeActor(pod: Pod, view: PodView, verdict: Verdict | undefined) {
    const { host } = this
    return createActor(podMachine, {
      input: {
        pod,
        view,
        facts: host.facts,
        now: host.clock.now,
        makeWorker: (first, tell) => new PodWorker(host, first, tell),
        ...(verdict ? { verdict } : {}),
      },
    })
  }

  private follow(uid: string, entry: Entry) {
    const { log, wheel } = this.host
    const { name } = entry.pod.metadata
    entry.actor.subscribe({
      complete: () => {
        entry.isDone = true
        this.forgetIfOver(uid, entry)
        this.retryDeferred(uid)
      },
      error: (error) => {
        log.error({ error, name }, 'a pod actor failed; it is made again')
        this.entries.delete(uid)
        if (!this.stopped) wheel.after(REMAKE_MS, () => void this.readmit(uid, entry))
      },
    })
  }

  /** A crashed actor starts over from what the runtime says. */
  private async readmit(uid: string, { pod, isGoneFromApi }: Entry) {
    if (this.entries.has(uid) || this.stopped || isGoneFromApi) return
    const view = (await this.listed()).get(uid) ?? emptyView
    if (!this.entries.has(uid) && !this.stopped) this.admit(pod, view)
  }

  private forgetIfOver(uid: string, entry: Entry) {
    if (!entry.isDone || !entry.isGoneFromApi) return
    this.entries.delete(uid)
    const key = `${entry.pod.metadata.namespace}/${entry.pod.metadata.name}`
    if (this.uids.get(key) === uid) this.uids.delete(key)
  }

  /** A refusal, unless the pod has begun already. */
  private verdictOn(pod: Pod, view: PodView): Verdict | undefined {
    return view.sandbox || view.containers.size > 0 || pod.status?.startTime || isTerminal(pod)
      ? undefined
      : refuse(pod, this.offer(), this.held())
  }

  /** What the node's pods hold of it, but for one. */
  private held(except?: string): Held {
    const held = { cpu: 0, memory: 0, 'ephemeral-storage': 0, pods: 0, ports: new Set<string>() }
    for (const [uid, { pod, requests, ports, isDone }] of this.entries) {
      if (uid === except) continue
      if (isDone || isTerminal(pod)) continue
      held.pods++
      held.cpu += requests.cpu
      held.memory += requests.memory
      held['ephemeral-storage'] += requests['ephemeral-storage']
      for (const port of ports) held.ports.add(port)
    }
    return held
  }

  private async readEnded(uid: string, containerId: string) {
    const entry = this.entries.get(uid)
    if (!entry || entry.isDone) return
    const container = await observe(this.host, entry.pod, containerId)
    if (entry.isDone) return
    entry.actor.send(
      container
        ? { type: 'container.observed', container }
        : { type: 'container.vanished', id: containerId },
    )
  }

  private memoryOf(uid: string): PodMemory | undefined {
    return this.entries.get(uid)?.actor.getSnapshot().context.memory
  }

  private listed(): Promise<Map<string, PodView>> {
    return listPodViews(this.host, (uid) => this.memoryOf(uid))
  }

  private removeOrphans(views: ReadonlyMap<string, PodView>): Promise<void> {
    return removeOrphans(this.host, views, (uid) => this.entries.has(uid))
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
