/**
 * What an AuthenticationConfiguration may say about an issuer.
 *
 * Order and wording follow Kubernetes 1.36 (`apiserver/pkg/apis/apiserver/validation`).
 */
import { X509Certificate } from 'node:crypto'
import { duplicateField, type FieldError, invalidField, requiredField } from '../status-error.ts'
import type { JwtAuthenticator } from './authentication-configuration.ts'

const MATCH_ANY = 'MatchAny'

export const checkIssuer = (
  errors: FieldError[],
  path: string,
  issuer: JwtAuthenticator['issuer'],
  ownIssuers: readonly string[],
): void => {
  const { url, discoveryURL, certificateAuthority, egressSelectorType } = issuer
  if (url === '') errors.push(requiredField(`${path}.url`))
  else checkUrl(errors, `${path}.url`, url, ownIssuers)
  if (discoveryURL) {
    const at = `${path}.discoveryURL`
    if (url !== '' && withoutSlashes(url) === withoutSlashes(discoveryURL))
      errors.push(invalidField(at, discoveryURL, 'discoveryURL must be different from URL'))
    checkUrl(errors, at, discoveryURL, [])
  }
  checkAudiences(errors, path, issuer)
  const fault = certificateAuthority ? bundleFault(certificateAuthority) : undefined
  if (fault) errors.push(invalidField(`${path}.certificateAuthority`, '<omitted>', fault))
  if (egressSelectorType) {
    const why =
      'egress selector is not supported when StructuredAuthenticationConfigurationEgressSelector feature gate is disabled'
    errors.push(invalidField(`${path}.egressSelectorType`, egressSelectorType, why))
  }
}

const withoutSlashes = (url: string): string => url.replace(/\/+$/, '')

const checkUrl = (
  errors: FieldError[],
  path: string,
  text: string,
  disallowed: readonly string[],
): void => {
  const refuse = (why: string) => errors.push(invalidField(path, text, why))
  if (disallowed.includes(text))
    refuse(`URL must not overlap with disallowed issuers: [${[...disallowed].sort().join(' ')}]`)
  const parsed = parseUrl(text)
  if (parsed?.protocol !== 'https:') refuse('URL scheme must be https')
  if (!parsed) return
  if (parsed.username || parsed.password) refuse('URL must not contain a username or password')
  if (parsed.search) refuse('URL must not contain a query')
  if (parsed.hash) refuse('URL must not contain a fragment')
}

const parseUrl = (text: string): URL | undefined => {
  try {
    return new URL(text)
  } catch {
    return undefined
  }
}

const checkAudiences = (
  errors: FieldError[],
  path: string,
  { audiences, audienceMatchPolicy = '' }: JwtAuthenticator['issuer'],
): void => {
  const at = `${path}.audiences`
  if (audiences.length === 0) {
    errors.push(requiredField(at, `at least one ${at} is required`))
    return
  }
  for (const [index, audience] of audiences.entries()) {
    if (audience === '') errors.push(requiredField(`${at}[${index}]`))
    if (audiences.indexOf(audience) < index)
      errors.push(duplicateField(`${at}[${index}]`, audience))
  }
  const isMany = audiences.length > 1
  if (audienceMatchPolicy === MATCH_ANY || (!isMany && audienceMatchPolicy === '')) return
  const why = isMany
    ? 'audienceMatchPolicy must be MatchAny for multiple audiences'
    : 'audienceMatchPolicy must be empty or MatchAny for single audience'
  errors.push(invalidField(`${path}.audienceMatchPolicy`, audienceMatchPolicy, why))
}

const bundleFault = (pem: string): string | undefined => {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? []
  if (blocks.length === 0) return 'data does not contain any valid RSA or ECDSA certificates'
  try {
    for (const block of blocks) new X509Certificate(block)
  } catch {
    return 'x509: malformed certificate'
  }
  return undefined
}
