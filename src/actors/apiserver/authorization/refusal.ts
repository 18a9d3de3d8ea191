/**
 * The 403 for what an authorizer does not allow.
 *
 * Invariant: every request of either door passes here exactly once, before anything is read or changed. Wording
 * is Kubernetes 1.36's (`endpoints/handlers/responsewriters/errors.go`).
 */
import { forbidden, StatusError } from '../../../api/status-error.ts'
import type { Attributes, Authorizer, Decision } from './attributes.ts'

type Refusal = StatusError | undefined

/** The 403 that refuses the request, or undefined when it is allowed. A promise only where the decision is one. */
export const refusal = (
  authorizer: Authorizer,
  attributes: Attributes,
): Refusal | Promise<Refusal> => {
  const decision = authorizer.decide(attributes)
  if (decision instanceof Promise) return decision.then((made) => refusalOf(attributes, made))
  return refusalOf(attributes, decision)
}

/** Throws StatusError 403 for what is not allowed. */
export const permit = (
  authorizer: Authorizer,
  attributes: Attributes,
  books?: Books,
): undefined | Promise<undefined> => {
  const judge = (decision: Decision) => {
    if (books) noteDecision(books, decision)
    return throwAny(refusalOf(attributes, decision))
  }
  const decision = authorizer.decide(attributes)
  return decision instanceof Promise ? decision.then(judge) : judge(decision)
}

/** Where a decision is written down. */
interface Books {
  annotate(key: string, value: string): void
}

const noteDecision = (books: Books, { allowed, reason = '' }: Decision): void => {
  books.annotate('authorization.k8s.io/decision', allowed ? 'allow' : 'forbid')
  books.annotate('authorization.k8s.io/reason', reason)
}

const throwAny = (refused: Refusal): undefined => {
  if (refused) throw refused
}

const refusalOf = (attributes: Attributes, { allowed, reason }: Decision): Refusal =>
  allowed ? undefined : forbiddenTo(attributes, reason)

export const forbiddenTo = (attributes: Attributes, reason?: string): StatusError => {
  const said = sanitized(messageOf(attributes))
  const message = reason ? `${said}: ${reason}` : said
  const { group = '', resource, name = '' } = attributes
  return resource === undefined
    ? new StatusError(403, 'Forbidden', `forbidden: ${message}`, {})
    : forbidden({ group, resource }, name, message)
}

const messageOf = (attributes: Attributes): string => {
  const { user, verb, group = '', resource, subresource, namespace, path = '/' } = attributes
  const start = `User ${JSON.stringify(user.name)} cannot ${verb}`
  if (resource === undefined) return `${start} path ${JSON.stringify(path)}`
  const what = subresource ? `${resource}/${subresource}` : resource
  const where = namespace ? `in the namespace ${JSON.stringify(namespace)}` : 'at the cluster scope'
  return `${start} resource "${what}" in API group "${group}" ${where}`
}

/** Nobody's browser is to take it for HTML. */
const sanitized = (text: string): string =>
  /[&<>]/.test(text)
    ? text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
    : text
