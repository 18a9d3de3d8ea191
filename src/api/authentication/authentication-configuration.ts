/**
 * `AuthenticationConfiguration` (apiserver.config.k8s.io): other issuers of tokens, and who may be anonymous.
 *
 * It is read strictly: a field that Kubernetes does not know is a fault, since a rule that is misspelt would be a
 * rule that does not hold. Pure; `configuration-validation.ts` checks what it says.
 */
import { badRequest } from '../status-error.ts'

export interface AuthenticationConfiguration {
  jwt: JwtAuthenticator[]
  anonymous?: { enabled: boolean; conditions?: { path: string }[] }
}

export interface JwtAuthenticator {
  issuer: {
    url: string
    discoveryURL?: string
    /** PEM. */
    certificateAuthority?: string
    audiences: string[]
    audienceMatchPolicy?: string
    egressSelectorType?: string
  }
  claimValidationRules?: {
    claim?: string
    requiredValue?: string
    expression?: string
    message?: string
  }[]
  claimMappings: {
    username: PrefixedClaimOrExpression
    groups?: PrefixedClaimOrExpression
    uid?: { claim?: string; expression?: string }
    extra?: { key: string; valueExpression: string }[]
  }
  userValidationRules?: { expression: string; message?: string }[]
}

export interface PrefixedClaimOrExpression {
  claim?: string
  prefix?: string
  expression?: string
}

type Shape =
  | 'string'
  | 'boolean'
  | { readonly list: Shape }
  | { readonly fields: Readonly<Record<string, Shape>> }

const fields = (of: Readonly<Record<string, Shape>>): Shape => ({ fields: of })
const list = (of: Shape): Shape => ({ list: of })
const STRING = 'string'

const CLAIM_OR_EXPRESSION = fields({ claim: STRING, prefix: STRING, expression: STRING })

const CONFIGURATION = fields({
  apiVersion: STRING,
  kind: STRING,
  jwt: list(
    fields({
      issuer: fields({
        url: STRING,
        discoveryURL: STRING,
        certificateAuthority: STRING,
        audiences: list(STRING),
        audienceMatchPolicy: STRING,
        egressSelectorType: STRING,
      }),
      claimValidationRules: list(
        fields({ claim: STRING, requiredValue: STRING, expression: STRING, message: STRING }),
      ),
      claimMappings: fields({
        username: CLAIM_OR_EXPRESSION,
        groups: CLAIM_OR_EXPRESSION,
        uid: fields({ claim: STRING, expression: STRING }),
        extra: list(fields({ key: STRING, valueExpression: STRING })),
      }),
      userValidationRules: list(fields({ expression: STRING, message: STRING })),
    }),
  ),
  anonymous: fields({ enabled: 'boolean', conditions: list(fields({ path: STRING })) }),
})

const GROUP = 'apiserver.config.k8s.io'
const VERSIONS = [`${GROUP}/v1`, `${GROUP}/v1beta1`, `${GROUP}/v1alpha1`]
const KIND = 'AuthenticationConfiguration'

/** The form of what a YAML or JSON text holds. Throws StatusError 400 that names the first fault. */
export const readAuthenticationConfiguration = (document: unknown): AuthenticationConfiguration => {
  const { apiVersion, kind } = (document ?? {}) as { apiVersion?: unknown; kind?: unknown }
  if (kind !== KIND || !VERSIONS.includes(String(apiVersion)))
    throw badRequest(`it is no ${KIND} of ${VERSIONS[0]}, but ${apiVersion}, Kind=${kind}`)
  checkShape(document, CONFIGURATION, '')
  const { jwt, anonymous } = document as Partial<AuthenticationConfiguration>
  const authenticators = (jwt ?? []).map(complete)
  if (!anonymous) return { jwt: authenticators }
  return { jwt: authenticators, anonymous: { ...anonymous, enabled: anonymous.enabled ?? false } }
}

/** What may be left out in the text is there, and empty. */
const complete = ({ issuer, claimMappings, ...rest }: Partial<JwtAuthenticator>) =>
  ({
    ...rest,
    issuer: { ...issuer, url: issuer?.url ?? '', audiences: issuer?.audiences ?? [] },
    claimMappings: { ...claimMappings, username: claimMappings?.username ?? {} },
  }) satisfies JwtAuthenticator

const checkShape = (value: unknown, shape: Shape, at: string): void => {
  if (value === undefined || value === null) return
  const mismatch = (wanted: string) =>
    badRequest(`strict decoding error: ${at || 'it'} must be ${wanted}`)
  if (typeof shape === 'string') {
    if (typeof value !== shape) throw mismatch(`a ${shape}`)
  } else if ('list' in shape) {
    if (!Array.isArray(value)) throw mismatch('a list')
    for (const [index, item] of value.entries()) checkShape(item, shape.list, `${at}[${index}]`)
  } else {
    if (typeof value !== 'object' || Array.isArray(value)) throw mismatch('an object')
    for (const [key, item] of Object.entries(value)) {
      const path = at === '' ? key : `${at}.${key}`
      const inner = Object.hasOwn(shape.fields, key) ? shape.fields[key] : undefined
      if (!inner) throw badRequest(`strict decoding error: unknown field "${path}"`)
      checkShape(item, inner, path)
    }
  }
}
