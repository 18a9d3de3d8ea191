/**
 * Refused attempts on the bus on their way into the books: what nats-server itself stopped, and who was not let in.
 *
 * Attempts of a second that differ in nothing but their time become one event with their number. Invariant: however
 * many attempts there are, a second writes a bounded number of events; beyond it those of a user are counted together
 * under the subject `>`, and beyond that everybody's.
 */
import type { AnyKind } from '../../../api/kind.ts'
import type { KindRegistry } from '../../../api/registry.ts'
import type { Status } from '../../../api/status-error.ts'
import type { Subjects } from '../../../bus/subjects.ts'
import type { Clock } from '../../../std/clock.ts'
import { newRequestId } from '../../../std/ids.ts'
import type { User } from '../request.ts'
import type { AuditedRequestFacts, Auditor } from './auditor.ts'

export interface Refusal {
  /** Undefined when nobody knows. */
  user: User | undefined
  /** `connect`, `publish` and `subscribe`, or that of a request that could not be understood. */
  verb: string
  subject: string
  status: Status
  sourceIPs: readonly string[]
  userAgent?: string | undefined
  /** Since the epoch. */
  atMs: number
}

export interface RefusalPorts {
  auditor: Auditor
  subjects: Subjects
  kinds: KindRegistry
  clock: Clock
}

const SECOND_MS = 1_000
/** Events of a second: of one user, and in all. */
const USER_EVENTS_MAX = 200
const EVENTS_MAX = 1_000
const SUBJECT_MAX = 1_024
const ANYTHING = '>'
const ATTEMPTS = 'kubus.io/attempts'
const DECISION = 'authorization.k8s.io/decision'

export class Refusals {
  private readonly waiting = new Map<string, { refusal: Refusal; attempts: number }>()
  private readonly perUser = new Map<string, number>()
  private readonly listeners = new Set<() => void>()
  private cancel: (() => void) | undefined

  constructor(private readonly ports: RefusalPorts) {}

  add(refusal: Refusal): void {
    const name = refusal.user?.name ?? ''
    const exact = keyOf(refusal, refusal.subject)
    const isNew = !this.waiting.has(exact)
    const ofUser = this.perUser.get(name) ?? 0
    if (isNew && this.waiting.size >= EVENTS_MAX)
      this.count(ANYTHING, { ...refusal, user: undefined, subject: ANYTHING, sourceIPs: [] })
    else if (isNew && ofUser >= USER_EVENTS_MAX)
      this.count(keyOf(refusal, ANYTHING), { ...refusal, subject: ANYTHING })
    else {
      if (isNew) this.perUser.set(name, ofUser + 1)
      this.count(exact, refusal)
    }
    this.cancel ??= this.ports.clock.after(SECOND_MS, () => this.flush())
  }

  /** Calls `listener` when everything that was added is written. */
  onWritten(listener: () => void): void {
    this.listeners.add(listener)
  }

  /** Writes what waits. */
  flush(): void {
    this.cancel?.()
    this.cancel = undefined
    for (const { refusal, attempts } of this.waiting.values()) this.write(refusal, attempts)
    this.waiting.clear()
    this.perUser.clear()
    for (const listener of this.listeners) listener()
  }

  private count(key: string, refusal: Refusal): void {
    const known = this.waiting.get(key)
    if (known) known.attempts++
    else this.waiting.set(key, { refusal, attempts: 1 })
  }

  private write({ status, atMs, ...refusal }: Refusal, attempts: number): void {
    this.ports.auditor.refused(this.factsOf({ ...refusal, atMs }), status, {
      ...(status.code === 403 ? { [DECISION]: 'forbid' } : {}),
      ...(attempts > 1 ? { [ATTEMPTS]: String(attempts) } : {}),
    })
  }

  private factsOf(refusal: Omit<Refusal, 'status'>): AuditedRequestFacts {
    const { user, verb, subject, sourceIPs, userAgent, atMs } = refusal
    return {
      id: newRequestId(),
      uri: subject.length > SUBJECT_MAX ? `${subject.slice(0, SUBJECT_MAX)}...TRUNCATED` : subject,
      path: '',
      verb,
      user,
      ...this.objectOf(subject),
      sourceIPs,
      userAgent,
      receivedMs: atMs,
    }
  }

  /** What the subject is about, so that rules about resources count. */
  private objectOf(subject: string): Partial<AuditedRequestFacts> {
    const { subjects, kinds } = this.ports
    const asked = subjects.parseApi(subject)
    if (asked) return aboutKind(kinds.byWord(asked.resource), asked)
    const key = subjects.parseKey('state', subject)
    return key
      ? aboutKind(kinds.byWord(key.group ? `${key.resource}.${key.group}` : key.resource), key)
      : {}
  }
}

const aboutKind = (
  kind: AnyKind | undefined,
  place: { namespace?: string; name?: string; subresource?: string },
): Partial<AuditedRequestFacts> => {
  if (!kind) return {}
  const { namespace, name, subresource } = place
  const { group, plural: resource, version: apiVersion } = kind
  return { group, resource, apiVersion, namespace, name, subresource }
}

const keyOf = ({ user, verb, sourceIPs, status }: Refusal, subject: string): string =>
  JSON.stringify([user?.name, verb, subject, status.code, sourceIPs])
