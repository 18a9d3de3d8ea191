/**
 * CertificateSubjectRestriction: nobody gets a client certificate of the group `system:masters`.
 *
 * After Kubernetes 1.36 (`plugin/pkg/admission/certificates/subjectrestriction`). The kind has loaded what reads
 * requests before a plug-in sees one.
 */
import { parseRequest } from '../../../api/certificates/certificate-request.ts'
import { CertificateSigningRequest } from '../../../api/certificates/certificate-signing-request.ts'
import { CLIENT_SIGNER } from '../../../api/certificates/signers.ts'
import { MASTERS } from '../authorization/authorizer.ts'
import { refusedBy } from './chain.ts'
import type { AdmissionAttributes, AdmissionPlugin } from './plugin.ts'

export const certificateSubjectRestriction: AdmissionPlugin = {
  name: 'CertificateSubjectRestriction',
  handles: (kind, operation, subresource) =>
    kind === CertificateSigningRequest && operation === 'CREATE' && subresource === undefined,
  validate: (attributes) => {
    const { spec } = attributes.object as CertificateSigningRequest
    if (spec.signerName !== CLIENT_SIGNER) return undefined
    if (organizationsIn(attributes, spec.request).includes(MASTERS))
      throw refusedBy(
        attributes,
        `use of ${CLIENT_SIGNER} signer with ${MASTERS} group is not allowed`,
      )
    return undefined
  },
}

const organizationsIn = (attributes: AdmissionAttributes, request: string): string[] => {
  try {
    return parseRequest(request).organizations
  } catch (error) {
    throw refusedBy(attributes, `failed to parse CSR: ${(error as Error).message}`)
  }
}
