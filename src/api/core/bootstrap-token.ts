/**
 * Bootstrap tokens: what a Secret of type `bootstrap.kubernetes.io/token` in `kube-system` says.
 *
 * A token is `<id>.<secret>`; its Secret is `bootstrap-token-<id>`. Rules follow Kubernetes 1.36
 * (`cluster-bootstrap/util`, `plugin/pkg/auth/authenticator/token/bootstrap`). Pure: it compares no secrets.
 */
import { createHmac } from 'node:crypto'
import type { Secret } from './secret.ts'

export const BOOTSTRAP_TOKEN_TYPE = 'bootstrap.kubernetes.io/token'
export const BOOTSTRAP_NAMESPACE = 'kube-system'

const NAME_PREFIX = 'bootstrap-token-'
const TOKEN = /^([a-z0-9]{6})\.([a-z0-9]{16})$/
const NAME = /^bootstrap-token-([a-z0-9]{6})$/
const DEFAULT_GROUP = 'system:bootstrappers'
const GROUP = /^system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]$/
/** What Go reads as RFC 3339. */
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:\d\d)$/

export const bootstrapSecretName = (id: string): string => `${NAME_PREFIX}${id}`

/** Undefined for a text that is no bootstrap token. */
export const parseBootstrapToken = (token: string): { id: string; secret: string } | undefined => {
  const match = TOKEN.exec(token)
  return match ? { id: match[1]!, secret: match[2]! } : undefined
}

/** The decoded text of a key; empty when it is not there. */
export const secretText = ({ data }: Secret, key: string): string =>
  Buffer.from(data?.[key] ?? '', 'base64').toString()

/** Milliseconds that are left at `nowMs`; `undefined` for ever. What cannot be read has expired. */
export const bootstrapRemainingMs = (secret: Secret, nowMs: number): number | undefined => {
  const text = secretText(secret, 'expiration')
  if (text === '') return undefined
  const until = TIME.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(until) ? 0 : Math.max(0, until - nowMs)
}

export interface BootstrapToken {
  id: string
  secret: string
  /** Sorted. Undefined when one of them may not be. */
  groups: readonly string[] | undefined
  authenticates: boolean
  signs: boolean
}

/** What the Secret is good for at `nowMs`; undefined when it is no token, or one that has expired. */
export const bootstrapTokenOf = (secret: Secret, nowMs: number): BootstrapToken | undefined => {
  const id = NAME.exec(secret.metadata.name)?.[1]
  if (secret.type !== BOOTSTRAP_TOKEN_TYPE || !id || secretText(secret, 'token-id') !== id)
    return undefined
  const value = secretText(secret, 'token-secret')
  if (value === '' || bootstrapRemainingMs(secret, nowMs) === 0) return undefined
  return {
    id,
    secret: value,
    groups: groupsOf(secret),
    authenticates: secretText(secret, 'usage-bootstrap-authentication') === 'true',
    signs: secretText(secret, 'usage-bootstrap-signing') === 'true',
  }
}

const groupsOf = (secret: Secret): string[] | undefined => {
  const more = secretText(secret, 'auth-extra-groups')
  const groups = more === '' ? [] : more.split(',')
  if (!groups.every((group) => GROUP.test(group))) return undefined
  return [...new Set([DEFAULT_GROUP, ...groups])].sort()
}

/** The JSON Web Signature (HS256) of `content` by the token, with the content left out (RFC 7515, appendix F). */
export const detachedSignature = (content: string, { id, secret }: BootstrapToken): string => {
  const encode = (text: string) => Buffer.from(text).toString('base64url')
  const header = encode(JSON.stringify({ alg: 'HS256', kid: id }))
  const signature = createHmac('sha256', secret).update(`${header}.${encode(content)}`)
  return `${header}..${signature.digest('base64url')}`
}
