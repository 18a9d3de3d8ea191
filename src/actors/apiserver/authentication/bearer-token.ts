/**
 * Bearer tokens: judges are asked in turn whose a token is.
 *
 * Invariant: the first judge that knows the token decides; what the others had against it is told only when none
 * does (`apiserver/pkg/authentication/token/union`). Nothing is remembered here.
 */
import type { User } from '../request.ts'

/** Whose token it is, and for which of the audiences that were asked for it is good. */
export interface TokenVerdict {
  user: User
  audiences: readonly string[]
}

/** Why a token is not accepted, in Kubernetes' words; a client sees it only through a TokenReview. */
export class TokenRefused extends Error {}

/**
 * Judges a token that is meant for one of `audiences`; undefined when it is not one of its own.
 * Throws TokenRefused when it is, and is wrong.
 */
export type TokenJudge = (
  token: string,
  audiences: readonly string[],
) => Promise<TokenVerdict | undefined> | TokenVerdict | undefined

/** Who holds a token; for this API unless other audiences are named. Throws TokenRefused. */
export type AuthenticateToken = (
  token: string,
  audiences?: readonly string[],
) => Promise<TokenVerdict>

const INVALID_TOKEN = 'invalid bearer token'
const AUTHENTICATED = 'system:authenticated'

/** `judges` is asked at every token, so that they may change. `ownAudiences` are those of this API. */
export const createAuthenticateToken =
  (judges: () => readonly TokenJudge[], ownAudiences: readonly string[]): AuthenticateToken =>
  async (token, audiences = ownAudiences) => {
    const refusals: string[] = []
    for (const judge of judges()) {
      try {
        const answer = judge(token, audiences)
        const verdict = answer instanceof Promise ? await answer : answer
        if (verdict) return { ...verdict, user: authenticated(verdict.user) }
      } catch (error) {
        if (!(error instanceof TokenRefused)) throw error
        refusals.push(error.message)
      }
    }
    throw new TokenRefused(
      refusals.length === 0 ? INVALID_TOKEN : `[${[INVALID_TOKEN, ...refusals].join(', ')}]`,
    )
  }

/** Everybody who is known is in the group of those who are. */
export const authenticated = (user: User): User =>
  user.name === 'system:anonymous' ||
  user.groups.includes(AUTHENTICATED) ||
  user.groups.includes('system:unauthenticated')
    ? user
    : { ...user, groups: [...user.groups, AUTHENTICATED] }

/** A judge whose tokens are good for this API and nothing else. */
export const forOwnAudiences =
  (
    userOf: (token: string) => Promise<User | undefined> | User | undefined,
    ownAudiences: readonly string[],
  ): TokenJudge =>
  (token, asked) => {
    const audiences = asked.filter((audience) => ownAudiences.includes(audience))
    if (audiences.length === 0) return undefined
    const user = userOf(token)
    if (!(user instanceof Promise)) return user && { user, audiences }
    return user.then((found) => found && { user: found, audiences })
  }
