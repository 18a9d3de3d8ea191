/**
 * Writes pod statuses to the API.
 *
 * Invariant: at most one write of a pod is under way; what is decided meanwhile is written once, in its
 * last form. Changes that others wait for (phase, readiness) go out at once, others after a moment, so that
 * a pod that starts quickly costs one write, and so does one that ends.
 */
import { Pod } from '../../api/core/pod.ts'
import { StatusError } from '../../api/status-error.ts'
import type { Client } from '../../client/client.ts'
import { backoffMs } from '../../std/backoff.ts'
import type { Log } from '../../std/log.ts'
import type { PodStatus } from './pod-view.ts'
import type { TimerWheel } from './timer-wheel.ts'

export interface StatusWriter {
  /** Wants `status` to be the pod's. `pod` is its newest known object. */
  offer(pod: Pod, status: PodStatus): void
  /** Resolves when the last status offered for the pod was written or given up; takes no more of it. */
  finish(uid: string): Promise<void>
  forget(uid: string): void
}

const CALM_MS = 200
const RETRY = { baseMs: 200, maxMs: 10_000 }

interface Entry {
  pod: Pod
  wanted: PodStatus
  /** Fields of earlier writes; those that go must be set to null. */
  fields: Set<string>
  writtenText: string
  inFlight: boolean
  isFinished: boolean
  failures: number
  cancel?: () => void
  waiters: (() => void)[]
}

export const createStatusWriter = (client: Client, wheel: TimerWheel, log: Log): StatusWriter => {
  const entries = new Map<string, Entry>()

  const write = async (entry: Entry) => {
    entry.cancel?.()
    delete entry.cancel
    if (entry.inFlight) return
    const text = JSON.stringify(entry.wanted)
    if (text === entry.writtenText) return settle(entry)
    entry.inFlight = true
    const { wanted } = entry
    const { metadata } = entry.pod
    try {
      await client.merge(Pod, metadata.namespace, metadata.name, patchOf(entry), {
        subresource: 'status',
      })
      entry.writtenText = text
      entry.failures = 0
    } catch (error) {
      if (isGone(error)) entry.writtenText = text
      else {
        entry.failures++
        log.debug({ error, name: metadata.name }, 'pod status not written')
      }
    }
    entry.inFlight = false
    if (entries.get(metadata.uid) !== entry) return settle(entry)
    if (entry.failures > 0) {
      entry.cancel = wheel.after(backoffMs(entry.failures, RETRY), () => void write(entry))
      return
    }
    if (entry.wanted === wanted) settle(entry)
    else schedule(entry, 0)
  }

  const settle = (entry: Entry) => {
    for (const resolve of entry.waiters.splice(0)) resolve()
  }

  const schedule = (entry: Entry, delayMs: number) => {
    if (entry.inFlight) return
    if (delayMs === 0) return void write(entry)
    entry.cancel ??= wheel.after(delayMs, () => void write(entry))
  }

  return {
    offer: (pod, status) => {
      const { uid } = pod.metadata
      const known = entries.get(uid)
      if (!known) {
        const entry = newEntry(pod, status)
        entries.set(uid, entry)
        return schedule(entry, isUrgent(pod.status, status) ? 0 : CALM_MS)
      }
      if (known.isFinished) return
      known.pod = pod
      const urgent = !pod.metadata.deletionTimestamp && isUrgent(known.wanted, status)
      known.wanted = status
      if (known.failures === 0) schedule(known, urgent ? 0 : CALM_MS)
    },
    finish: (uid) => {
      const entry = entries.get(uid)
      if (entry) entry.isFinished = true
      if (!entry || (!entry.inFlight && JSON.stringify(entry.wanted) === entry.writtenText))
        return Promise.resolve()
      return new Promise((resolve) => {
        entry.waiters.push(resolve)
        if (entry.failures === 0) void write(entry)
      })
    },
    forget: (uid) => {
      const entry = entries.get(uid)
      entries.delete(uid)
      entry?.cancel?.()
      if (entry) settle(entry)
    },
  }
}

const newEntry = (pod: Pod, wanted: PodStatus): Entry => ({
  pod,
  wanted,
  fields: new Set(Object.keys(pod.status ?? {})),
  writtenText: '',
  inFlight: false,
  isFinished: false,
  failures: 0,
  waiters: [],
})

const readyOf = (status: PodStatus | undefined) =>
  status?.conditions?.find(({ type }) => type === 'Ready')?.status

const isUrgent = (before: PodStatus | undefined, after: PodStatus): boolean =>
  ((before?.phase ?? 'Pending') !== after.phase && after.phase !== 'Pending') ||
  (readyOf(before) ?? 'False') !== readyOf(after)

/** A merge patch: the whole status, and null for what it no longer has. The uid guards against a namesake. */
const patchOf = ({ pod, wanted, fields }: Entry) => {
  const gone: Record<string, null> = {}
  for (const key of fields) if (!(key in wanted)) gone[key] = null
  for (const key of Object.keys(wanted)) fields.add(key)
  return { metadata: { uid: pod.metadata.uid }, status: { ...gone, ...wanted } }
}

const isGone = (error: unknown): boolean =>
  error instanceof StatusError && (error.code === 404 || error.code === 409 || error.code === 422)
