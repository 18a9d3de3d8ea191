/**
 * The signers that Kubernetes builds in: what each wants of a request, and how long a certificate may be good.
 *
 * Pure. Rules, order and wording follow Kubernetes 1.36 (`pkg/apis/certificates/helpers.go`,
 * `pkg/controller/certificates/signer` and `authority`).
 */
import type { ParsedRequest } from './certificate-request.ts'

export const CLIENT_SIGNER = 'kubernetes.io/kube-apiserver-client'
export const KUBELET_CLIENT_SIGNER = 'kubernetes.io/kube-apiserver-client-kubelet'
export const KUBELET_SERVING_SIGNER = 'kubernetes.io/kubelet-serving'
export const LEGACY_SIGNER = 'kubernetes.io/legacy-unknown'

const NODE_GROUP = 'system:nodes'
const NODE_USER = 'system:node:'

type Rule = (request: ParsedRequest, usages: readonly string[]) => string | undefined

/** Why the signer will never sign the request; undefined when it will. */
export const signerFault = (
  signer: string,
  request: ParsedRequest,
  usages: readonly string[],
): string | undefined => RULES[signer]?.(request, usages)

export const isBuiltInSigner = (signer: string): boolean => Object.hasOwn(RULES, signer)

/** Whether a kubelet may have made it, to speak to the API. */
export const isKubeletClient = (request: ParsedRequest, usages: readonly string[]): boolean =>
  kubeletClientFault(request, usages) === undefined

const kubeletServingFault: Rule = (request, usages) => {
  const { organizations, dnsNames, ipAddresses, emailAddresses, uris, commonName } = request
  if (!isNodeGroup(organizations)) return 'subject organization is not system:nodes'
  if (dnsNames.length === 0 && ipAddresses.length === 0)
    return 'DNS or IP subjectAltName is required'
  if (emailAddresses.length > 0) return 'Email subjectAltNames are not allowed'
  if (uris.length > 0) return 'URI subjectAltNames are not allowed'
  return (
    usageFault(usages, ['digital signature', 'key encipherment', 'server auth']) ??
    nameFault(commonName)
  )
}

const kubeletClientFault: Rule = (request, usages) => {
  const { organizations, dnsNames, ipAddresses, emailAddresses, uris, commonName } = request
  if (!isNodeGroup(organizations)) return 'subject organization is not system:nodes'
  if (dnsNames.length > 0) return 'DNS subjectAltNames are not allowed'
  if (emailAddresses.length > 0) return 'Email subjectAltNames are not allowed'
  if (ipAddresses.length > 0) return 'IP subjectAltNames are not allowed'
  if (uris.length > 0) return 'URI subjectAltNames are not allowed'
  return (
    nameFault(commonName) ??
    usageFault(usages, ['client auth', 'digital signature', 'key encipherment'])
  )
}

const clientFault: Rule = (_request, usages) => {
  const optional = ['digital signature', 'key encipherment']
  const wrong = usages.find((usage) => usage !== 'client auth' && !optional.includes(usage))
  if (wrong !== undefined) return `invalid usage for client certificate: ${wrong}`
  return usages.includes('client auth')
    ? undefined
    : 'missing required usage for client certificate: client auth'
}

const RULES: Readonly<Record<string, Rule>> = {
  [CLIENT_SIGNER]: clientFault,
  [KUBELET_CLIENT_SIGNER]: kubeletClientFault,
  [KUBELET_SERVING_SIGNER]: kubeletServingFault,
  [LEGACY_SIGNER]: () => undefined,
}

const isNodeGroup = (organizations: readonly string[]): boolean =>
  organizations.length === 1 && organizations[0] === NODE_GROUP

const nameFault = (commonName: string): string | undefined =>
  commonName.startsWith(NODE_USER)
    ? undefined
    : 'subject common name does not begin with system:node:'

/** Keys other than RSA do without encipherment. */
const usageFault = (usages: readonly string[], wanted: readonly string[]): string | undefined => {
  const given = new Set(usages)
  const without = wanted.filter((usage) => usage !== 'key encipherment')
  const isSame = (all: readonly string[]) =>
    given.size === all.length && all.every((usage) => given.has(usage))
  return isSame(wanted) || isSame(without)
    ? undefined
    : `usages did not match [${wanted.join(' ')}]`
}

const MINUTE_MS = 60_000
const BACKDATE_MS = 5 * MINUTE_MS
const SHORT_MS = 8 * 60 * MINUTE_MS
const LEAST_MS = 10 * MINUTE_MS
/** Kubernetes' `--cluster-signing-duration`. */
export const SIGNING_DURATION_MS = 365 * 24 * 60 * MINUTE_MS

export interface Validity {
  notBeforeMs: number
  notAfterMs: number
}

/** Never longer than `longestMs`, nor than the signer itself. Throws Error when the signer has expired. */
export const validityOf = (
  nowMs: number,
  expirationSeconds: number | undefined,
  signerNotAfterMs: number,
  longestMs = SIGNING_DURATION_MS,
): Validity => {
  const askedMs = expirationSeconds === undefined ? longestMs : expirationSeconds * 1000
  const ttlMs = Math.max(Math.min(askedMs, longestMs), Math.min(LEAST_MS, longestMs))
  const notBeforeMs = nowMs - BACKDATE_MS
  const endMs = nowMs + ttlMs - (ttlMs < SHORT_MS ? 0 : BACKDATE_MS)
  const signerEnd = new Date(signerNotAfterMs).toISOString()
  if (notBeforeMs >= signerNotAfterMs)
    throw new Error(`the signer has expired: NotAfter=${signerEnd}`)
  if (nowMs >= signerNotAfterMs)
    throw new Error(
      `refusing to sign a certificate that expired in the past: NotAfter=${signerEnd}`,
    )
  return { notBeforeMs, notAfterMs: Math.min(endMs, signerNotAfterMs) }
}
