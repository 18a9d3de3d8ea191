/**
 * Reviews of access: may somebody do something, and what may the asker do at all.
 *
 * Answered by the function that decides real requests (`authorization/`). Wording follows Kubernetes 1.36
 * (`pkg/registry/authorization`).
 */
import type { V1SubjectAccessReviewStatus } from '@kubernetes/client-node'
import type { AccessSpec } from '../../../api/authorization/access-review-validation.ts'
import type { LocalSubjectAccessReview } from '../../../api/authorization/local-subject-access-review.ts'
import type { SelfSubjectRulesReview } from '../../../api/authorization/self-subject-rules-review.ts'
import type { SubjectAccessReview } from '../../../api/authorization/subject-access-review.ts'
import type { KubernetesObject } from '../../../api/meta.ts'
import { badRequest } from '../../../api/status-error.ts'
import type { Authorizer } from '../authorization/attributes.ts'
import { attributesOf } from '../authorization/review-spec.ts'
import type { ApiRequest, User } from '../request.ts'

export const reviewAccess = async (
  authorizer: Authorizer,
  user: User,
  spec: AccessSpec,
): Promise<V1SubjectAccessReviewStatus> => {
  const { allowed, denied, reason, error } = await authorizer.decide(attributesOf(user, spec))
  return {
    allowed,
    ...(denied ? { denied } : {}),
    ...(reason ? { reason } : {}),
    ...(error ? { evaluationError: error } : {}),
  }
}

/** The user that a SubjectAccessReview is about. */
export const subjectOf = ({ spec }: SubjectAccessReview | LocalSubjectAccessReview): User => ({
  name: spec.user ?? '',
  groups: spec.groups ?? [],
  ...(spec.uid ? { uid: spec.uid } : {}),
  ...(spec.extra ? { extra: spec.extra } : {}),
})

export const checkLocalNamespace = ({ namespace }: ApiRequest, object: KubernetesObject): void => {
  if (namespace !== object.metadata.namespace)
    throw badRequest(`spec.resourceAttributes.namespace must match namespace: ${namespace}`)
}

export const reviewRules = (
  authorizer: Authorizer,
  user: User,
  { spec }: SelfSubjectRulesReview,
): NonNullable<SelfSubjectRulesReview['status']> => {
  if (!spec?.namespace) throw badRequest('no namespace on request')
  return authorizer.rulesFor(user, spec.namespace)
}
