/**
 * What an AuthenticationConfiguration may say, and its expressions compiled.
 *
 * Order and wording follow Kubernetes 1.36 (`apiserver/pkg/apis/apiserver/validation`). Import it lazily: it
 * brings the compiler of expressions.
 */
import type { Compiled } from '../cel/cel.ts'
import { domainPrefixedPathErrors } from '../names.ts'
import {
  duplicateField,
  type FieldError,
  invalidField,
  requiredField,
  tooManyField,
} from '../status-error.ts'
import type {
  AuthenticationConfiguration,
  JwtAuthenticator,
  PrefixedClaimOrExpression,
} from './authentication-configuration.ts'
import { compileExpression } from './claim-expressions.ts'
import { checkIssuer } from './issuer-validation.ts'

/** The expressions of one issuer; what maps a claim as it is has none. */
export interface JwtExpressions {
  username?: Compiled
  groups?: Compiled
  uid?: Compiled
  extra: { key: string; value: Compiled }[]
  claimRules: { rule: Compiled; message: string }[]
  userRules: { rule: Compiled; message: string }[]
}

const JWT_MAX = 64
const BOTH = "claim and expression can't both be set"

/** Faults of the whole; `ownIssuers` are those whose tokens are this API's own. */
export const configurationErrors = (
  { jwt, anonymous }: AuthenticationConfiguration,
  ownIssuers: readonly string[],
): FieldError[] => {
  const errors: FieldError[] = []
  if (jwt.length > JWT_MAX) return [tooManyField('jwt', jwt.length, JWT_MAX)]
  const issuers = new Set<string>()
  const discoveries = new Set<string>()
  for (const [index, authenticator] of jwt.entries()) {
    const at = `jwt[${index}]`
    compileAuthenticator(errors, at, authenticator, ownIssuers)
    const { url, discoveryURL } = authenticator.issuer
    if (issuers.has(url)) errors.push(duplicateField(`${at}.issuer.url`, url))
    issuers.add(url)
    if (!discoveryURL) continue
    if (discoveries.has(discoveryURL))
      errors.push(duplicateField(`${at}.issuer.discoveryURL`, discoveryURL))
    discoveries.add(discoveryURL)
  }
  if (anonymous && !anonymous.enabled && anonymous.conditions?.length) {
    const why = 'enabled should be set to true when conditions are defined'
    errors.push(invalidField('anonymous.conditions', anonymous.conditions, why))
  }
  return errors
}

/** Pushes the faults of one issuer's part at `path`. */
export const compileAuthenticator = (
  errors: FieldError[],
  path: string,
  authenticator: JwtAuthenticator,
  ownIssuers: readonly string[],
): JwtExpressions => {
  checkIssuer(errors, `${path}.issuer`, authenticator.issuer, ownIssuers)
  const claimRules = compileClaimRules(errors, `${path}.claimValidationRules`, authenticator)
  const mappings = compileMappings(errors, `${path}.claimMappings`, authenticator, claimRules)
  const userRules = compileUserRules(errors, `${path}.userValidationRules`, authenticator)
  return { ...mappings, claimRules, userRules }
}

const compileClaimRules = (
  errors: FieldError[],
  path: string,
  { claimValidationRules = [] }: JwtAuthenticator,
): JwtExpressions['claimRules'] => {
  const compiled: JwtExpressions['claimRules'] = []
  const claims = new Set<string>()
  const expressions = new Set<string>()
  for (const [
    index,
    { claim, requiredValue, expression, message },
  ] of claimValidationRules.entries()) {
    const at = `${path}[${index}]`
    if (claim && expression) errors.push(invalidField(at, claim, BOTH))
    else if (claim) {
      const why = 'may not be specified when claim is set'
      if (message) errors.push(invalidField(`${at}.message`, message, why))
      if (claims.has(claim)) errors.push(duplicateField(`${at}.claim`, claim))
      claims.add(claim)
    } else if (expression) {
      const why = 'may not be specified when expression is set'
      if (requiredValue) errors.push(invalidField(`${at}.requiredValue`, requiredValue, why))
      if (expressions.has(expression)) {
        errors.push(duplicateField(`${at}.expression`, expression))
        continue
      }
      expressions.add(expression)
      const rule = compileExpression(errors, `${at}.expression`, expression, 'claims', 'bool')
      if (rule) compiled.push({ rule, message: message ?? '' })
    } else errors.push(requiredField(at, 'claim or expression is required'))
  }
  return compiled
}

type Mappings = Pick<JwtExpressions, 'username' | 'groups' | 'uid' | 'extra'>

const compileMappings = (
  errors: FieldError[],
  path: string,
  { claimMappings }: JwtAuthenticator,
  claimRules: JwtExpressions['claimRules'],
): Mappings => {
  const username = compileMapping(errors, `${path}.username`, claimMappings.username, true)
  const groups = compileMapping(errors, `${path}.groups`, claimMappings.groups ?? {}, false)
  const { claim = '', expression = '' } = claimMappings.uid ?? {}
  let uid: Compiled | undefined
  if (claim && expression) errors.push(invalidField(`${path}.uid`, '', BOTH))
  else if (expression)
    uid = compileExpression(errors, `${path}.uid.expression`, expression, 'claims')
  const extra = compileExtra(errors, `${path}.extra`, claimMappings.extra)
  const verifying = [
    ...claimRules.map(({ rule }) => rule),
    ...extra.map(({ value }) => value),
    ...(username ? [username] : []),
  ]
  if (username?.selects('claims', 'email') && !verifying.some(selectsVerified)) {
    const why =
      'claims.email_verified must be used in claimMappings.username.expression or claimMappings.extra[*].valueExpression or claimValidationRules[*].expression when claims.email is used in claimMappings.username.expression'
    errors.push(invalidField(`${path}.username.expression`, username.expression, why))
  }
  return {
    ...(username ? { username } : {}),
    ...(groups ? { groups } : {}),
    ...(uid ? { uid } : {}),
    extra,
  }
}

const selectsVerified = (expression: Compiled): boolean =>
  expression.selects('claims', 'email_verified')

const compileMapping = (
  errors: FieldError[],
  path: string,
  { claim, prefix, expression }: PrefixedClaimOrExpression,
  isRequired: boolean,
): Compiled | undefined => {
  if (claim && expression) errors.push(invalidField(path, '', BOTH))
  else if (expression) {
    const why = 'may not be specified when expression is set'
    if (prefix !== undefined) errors.push(invalidField(`${path}.prefix`, prefix, why))
    return compileExpression(errors, `${path}.expression`, expression, 'claims')
  } else if (claim) {
    const why =
      'prefix is required when claim is set. It can be set to an empty string to disable prefixing'
    if (prefix === undefined) errors.push(requiredField(`${path}.prefix`, why))
  } else if (isRequired) errors.push(requiredField(path, 'claim or expression is required'))
  return undefined
}

const RESERVED = /^(?:.*\.)?(?:kubernetes|k8s)\.io$/

const compileExtra = (
  errors: FieldError[],
  path: string,
  extra: JwtAuthenticator['claimMappings']['extra'] = [],
): JwtExpressions['extra'] => {
  const compiled: JwtExpressions['extra'] = []
  const keys = new Set<string>()
  for (const [index, { key = '', valueExpression }] of extra.entries()) {
    const at = `${path}[${index}]`
    if (key === '') errors.push(requiredField(`${at}.key`))
    for (const { value, fault } of key === '' ? [] : domainPrefixedPathErrors(key))
      errors.push(invalidField(`${at}.key`, value, fault))
    if (key !== key.toLowerCase()) errors.push(invalidField(`${at}.key`, key, 'must be lowercase'))
    if (key.includes('/') && RESERVED.test(key.slice(0, key.indexOf('/')))) {
      const why = 'k8s.io, kubernetes.io and their subdomains are reserved for Kubernetes use'
      errors.push(invalidField(`${at}.key`, key, why))
    }
    if (keys.has(key)) {
      errors.push(duplicateField(`${at}.key`, key))
      continue
    }
    keys.add(key)
    const where = `${at}.valueExpression`
    const value = valueExpression
      ? compileExpression(errors, where, valueExpression, 'claims')
      : void errors.push(requiredField(where))
    if (value) compiled.push({ key, value })
  }
  return compiled
}

const compileUserRules = (
  errors: FieldError[],
  path: string,
  { userValidationRules = [] }: JwtAuthenticator,
): JwtExpressions['userRules'] => {
  const compiled: JwtExpressions['userRules'] = []
  const seen = new Set<string>()
  for (const [index, { expression, message }] of userValidationRules.entries()) {
    const at = `${path}[${index}].expression`
    if (!expression) errors.push(requiredField(at))
    else if (seen.has(expression)) errors.push(duplicateField(at, expression))
    else {
      seen.add(expression)
      const rule = compileExpression(errors, at, expression, 'user', 'bool')
      if (rule) compiled.push({ rule, message: message ?? '' })
    }
  }
  return compiled
}
