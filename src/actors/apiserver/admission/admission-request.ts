/**
 * The `AdmissionRequest` of a write, as webhooks are sent it and expressions see it.
 *
 * After Kubernetes' `plugin/webhook/request/admissionreview.go`. The objects are not in it, nor the uid of a review.
 */
import type { AnyKind } from '../../../api/kind.ts'
import { namespaceOf } from './matching/criteria.ts'
import { reviewedKind, reviewedResource } from './matching/reviewed-kind.ts'
import type { AdmissionAttributes } from './plugin.ts'

/** `form`: the version that the rule named, if it is not the request's own. */
export const admissionRequest = (attributes: AdmissionAttributes, form: AnyKind): object => {
  const { kind, subresource, name, operation, user, options, dryRun } = attributes
  const namespace = namespaceOf(attributes)
  const { groups, uid, extra } = user
  return {
    kind: reviewedKind(form, subresource),
    resource: reviewedResource(form),
    ...(subresource ? { subResource: subresource } : {}),
    requestKind: reviewedKind(kind, subresource),
    requestResource: reviewedResource(kind),
    ...(subresource ? { requestSubResource: subresource } : {}),
    ...(name ? { name } : {}),
    ...(namespace ? { namespace } : {}),
    operation,
    userInfo: {
      username: user.name,
      ...(uid ? { uid } : {}),
      ...(groups.length > 0 ? { groups } : {}),
      ...(extra && Object.keys(extra).length > 0 ? { extra } : {}),
    },
    dryRun,
    options: options ?? null,
  }
}
