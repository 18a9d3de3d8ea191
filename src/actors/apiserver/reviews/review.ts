/**
 * Reviews: questions that are asked by creating an object, and answered in its status.
 *
 * Invariant: nothing is stored. Loaded with the first review, because most clusters see few of them.
 */
import type { SelfSubjectReview } from '../../../api/authentication/self-subject-review.ts'
import type { TokenReview } from '../../../api/authentication/token-review.ts'
import type { LocalSubjectAccessReview } from '../../../api/authorization/local-subject-access-review.ts'
import type { SelfSubjectAccessReview } from '../../../api/authorization/self-subject-access-review.ts'
import type { SelfSubjectRulesReview } from '../../../api/authorization/self-subject-rules-review.ts'
import type { SubjectAccessReview } from '../../../api/authorization/subject-access-review.ts'
import type { KubernetesObject } from '../../../api/meta.ts'
import { invalid } from '../../../api/status-error.ts'
import { assert } from '../../../std/assert.ts'
import { admissionOf, admitted } from '../admission/chain.ts'
import { decodeObject } from '../decode-object.ts'
import type { ApiRequest, ApiResult } from '../request.ts'
import type { Services } from '../services.ts'
import { checkLocalNamespace, reviewAccess, reviewRules, subjectOf } from './access-review.ts'
import { reviewToken, userInfoOf } from './token-review.ts'

type Answer = (services: Services, request: ApiRequest, object: KubernetesObject) => unknown

export const review = async (services: Services, request: ApiRequest): Promise<ApiResult> => {
  const { kind } = request
  const answer = ANSWERS[kind.kind]
  assert(answer, `no answers to ${kind.kind}`)
  const object: KubernetesObject & { status?: unknown } = decodeObject(request)
  const admission = admissionOf(services, request, 'CREATE')
  const mutation = admission?.mutate(object, undefined)
  if (mutation) await mutation
  const errors = kind.validate?.(object) ?? []
  if (errors.length > 0) throw invalid(kind, '', errors)
  object.status = await admitted(admission, object, undefined, async () =>
    answer(services, request, object),
  )
  return { type: 'document', code: 201, document: object }
}

const ANSWERS: Readonly<Record<string, Answer>> = {
  TokenReview: (services, _, object) => reviewToken(services, object as TokenReview),
  SelfSubjectReview: (_, { user }): SelfSubjectReview['status'] => ({ userInfo: userInfoOf(user) }),
  SubjectAccessReview: ({ authorizer }, _, object) => {
    const asked = object as SubjectAccessReview
    return reviewAccess(authorizer, subjectOf(asked), asked.spec)
  },
  SelfSubjectAccessReview: ({ authorizer }, { user }, object) =>
    reviewAccess(authorizer, user, (object as SelfSubjectAccessReview).spec),
  LocalSubjectAccessReview: ({ authorizer }, request, object) => {
    const asked = object as LocalSubjectAccessReview
    checkLocalNamespace(request, asked)
    return reviewAccess(authorizer, subjectOf(asked), asked.spec)
  },
  SelfSubjectRulesReview: ({ authorizer }, { user }, object) =>
    reviewRules(authorizer, user, object as SelfSubjectRulesReview),
}
