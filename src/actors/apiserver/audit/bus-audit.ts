/**
 * What the books are told of a request on the bus before it is served; its subject stands for a URI.
 */
import type { AnyKind } from '../../../api/kind.ts'
import { StatusError } from '../../../api/status-error.ts'
import type { Headers, Message } from '../../../bus/bus.ts'
import { EVERYBODY, type Subjects } from '../../../bus/subjects.ts'
import type { Clock } from '../../../std/clock.ts'
import { newRequestId } from '../../../std/ids.ts'
import { busUser, vouchedInfo } from '../bus-identity.ts'
import type { User } from '../request.ts'
import type { AuditedRequest, Auditor } from './auditor.ts'
import type { Refusal, Refusals } from './refusals.ts'

/** What a message asks for. */
interface BusTarget {
  user: User
  kind: AnyKind
  namespace: string | undefined
  name: string | undefined
  subresource: string | undefined
  body: unknown
}

/** Verbs of the bus that Kubernetes has other names for. */
const VERBS: Readonly<Record<string, string>> = { apply: 'patch', scale: 'update', logs: 'get' }
const READS = new Set(['get', 'list', 'watch', 'logs'])

/** Undefined when the policy wants nothing of it. */
export const auditBus = (
  auditor: Auditor,
  { subject, info }: { subject: string; info: string | undefined },
  verb: string,
  { user, kind, namespace, name, subresource, body }: BusTarget,
  clock: Clock,
): AuditedRequest | undefined => {
  const part = verb === 'scale' ? 'scale' : verb === 'logs' ? 'log' : subresource
  const audited = auditor.begin({
    id: newRequestId(),
    uri: subject,
    path: '',
    verb: VERBS[verb] ?? verb,
    user,
    group: kind.group,
    apiVersion: kind.version,
    resource: kind.plural,
    subresource: part,
    namespace,
    name,
    sourceIPs: sourceOf(info),
    userAgent: undefined,
    receivedMs: clock.now(),
  })
  if (!READS.has(verb)) audited?.received(body)
  return audited
}

/** What a message tried besides what its subject says: to have something written to `wanted`. */
export const refusedPublish = (
  subjects: Subjects,
  { subject, headers }: { subject: string; headers: Headers },
  wanted: string,
  clock: Clock,
): Refusal => {
  const as = subjects.parseApi(subject)?.as
  const user = subjects.parseApi(subject) && busUser(as, headers)
  const who = user?.name ?? 'somebody'
  const message = `forbidden: User "${who}" cannot have anything written to "${wanted}" on the bus`
  return {
    user,
    verb: 'publish',
    subject: wanted,
    status: new StatusError(403, 'Forbidden', message).status,
    sourceIPs: sourceOf(vouchedInfo(as, headers)),
    atMs: clock.now(),
  }
}

/** Who is told of messages that become no request, or want more than their requests; without books nobody. */
export const refusalBooks = (refusals: Refusals | undefined, subjects: Subjects, clock: Clock) => ({
  /** A request failed before it was known what it is about. */
  onUnserved: (message: Pick<Message, 'subject' | 'headers'>, verb: string, error: unknown) => {
    const refused = refusals && unservedRequest(subjects, message, verb, error, clock)
    if (refused) refusals.add(refused)
  },
  /** A message holds a request in another's name, under `wanted`. */
  onForeignName: (message: Message, wanted: string) =>
    refusals?.add(refusedPublish(subjects, message, wanted, clock)),
})

/** Undefined where nobody refused anything. */
const unservedRequest = (
  subjects: Subjects,
  { subject, headers }: { subject: string; headers: Headers },
  verb: string,
  error: unknown,
  clock: Clock,
): Refusal | undefined => {
  if (!(error instanceof StatusError) || error.code >= 500) return undefined
  const as = subjects.parseApi(subject)?.as
  const info = vouchedInfo(as, headers)
  const isKnown = as !== EVERYBODY || info !== undefined
  return {
    user: isKnown ? busUser(as, headers) : undefined,
    verb: VERBS[verb] ?? verb,
    subject,
    status: error.status,
    sourceIPs: sourceOf(info),
    atMs: clock.now(),
  }
}

/** Where the connection comes from, if nats-server says it: it does of everybody but the cluster's own parts. */
const sourceOf = (info: string | undefined): string[] => {
  if (!info) return []
  try {
    const { host } = JSON.parse(info) as { host?: string }
    return host ? [host] : []
  } catch {
    return []
  }
}
