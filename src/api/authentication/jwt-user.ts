/**
 * Who the bearer of a token is, by its verified claims and the mappings of its issuer.
 *
 * Pure. Order, rules and wording follow Kubernetes 1.36 (`plugin/pkg/authenticator/token/oidc`): user name,
 * groups, uid, extra, then required claims and rules about claims, then rules about the user. Import it lazily.
 */
import type { UserInfo } from '../kind.ts'
import type { JwtAuthenticator } from './authentication-configuration.ts'
import { claimsValue, evaluate, userValue } from './claim-expressions.ts'
import type { JwtExpressions } from './configuration-validation.ts'

type Claims = Readonly<Record<string, unknown>>

const CREDENTIAL_ID = 'authentication.kubernetes.io/credential-id'
const NOT_STRINGS = 'expression must return a string or a list of strings'

/** Throws Error with why nobody is. */
export const userOfClaims = (
  claims: Claims,
  authenticator: JwtAuthenticator,
  expressions: JwtExpressions,
): UserInfo => {
  const seen: Seen = { claims, value: { claims: claimsValue(claims) }, authenticator, expressions }
  const name = usernameOf(seen)
  const groups = groupsOf(seen)
  const uid = uidOf(seen)
  const extra = extraOf(seen)
  const user = {
    name,
    groups,
    ...(uid ? { uid } : {}),
    ...(Object.keys(extra).length > 0 ? { extra } : {}),
  }
  checkClaims(seen)
  checkUser(seen, user)
  return user
}

interface Seen {
  claims: Claims
  value: { claims: object }
  authenticator: JwtAuthenticator
  expressions: JwtExpressions
}

const fail = (message: string): never => {
  throw new Error(`oidc: ${message}`)
}

/** What `evaluate` gives, with what it was for in front of its error. */
const evaluated = (seen: Seen, expression: JwtExpressions['username'], what: string): unknown => {
  try {
    return evaluate(expression!, seen.value)
  } catch (error) {
    return fail(`${what}: ${(error as Error).message}`)
  }
}

/** A claim that must be a string. */
const textClaim = ({ claims }: Seen, claim: string, what: string): string => {
  if (!Object.hasOwn(claims, claim)) fail(`${what}: claim not present`)
  const value = claims[claim]
  if (value === null) return ''
  return typeof value === 'string' ? value : fail(`${what}: ${notText(value)}`)
}

const notText = (value: unknown): string =>
  `json: cannot unmarshal ${Array.isArray(value) ? 'array' : value === true || value === false ? 'bool' : typeof value} into Go value of type string`

const usernameOf = (seen: Seen): string => {
  const { authenticator, expressions, claims } = seen
  if (expressions.username) {
    const what = 'error evaluating username claim expression'
    const name = evaluated(seen, expressions.username, what)
    if (typeof name !== 'string')
      return fail(`${what}: username claim expression must return a string`)
    return name || fail('empty username via CEL expression is not allowed')
  }
  const { claim = '', prefix = '' } = authenticator.claimMappings.username
  const name = textClaim(seen, claim, `parse username claims ${JSON.stringify(claim)}`)
  if (claim === 'email' && Object.hasOwn(claims, 'email_verified')) {
    const verified = claims['email_verified']
    if (typeof verified !== 'boolean')
      fail(`parse 'email_verified' claim: ${notText(verified).replace(/string$/, 'bool')}`)
    if (!verified) fail('email not verified')
  }
  return prefix + name
}

const groupsOf = (seen: Seen): string[] => {
  const { authenticator, expressions, claims } = seen
  const { claim = '', prefix = '' } = authenticator.claimMappings.groups ?? {}
  if (claim && Object.hasOwn(claims, claim)) {
    const value = claims[claim] ?? []
    const groups = Array.isArray(value) ? value : [value]
    const wrong = groups.find((group) => typeof group !== 'string')
    if (wrong !== undefined)
      fail(
        `parse groups claim ${JSON.stringify(claim)}: ${notText(Array.isArray(value) ? value : wrong)}`,
      )
    return groups.map((group) => prefix + group)
  }
  if (!expressions.groups) return []
  const what = 'error evaluating group claim expression'
  return stringsOf(evaluated(seen, expressions.groups, what), what)
}

/** Empty strings count as absent. */
const stringsOf = (value: unknown, what: string): string[] => {
  if (value === null || value === undefined || value === '') return []
  if (typeof value === 'string') return [value]
  if (!Array.isArray(value) || value.some((item) => typeof item !== 'string'))
    return fail(`${what}: ${NOT_STRINGS}`)
  return value.filter((item) => item !== '')
}

const uidOf = (seen: Seen): string => {
  const { authenticator, expressions } = seen
  const { claim } = authenticator.claimMappings.uid ?? {}
  if (claim) return textClaim(seen, claim, `parse uid claim ${JSON.stringify(claim)}`)
  if (!expressions.uid) return ''
  const what = 'error evaluating uid claim expression'
  const uid = evaluated(seen, expressions.uid, what)
  return typeof uid === 'string' ? uid : fail(`${what}: uid claim expression must return a string`)
}

const extraOf = (seen: Seen): Record<string, string[]> => {
  const { claims, expressions } = seen
  const extra: Record<string, string[]> = {}
  const id = claims['jti']
  if (typeof id === 'string' && id !== '') extra[CREDENTIAL_ID] = [`JTI=${id}`]
  for (const { key, value } of expressions.extra) {
    const what = `error evaluating extra claim expression: ${value.expression}`
    const found = stringsOf(evaluated(seen, value, 'error evaluating extra claim expression'), what)
    if (found.length > 0) extra[key] = found
  }
  return extra
}

const checkClaims = (seen: Seen): void => {
  const { authenticator, expressions, claims } = seen
  for (const { claim, requiredValue = '' } of authenticator.claimValidationRules ?? []) {
    if (!claim) continue
    if (!Object.hasOwn(claims, claim)) fail(`required claim ${claim} not present in ID token`)
    const value = textClaim(seen, claim, `parse claim ${claim}`)
    if (value !== requiredValue)
      fail(`required claim ${claim} value does not match. Got = ${value}, want = ${requiredValue}`)
  }
  const what = 'error evaluating claim validation expression'
  for (const { rule, message } of expressions.claimRules)
    if (evaluated(seen, rule, what) !== true)
      fail(`${what}: validation expression '${rule.expression}' failed: ${message}`)
}

const checkUser = ({ expressions }: Seen, user: UserInfo): void => {
  if (expressions.userRules.length === 0) return
  const what = 'error evaluating user info validation rule'
  const value = { user: userValue(user) }
  for (const { rule, message } of expressions.userRules) {
    let isRight: unknown
    try {
      isRight = evaluate(rule, value)
    } catch (error) {
      fail(`${what}: ${(error as Error).message}`)
    }
    if (isRight !== true)
      fail(`${what}: validation expression '${rule.expression}' failed: ${message}`)
  }
}
