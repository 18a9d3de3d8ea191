/**
 * Who may send which request to a server behind this one, and how flow control files it.
 *
 * Invariant: a request is judged by its method and path alone. What nobody serves is asked for in the same way.
 */
import type { Attributes, Authorizer } from '../authorization/attributes.ts'
import { permit } from '../authorization/refusal.ts'
import { requestAttributes } from '../authorization/request-attributes.ts'
import type { FlowAttributes } from '../flow-control/classify.ts'
import type { User } from '../request.ts'

/** What is asked for, as flow control sees it, which knows a subresource by its resource. */
export const remoteFlow = ({
  user,
  verb,
  group = '',
  resource,
  subresource,
  namespace = '',
  path = '',
}: Attributes): FlowAttributes => ({
  user,
  verb,
  group,
  resource: resource && subresource ? `${resource}/${subresource}` : resource,
  namespace,
  path,
})

const STREAMS: ReadonlySet<string> = new Set(['attach', 'exec', 'log', 'portforward', 'proxy'])

/** Goes on for as long as the client likes: it takes no seat while it does. */
export const isLongRunning = ({ verb, subresource = '' }: Attributes): boolean =>
  verb === 'watch' || STREAMS.has(subresource)

/** Throws StatusError 403. */
export const authorizeRemote = async (
  authorizer: Authorizer,
  user: User,
  method: string,
  path: string,
  query: URLSearchParams,
): Promise<void> => {
  await permit(authorizer, requestAttributes(user, method, path, query))
}
