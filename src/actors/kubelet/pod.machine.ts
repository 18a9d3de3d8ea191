/**
 * One pod on one node, from the moment it is bound until nothing of it is left.
 *
 *   waiting ─a container runs→ running ─────────────┐
 *      │                          │ deleted, failed or done
 *      └──────────────────────────┴→ terminating ─nothing runs→ finished ─deleted→ removed (final)
 *
 * Every event goes the same way: `decideNext` remembers it and decides (pure), then the decision is sent to
 * the `worker`, the only place with I/O. Invariant: the states say what is true of the memory; they decide
 * nothing. Actors of this machine are roots in a Map, without timers of their own.
 */
import { assign, fromCallback, sendTo, setup } from 'xstate'
import type { Pod } from '../../api/core/pod.ts'
import {
  newMemory,
  type PodEvent,
  type PodMemory,
  remember,
  type Verdict,
  withStarted,
} from './pod-memory.ts'
import { newest, type PodStatus, type PodView, runningContainers } from './pod-view.ts'
import { sizeDifference, sizedContainersOf } from './resize.ts'
import { type NodeFacts, podStatus } from './status.ts'
import { isEnding, keyOf, planPod, type Step } from './sync-pod.ts'

/** What the worker is to do, and all it needs to know for it. */
export interface Decision {
  type: 'decision.made'
  memory: PodMemory
  /** The status before this decision, to tell what is new. */
  before?: PodStatus
  steps: readonly Step[]
  ending: boolean
  wakeAtMs?: number
}

export interface PodInput {
  pod: Pod
  /** What the runtime already has of it. */
  view: PodView
  facts: NodeFacts
  now(): number
  makeWorker: MakeWorker
  /** Set when the node refused the pod. */
  verdict?: Verdict
}

/** Carries out decisions and tells what came of them. */
export interface Worker {
  carryOut(decision: Decision): void
  release(): void
}

export type MakeWorker = (pod: Pod, tell: (event: PodEvent) => void) => Worker

interface WorkerInput {
  pod: Pod
  makeWorker: MakeWorker
}

interface PodContext {
  makeWorker: MakeWorker
  facts: NodeFacts
  now(): number
  memory: PodMemory
  decision: Decision
}

export const podMachine = setup({
  types: {
    context: {} as PodContext,
    events: {} as PodEvent,
    input: {} as PodInput,
  },
  actors: {
    worker: fromCallback<Decision, WorkerInput>(({ input, sendBack, receive }) => {
      const worker = input.makeWorker(input.pod, sendBack)
      receive((decision) => worker.carryOut(decision))
      return () => worker.release()
    }),
  },
  actions: {
    decide: assign(({ context, event }) => decideNext(context, event)),
    carryOut: sendTo('worker', ({ context }) => context.decision),
  },
  guards: {
    isRunning: ({ context }) => runningContainers(context.memory.view).length > 0,
    isEnding: ({ context }) => context.decision.ending,
    isFinished: ({ context }) => isStopped(context.memory),
    isRemoved: ({ context }) => context.memory.removed,
  },
}).createMachine({
  id: 'pod',
  context: ({ input }) => firstContext(input),
  invoke: {
    id: 'worker',
    src: 'worker',
    input: ({ context }) => ({ pod: context.memory.pod, makeWorker: context.makeWorker }),
  },
  on: { '*': { actions: ['decide', 'carryOut'] } },
  initial: 'waiting',
  states: {
    waiting: {
      always: [
        { guard: 'isEnding', target: 'terminating' },
        { guard: 'isRunning', target: 'running' },
      ],
    },
    running: { always: { guard: 'isEnding', target: 'terminating' } },
    terminating: { always: { guard: 'isFinished', target: 'finished' } },
    finished: { always: { guard: 'isRemoved', target: 'removed' } },
    removed: { type: 'final' },
  },
})

const firstContext = ({ pod, view, facts, now, verdict, makeWorker }: PodInput): PodContext => {
  const fresh = newMemory(pod, view, now())
  const memory = verdict ? { ...fresh, verdict } : fresh
  return {
    makeWorker,
    facts,
    now,
    memory,
    decision: { type: 'decision.made', memory, steps: [], ending: isEnding(memory) },
  }
}

const isStopped = ({ view, busy, removed }: PodMemory): boolean =>
  removed || (runningContainers(view).length === 0 && busy.size === 0)

/** The memory after `event`, and what follows from it. Pure but for reading the clock once. */
const decideNext = (
  context: PodContext,
  event: PodEvent,
): Pick<PodContext, 'memory' | 'decision'> => {
  const now = context.now()
  const before = context.memory.status
  let memory = remember(context.memory, event, now)
  const plan = planPod(memory, now)
  if (plan.verdict) memory = { ...memory, verdict: plan.verdict }
  memory = withStarted(memory, plan.steps.map(taskOf), now)
  memory = withResizeSettled(memory)
  memory = { ...memory, status: podStatus(memory, context.facts, now) }
  return {
    memory,
    decision: {
      type: 'decision.made',
      memory,
      steps: plan.steps,
      ending: isEnding(memory),
      ...(before ? { before } : {}),
      ...(plan.wakeAtMs === undefined ? {} : { wakeAtMs: plan.wakeAtMs }),
    },
  }
}

/** A resize is over as soon as every container runs with its size; one that begins is noted. */
const withResizeSettled = (memory: PodMemory): PodMemory => {
  const containers = sizedContainersOf(memory.pod)
  const isOpen = containers.some((container) => {
    const current = newest(memory.view, container.name)
    if (!current) return false
    return current.state === 'running'
      ? sizeDifference(container, current).length > 0
      : memory.resized.has(current.id)
  })
  if (isOpen === (memory.resizing !== undefined)) return memory
  if (isOpen) return { ...memory, resizing: { generation: memory.pod.metadata.generation } }
  const { resizing: _, ...settled } = memory
  return settled
}

const taskOf = (step: Step) => ({
  key: keyOf(step),
  grace: step.type === 'killContainer' ? step.graceSeconds : 0,
  ...(step.type === 'startContainer' && step.restarted ? { restarted: step.name } : {}),
  ...(step.type === 'killContainer' && step.reason === 'resize' ? { resizedId: step.id } : {}),
})
