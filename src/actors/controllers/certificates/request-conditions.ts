/**
 * How far a CertificateSigningRequest has come.
 */
import type { CertificateSigningRequest } from '../../../api/certificates/certificate-signing-request.ts'

type Condition = NonNullable<NonNullable<CertificateSigningRequest['status']>['conditions']>[number]

export const conditionsOf = ({ status }: CertificateSigningRequest): readonly Condition[] =>
  status?.conditions ?? []

export const hasCondition = (request: CertificateSigningRequest, wanted: string): boolean =>
  conditionsOf(request).some(({ type }) => type === wanted)

/** With one more condition. */
export const withCondition = (
  request: CertificateSigningRequest,
  condition: Condition,
): CertificateSigningRequest => ({
  ...request,
  status: { ...request.status, conditions: [...conditionsOf(request), condition] },
})
