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
  let request: object | undefined
  return {
    object: object ?? null,
    oldObject: old ?? null,
    request: () => {
      request ??= admissionRequest(attributes, form)
      return request
    },
    namespaceObject: () => null,
    decide,
    requestResource: () => resourceOf(attributes),
  }
}

const resourceOf = (
  attributes: AdmissionAttributes,
): ReturnType<ExpressionInput['requestResource']> => {
  const { kind, subresource, name } = attributes
  const namespace = namespaceOf(attributes)
  return {
    group: kind.group,
    resource: kind.plural,
    ...(subresource ? { subresource } : {}),
    ...(namespace ? { namespace } : {}),
    ...(name ? { name } : {}),
  }
}

const shownNamespaces = new WeakMap<Namespace, object>()

/** What is shown of the namespace a write is in; null for what is in none, and for namespaces themselves. */
export const namespaceObject = ({
  services,
  kind,
  namespace,
}: AdmissionAttributes): object | null => {
  if (kind === Namespace || !namespace) return null
  const found = services.storage.cache.get(Namespace, undefined, namespace)
  if (!found) return null
  let shown = shownNamespaces.get(found)
  if (!shown) {
    const { metadata, spec, status } = found
    const { ownerReferences: _owners, uid, ...rest } = metadata
    shown = { metadata: { ...rest, UID: uid }, spec: spec ?? {}, status: status ?? {} }
    shownNamespaces.set(found, shown)
  }
  return shown
}
