/**
 * What the books are told of a request on the bus before it is served; its subject stands for a URI.
 */
import type { AnyKind } from '../../../api/kind.ts'
import type { Message } from '../../../bus/bus.ts'
import { newRequestId } from '../../../std/ids.ts'
import type { User } from '../request.ts'
import type { AuditedRequest, Auditor } from './auditor.ts'

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
  { subject }: Pick<Message, 'subject'>,
  verb: string,
  { user, kind, namespace, name, subresource, body }: BusTarget,
  nowMs: number,
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
    sourceIPs: [],
    userAgent: undefined,
    receivedMs: nowMs,
  })
  if (!READS.has(verb)) audited?.received(body)
  return audited
}
