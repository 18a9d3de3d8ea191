/**
 * CertificateSigning: whoever puts a certificate or conditions into a request must be allowed to sign for its signer.
 *
 * After Kubernetes 1.36 (`plugin/pkg/admission/certificates/signing`).
 */
import { isDeepStrictEqual } from 'node:util'
import { CertificateSigningRequest } from '../../../api/certificates/certificate-signing-request.ts'
import { mayUseSigner } from '../authorization/signer-rights.ts'
import { refusedBy } from './chain.ts'
import type { AdmissionPlugin } from './plugin.ts'

export const certificateSigning: AdmissionPlugin = {
  name: 'CertificateSigning',
  handles: (kind, operation, subresource) =>
    kind === CertificateSigningRequest && operation === 'UPDATE' && subresource === 'status',
  validate: async (attributes) => {
    const { services, user } = attributes
    const old = attributes.old as CertificateSigningRequest
    const next = attributes.object as CertificateSigningRequest
    if (
      old.status?.certificate === next.status?.certificate &&
      isDeepStrictEqual(old.status?.conditions ?? [], next.status?.conditions ?? [])
    )
      return undefined
    const signer = old.spec.signerName
    if (!(await mayUseSigner(services.authorizer, user, 'sign', signer)))
      throw refusedBy(
        attributes,
        `user not permitted to sign requests with signerName ${JSON.stringify(signer)}`,
      )
    return undefined
  },
}
