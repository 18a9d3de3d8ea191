/**
 * CertificateApproval: whoever approves or denies a request for a certificate must be allowed to for its signer.
 *
 * After Kubernetes 1.36 (`plugin/pkg/admission/certificates/approval`). Judged by the signer that is stored, not by
 * the one that is sent.
 */
import { CertificateSigningRequest } from '../../../api/certificates/certificate-signing-request.ts'
import { mayUseSigner } from '../authorization/signer-rights.ts'
import { refusedBy } from './chain.ts'
import type { AdmissionPlugin } from './plugin.ts'

export const certificateApproval: AdmissionPlugin = {
  name: 'CertificateApproval',
  handles: (kind, operation, subresource) =>
    kind === CertificateSigningRequest && operation === 'UPDATE' && subresource === 'approval',
  validate: async (attributes) => {
    const { services, user, old } = attributes
    const signer = (old as CertificateSigningRequest).spec.signerName
    if (!(await mayUseSigner(services.authorizer, user, 'approve', signer)))
      throw refusedBy(
        attributes,
        `user not permitted to approve requests with signerName ${JSON.stringify(signer)}`,
      )
    return undefined
  },
}
