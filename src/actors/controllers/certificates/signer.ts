/**
 * Signs approved CertificateSigningRequests for the signers that Kubernetes builds in (Kubernetes'
 * `pkg/controller/certificates/signer`).
 *
 * Invariant: what a signer will never sign gets the condition Failed, once; what is approved, not failed and without
 * a certificate gets one. The key itself is behind a port: it is not in this process's memory between signatures.
 */
import {
  loadParser,
  type ParsedRequest,
  parseRequest,
} from '../../../api/certificates/certificate-request.ts'
import { CertificateSigningRequest } from '../../../api/certificates/certificate-signing-request.ts'
import { isBuiltInSigner, signerFault } from '../../../api/certificates/signers.ts'
import { timestamp } from '../../../std/clock.ts'
import { type Controller, defineController } from '../controller.ts'
import { type Command, NOTHING } from '../plan.ts'
import { hasCondition, withCondition } from './request-conditions.ts'

/** The cluster's authority. */
export interface CertificateAuthority {
  /** A certificate in PEM for the requested key and names. Throws Error when it cannot be made. */
  sign(
    request: ParsedRequest,
    options: { usages: readonly string[]; expirationSeconds: number | undefined; nowMs: number },
  ): Promise<string>
}

export const requestSigner = (authority: CertificateAuthority): Controller =>
  defineController<CertificateSigningRequest>({
    name: 'csrsigning',
    component: 'certificate-controller',
    for: CertificateSigningRequest,
    concerns: ({ type }) => type !== 'DELETED',
    reconcile: (request, _key, _view, now) => {
      if (!request || request.status?.certificate) return NOTHING
      if (!isBuiltInSigner(request.spec.signerName)) return NOTHING
      const isOpen = hasCondition(request, 'Approved') && !hasCondition(request, 'Denied')
      if (!isOpen || hasCondition(request, 'Failed')) return NOTHING
      const answer = () => signature(request, authority, now)
      const kind = CertificateSigningRequest
      return { commands: [{ verb: 'ask', kind, object: request, question: 'signature', answer }] }
    },
  })

const signature = async (
  request: CertificateSigningRequest,
  authority: CertificateAuthority,
  nowMs: number,
): Promise<Command[]> => {
  const { spec } = request
  const usages = spec.usages ?? []
  await loadParser()
  const parsed = parseRequest(spec.request)
  const fault = signerFault(spec.signerName, parsed, usages)
  const verb = 'updateStatus'
  const kind = CertificateSigningRequest
  if (fault !== undefined) {
    const object = withCondition(request, {
      type: 'Failed',
      status: 'True',
      reason: 'SignerValidationFailure',
      message: fault,
      lastUpdateTime: timestamp(nowMs),
    })
    return [{ verb, kind, object }]
  }
  const { expirationSeconds } = spec
  const pem = await authority.sign(parsed, { usages, expirationSeconds, nowMs })
  const certificate = Buffer.from(pem).toString('base64')
  const object: CertificateSigningRequest = {
    ...request,
    status: { ...request.status, certificate },
  }
  return [{ verb, kind, object }]
}
