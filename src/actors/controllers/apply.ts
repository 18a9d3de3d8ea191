/**
 * Carries out plans: the one place where controllers write.
 *
 * Invariant: every write carries the leader's fence and, where it changes an object, the revision or uid the
 * plan was made from. `apply` resolves only when the cache has seen all it wrote, so the next plan for the
 * key is made from a view that contains them (this replaces Kubernetes' expectations). It retries nothing:
 * the caller requeues.
 */
import type { KubernetesObject } from '../../api/meta.ts'
import { StatusError } from '../../api/status-error.ts'
import type { Client } from '../../client/client.ts'
import type { EventRecorder } from '../../client/event-recorder.ts'
import type { Fence } from '../../client/storage.ts'
import type { Cache } from '../../client/view.ts'
import type { DeletionWatch } from './deletion-watch.ts'
import type { Limiter } from './limiter.ts'
import type { Command, Plan, Report } from './plan.ts'

export interface ApplyPorts {
  client: Client
  cache: Cache
  recorder: EventRecorder
  deletions: DeletionWatch
  /** Bounds the writes in flight, across keys. */
  limiter: Limiter
  fence?: Fence
}

/** `done`: all written. `conflict`: somebody else wrote first. `invalid`: never will succeed as planned. */
export type Outcome =
  | { result: 'done' }
  | { result: 'conflict' | 'invalid' | 'failed'; error: Error; reported: boolean }

/** `slowly`: the key failed before; commands that go out together start with one and double, as long as they succeed. */
export const apply = async (plan: Plan, ports: ApplyPorts, slowly: boolean): Promise<Outcome> => {
  const seen = new Map<Command['kind'], number>()
  const gone: Promise<void>[] = []
  let failure: Failure | undefined
  for (const report of plan.reports ?? []) record(ports, report)
  for (const group of groups(plan.commands, slowly)) {
    const results = await Promise.all(
      group.map((command) => ports.limiter.run(() => attempt(command, ports, seen, gone))),
    )
    failure = results.find((result) => result !== undefined)
    if (failure) break
  }
  for (const command of failure?.instead ?? []) await attempt(command, ports, seen, gone)
  await Promise.all([
    ...[...seen].map(([kind, revision]) => ports.cache.reached(kind, revision)),
    ...gone,
  ])
  if (!failure) return { result: 'done' }
  return { result: resultOf(failure.error), error: failure.error, reported: failure.reported }
}

interface Failure {
  error: Error
  reported: boolean
  instead?: Command[]
}

/** Commands that may go out together: neighbours that create, delete or patch. */
const groups = (commands: readonly Command[], slowly: boolean): Command[][] => {
  const found: Command[][] = []
  let limit = 1
  for (const command of commands) {
    const last = found.at(-1)
    const together =
      last &&
      last[0]!.verb === command.verb &&
      (command.verb === 'create' || command.verb === 'delete' || command.verb === 'patch')
    if (together && (!slowly || last.length < limit)) last.push(command)
    else {
      if (together) limit *= 2
      else limit = 1
      found.push([command])
    }
  }
  return found
}

const attempt = async (
  command: Command,
  ports: ApplyPorts,
  seen: Map<Command['kind'], number>,
  gone: Promise<void>[],
): Promise<Failure | undefined> => {
  try {
    if (command.verb === 'ask')
      return await carryOut(await command.answer(ports.client), ports, seen, gone)
    const written = await send(command, ports)
    if (written) {
      const revision = Number(written.metadata.resourceVersion)
      seen.set(command.kind, Math.max(revision, seen.get(command.kind) ?? 0))
    } else if (command.verb === 'delete')
      gone.push(ports.deletions.seen(command.kind, command.object))
    const report = command.onSuccess?.(written)
    if (report) record(ports, report)
    return undefined
  } catch (cause) {
    const error = cause instanceof Error ? cause : new Error(String(cause))
    if (command.verb === 'delete' && error instanceof StatusError && error.code === 404)
      return undefined
    const handled = command.onFailure?.(error)
    if (handled?.report) record(ports, handled.report)
    return {
      error,
      reported: handled?.report !== undefined,
      ...(handled?.commands ? { instead: handled.commands } : {}),
    }
  }
}

/** What an answer asks to be done, in order, until something fails. */
const carryOut = async (
  commands: readonly Command[],
  ports: ApplyPorts,
  seen: Map<Command['kind'], number>,
  gone: Promise<void>[],
): Promise<Failure | undefined> => {
  for (const command of commands) {
    const failure = await attempt(command, ports, seen, gone)
    if (failure) return failure
  }
  return undefined
}

const send = async (
  command: Exclude<Command, { verb: 'ask' }>,
  { client, fence }: ApplyPorts,
): Promise<KubernetesObject | undefined> => {
  const { kind } = command
  // The fence lives in the state stream; a write to another one cannot carry it.
  const fenced = fence && kind.storage === 'state' ? { fence } : {}
  const options = { ...fenced, answer: 'metadata' } as const
  switch (command.verb) {
    case 'create':
      return client.create(kind, command.object, options)
    case 'update':
      return client.update(kind, command.object, options)
    case 'updateStatus':
      return client.updateStatus(kind, command.object, options)
    case 'finalize':
      return client.update(kind, command.object, { ...options, subresource: 'finalize' })
    case 'approve':
      return client.update(kind, command.object, { ...options, subresource: 'approval' })
    case 'patch': {
      const { object, type, patch, subresource } = command
      const { namespace, name } = object.metadata
      const on = subresource ? { ...options, subresource } : options
      return client.patch(kind, namespace, name, type, patch, on)
    }
    case 'delete': {
      const { namespace, name, uid } = command.object.metadata
      const preconditions = { uid, ...command.options?.preconditions }
      await client.delete(kind, namespace, name, { ...command.options, preconditions, ...fenced })
      return undefined
    }
  }
}

const record = ({ recorder }: ApplyPorts, { object, type, reason, message }: Report) =>
  recorder.event(object, type, reason, message)

const resultOf = (error: Error): 'conflict' | 'invalid' | 'failed' => {
  if (!(error instanceof StatusError)) return 'failed'
  if (error.code === 409 || error.code === 404) return 'conflict'
  if (error.code === 422 || error.code === 400 || isTerminating(error)) return 'invalid'
  return 'failed'
}

/** The namespace is going away: nothing can be created there any more. */
export const isTerminating = (error: Error): boolean =>
  error instanceof StatusError &&
  (error.status.details?.causes ?? []).some(({ reason }) => reason === 'NamespaceTerminating')
