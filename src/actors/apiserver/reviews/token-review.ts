/**
 * Reviews of identity: whose token this is, and who the asker is.
 *
 * Answered by the function that authenticates real requests. Wording follows Kubernetes 1.36
 * (`pkg/registry/authentication`).
 */
import type { V1UserInfo } from '@kubernetes/client-node'
import type { TokenReview } from '../../../api/authentication/token-review.ts'
import { badRequest } from '../../../api/status-error.ts'
import { TokenRefused } from '../authentication/bearer-token.ts'
import type { User } from '../request.ts'
import type { Services } from '../services.ts'

export const userInfoOf = ({ name, uid, groups, extra }: User): V1UserInfo => ({
  username: name,
  ...(uid ? { uid } : {}),
  groups: [...groups],
  ...(extra && Object.keys(extra).length > 0
    ? { extra: Object.fromEntries(Object.entries(extra).map(([key, all]) => [key, [...all]])) }
    : {}),
})

export const reviewToken = async (
  { authenticateToken }: Services,
  { spec }: TokenReview,
): Promise<NonNullable<TokenReview['status']>> => {
  if (!spec?.token) throw badRequest('token is required for TokenReview in authentication')
  try {
    const asked = spec.audiences?.length ? spec.audiences : undefined
    const { user, audiences } = await authenticateToken(spec.token, asked)
    return { authenticated: true, user: userInfoOf(user), audiences: [...audiences] }
  } catch (error) {
    if (!(error instanceof TokenRefused)) throw error
    return { user: {}, error: error.message }
  }
}
