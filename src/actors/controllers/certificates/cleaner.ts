/**
 * Removes CertificateSigningRequests that are settled or forgotten (Kubernetes'
 * `pkg/controller/certificates/cleaner`).
 *
 * Invariant: pure; each is looked at when its time comes, where Kubernetes looks at all of them every hour.
 */
import { X509Certificate } from 'node:crypto'
import { CertificateSigningRequest } from '../../../api/certificates/certificate-signing-request.ts'
import { defineController } from '../controller.ts'
import { NOTHING } from '../plan.ts'
import { conditionsOf } from './request-conditions.ts'

const HOUR_MS = 3_600_000
const SETTLED_MS = HOUR_MS
const PENDING_MS = 24 * HOUR_MS
/** No timer runs for longer. */
const LOOK_AGAIN_MS = 12 * HOUR_MS

export const requestCleaner = defineController<CertificateSigningRequest>({
  name: 'csrcleaner',
  component: 'certificate-controller',
  for: CertificateSigningRequest,
  concerns: ({ type }) => type !== 'DELETED',
  reconcile: (request, _key, _view, now) => {
    if (!request) return NOTHING
    const deadline = Math.min(...deadlines(request))
    if (deadline === Number.POSITIVE_INFINITY) return NOTHING
    if (now <= deadline)
      return { commands: [], requeueAfterMs: Math.min(deadline - now + 1, LOOK_AGAIN_MS) }
    return { commands: [{ verb: 'delete', kind: CertificateSigningRequest, object: request }] }
  },
})

/** When it may go, for one reason or another, in ms. */
const deadlines = (request: CertificateSigningRequest): number[] => {
  const conditions = conditionsOf(request)
  const { creationTimestamp } = request.metadata
  if (conditions.length === 0) return [Date.parse(String(creationTimestamp)) + PENDING_MS]
  const certificate = request.status?.certificate
  return conditions.map(({ type, lastUpdateTime }) => {
    const since = lastUpdateTime ? Date.parse(String(lastUpdateTime)) : Number.POSITIVE_INFINITY
    if (type === 'Denied' || type === 'Failed') return since + SETTLED_MS
    if (type !== 'Approved') return Number.POSITIVE_INFINITY
    if (!certificate) return since + PENDING_MS
    return Math.min(since + SETTLED_MS, expiryOf(certificate))
  })
}

/** Of the first certificate; what cannot be read never expires. */
const expiryOf = (base64: string): number => {
  try {
    return Date.parse(new X509Certificate(Buffer.from(base64, 'base64')).validTo)
  } catch {
    return Number.POSITIVE_INFINITY
  }
}
