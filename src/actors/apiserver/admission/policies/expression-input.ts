/**
 * What expressions of policies and match conditions see of a write.
 *
 * Invariant: objects are handed over as they lie; nothing is copied.
 */

import type { ExpressionInput } from '../../../../api/admissionregistration/expression-run.ts'
import { Namespace } from '../../../../api/core/namespace.ts'
import type { AnyKind } from '../../../../api/kind.ts'
import type { KubernetesObject } from '../../../../api/meta.ts'
import { admissionRequest } from '../admission-request.ts'
import { namespaceOf } from '../matching/criteria.ts'
import type { AdmissionAttributes } from '../plugin.ts'

interface Shown {
  form: AnyKind
  object: KubernetesObject | undefined
  old: KubernetesObject | undefined
}

/** Without parameters and without the namespace's object. */
export const expressionInput = (
  attributes: AdmissionAttributes,
  { form, object, old }: Shown,
  decide: ExpressionInput['decide'],
): ExpressionInput => {
  const { kind, subresource, name } = attributes
  const namespace = namespaceOf(attributes)
  return {
    object: object ?? null,
    oldObject: old ?? null,
    request: admissionRequest(attributes, form),
    namespaceObject: null,
    decide,
    requestResource: {
      group: kind.group,
      resource: kind.plural,
      ...(subresource ? { subresource } : {}),
      ...(namespace ? { namespace } : {}),
      ...(name ? { name } : {}),
    },
  }
}

/** What is shown of the namespace a write is in; null for what is in none, and for namespaces themselves. */
export const namespaceObject = ({
  services,
  kind,
  namespace,
}: AdmissionAttributes): object | null => {
  if (kind === Namespace || !namespace) return null
  const found = services.storage.cache.get(Namespace, undefined, namespace)
  if (!found) return null
  const { metadata, spec, status } = found
  const { ownerReferences: _owners, uid, ...shown } = metadata
  return { metadata: { ...shown, UID: uid, uid }, spec: spec ?? {}, status: status ?? {} }
}
