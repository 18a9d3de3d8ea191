/**
 * What the books are told of an HTTPS request before it is served.
 *
 * Invariant: all but the last of the source addresses come from the client and prove nothing, as in Kubernetes.
 */
import type { IncomingMessage } from 'node:http'
import type { AnyKind } from '../../../api/kind.ts'
import { impersonatorOf } from '../impersonation.ts'
import type { User } from '../request.ts'
import type { AuditedRequest, Auditor } from './auditor.ts'

/** Who asks what; `kind` is absent for a path outside the resources. */
export interface AuditedHttpRequest {
  /** Undefined when his credentials were refused. */
  user: User | undefined
  verb: string
  path?: string
  kind?: AnyKind
  namespace?: string | undefined
  name?: string | undefined
  subresource?: string | undefined
}

/** Undefined when the policy wants nothing of it. */
export const auditHttp = (
  auditor: Auditor,
  { headers, socket, url = '/' }: IncomingMessage,
  { user, kind, verb, path = '', namespace, name, subresource }: AuditedHttpRequest,
  request: { id: string; receivedMs: number },
): AuditedRequest | undefined => {
  const asker = user && impersonatorOf(user)
  return auditor.begin({
    ...request,
    uri: url,
    verb,
    path,
    ...(kind ? { group: kind.group, resource: kind.plural, apiVersion: kind.version } : {}),
    namespace,
    name,
    subresource,
    user: asker ?? user,
    ...(asker ? { impersonated: user } : {}),
    sourceIPs: sourceAddresses(headers, socket?.remoteAddress),
    userAgent: headers['user-agent'],
  })
}

const sourceAddresses = (
  headers: IncomingMessage['headers'],
  remote: string | undefined,
): string[] => {
  const forwarded = String(headers['x-forwarded-for'] ?? '')
    .split(',')
    .map((one) => one.trim())
    .filter(Boolean)
  const real = headers['x-real-ip']
  if (typeof real === 'string' && real && !forwarded.includes(real)) forwarded.push(real)
  const address = remote?.replace(/^::ffff:/, '')
  if (address && forwarded.at(-1) !== address) forwarded.push(address)
  return forwarded
}
