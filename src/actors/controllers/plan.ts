/**
 * `Plan`: what a reconcile wants done, as data.
 *
 * Invariant: a plan only names writes; `apply.ts` alone carries them out. Commands are done in order, but
 * neighbouring creates and deletes go out together. It is printed as text by `show`, for tests and logs.
 */
import type { AnyKind } from '../../api/kind.ts'
import type { KubernetesObject, ObjectMeta } from '../../api/meta.ts'
import type { Client, DeleteOptions, PatchType } from '../../client/client.ts'
import type { EventType, Regarding } from '../../client/event-recorder.ts'

/** An Event to record. */
export interface Report {
  object: Regarding | KubernetesObject
  type: EventType
  reason: string
  message: string
}

/** A draft of any kind. */
export interface AnyDraft {
  metadata: Partial<ObjectMeta>
}

interface Outcome {
  /** Recorded when the write succeeded. */
  onSuccess?: (written: KubernetesObject | undefined) => Report | undefined
  /** What to record and to do instead when the write failed; the failure is still retried. */
  onFailure?: (error: Error) => { report?: Report; commands?: Command[] } | undefined
}

export type Command =
  | ({ verb: 'create'; kind: AnyKind; object: AnyDraft } & Outcome)
  | ({
      verb: 'update' | 'updateStatus' | 'finalize' | 'approve'
      kind: AnyKind
      object: KubernetesObject
    } & Outcome)
  | ({
      verb: 'patch'
      kind: AnyKind
      object: KubernetesObject
      type: PatchType
      patch: unknown
      subresource?: 'status'
    } & Outcome)
  | ({
      verb: 'delete'
      kind: AnyKind
      object: KubernetesObject
      options?: Omit<DeleteOptions, 'fence'>
    } & Outcome)
  | (Question & Outcome)

/**
 * Something that has to be found out elsewhere before it is known what to write: whether somebody may do it, or what
 * a signature is. The answer's commands are carried out as if they had been planned.
 */
export interface Question {
  verb: 'ask'
  kind: AnyKind
  object: KubernetesObject
  /** A word for it, e.g. `signature`. */
  question: string
  answer(client: Client): Promise<Command[]>
}

export interface Plan {
  commands: Command[]
  /** Recorded whatever becomes of the commands. */
  reports?: Report[]
  /** Look at the key again after this time even if nothing changes. */
  requeueAfterMs?: number
}

export const NOTHING: Plan = { commands: [] }

/** One line per command, e.g. `create Pod web-*`, `update ReplicaSet web-1`, and `requeue 500`. */
export const show = (plan: Plan): string =>
  [
    ...plan.commands.map(showCommand),
    ...(plan.reports ?? []).map(({ type, reason, message }) => `${type} ${reason}: ${message}`),
    ...(plan.requeueAfterMs === undefined ? [] : [`requeue ${plan.requeueAfterMs}`]),
  ].join('\n')

export const showCommand = (command: Command): string => {
  const { name, generateName } = command.object.metadata
  const what = `${command.verb} ${command.kind.kind} ${name ?? `${generateName}*`}`
  if (command.verb === 'ask') return `${what} ${command.question}`
  return command.verb === 'patch'
    ? `${what}${command.subresource ? `/${command.subresource}` : ''} ${JSON.stringify(command.patch)}`
    : what
}
