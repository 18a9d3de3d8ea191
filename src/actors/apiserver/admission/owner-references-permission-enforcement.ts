/**
 * OwnerReferencesPermissionEnforcement: who names an owner must be allowed to delete what he gives one, and to
 * finalize an owner whose deletion he blocks.
 *
 * After Kubernetes 1.36 (`plugin/pkg/admission/gc`). Off by default, as there.
 */
import { isDeepStrictEqual } from 'node:util'
import type { KubernetesObject } from '../../../api/meta.ts'
import type { KindRegistry } from '../../../api/registry.ts'
import type { Attributes } from '../authorization/attributes.ts'
import { refusedBy } from './chain.ts'
import type { AdmissionAttributes, AdmissionPlugin } from './plugin.ts'

type OwnerReference = NonNullable<KubernetesObject['metadata']['ownerReferences']>[number]

export const ownerReferencesPermissionEnforcement: AdmissionPlugin = {
  name: 'OwnerReferencesPermissionEnforcement',
  handles: (kind, operation, subresource) =>
    (operation === 'CREATE' || operation === 'UPDATE') &&
    !(kind.group === '' && kind.plural === 'pods' && subresource === 'status'),
  validate: async (attributes) => {
    const next = ownersOf(attributes.object)
    const old = ownersOf(attributes.old)
    if (isDeepStrictEqual(next, old)) return undefined
    if (attributes.operation === 'UPDATE') await checkMayDelete(attributes)
    const blocking = next.filter(
      ({ uid, blockOwnerDeletion }) =>
        blockOwnerDeletion && !old.find((each) => each.uid === uid)?.blockOwnerDeletion,
    )
    if (blocking.length > 0) await checkMayBlock(attributes, blocking)
    return undefined
  },
}

const ownersOf = (object: KubernetesObject | undefined): readonly OwnerReference[] =>
  object?.metadata?.ownerReferences ?? []

const checkMayDelete = async (attributes: AdmissionAttributes): Promise<void> => {
  const { services, user, kind, subresource, namespace, name } = attributes
  const { group, version, plural: resource } = kind
  const asked = { user, verb: 'delete', group, version, resource, subresource, namespace, name }
  const { allowed, reason, error } = await services.authorizer.decide(asked)
  if (!allowed)
    throw refusedBy(
      attributes,
      `cannot set an ownerRef on a resource you can't delete: ${reason ?? ''}, ${error ?? '<nil>'}`,
    )
}

const checkMayBlock = async (
  attributes: AdmissionAttributes,
  owners: readonly OwnerReference[],
): Promise<void> => {
  const { services, user } = attributes
  const finalize = { user, verb: 'update', subresource: 'finalizers' }
  const anything = { ...finalize, group: '*', version: '*', resource: '*', name: '*' }
  if ((await services.authorizer.decide(anything)).allowed) return
  for (const owner of owners) {
    const question = questionAbout(services.storage.cache.kinds, owner, attributes.namespace)
    if (!question)
      throw refusedBy(
        attributes,
        `cannot set blockOwnerDeletion in this case because cannot find RESTMapping for APIVersion ${owner.apiVersion} Kind ${owner.kind}: no matches for kind ${JSON.stringify(owner.kind)} in version ${JSON.stringify(owner.apiVersion)}`,
      )
    const { allowed, reason, error } = await services.authorizer.decide({
      ...finalize,
      ...question,
    })
    if (!allowed)
      throw refusedBy(
        attributes,
        `cannot set blockOwnerDeletion if an ownerReference refers to a resource you can't set finalizers on: ${reason ?? ''}, ${error ?? '<nil>'}`,
      )
  }
}

/** An owner in a namespace is in that of what it owns. */
const questionAbout = (
  kinds: KindRegistry,
  { apiVersion, kind: kindName, name }: OwnerReference,
  namespace: string | undefined,
): Omit<Attributes, 'user' | 'verb'> | undefined => {
  const kind = kinds.served.find(
    (each) => each.apiVersion === apiVersion && each.kind === kindName && !each.isVirtual,
  )
  if (!kind) return undefined
  const { group, version, plural: resource, namespaced } = kind
  return { group, version, resource, name, ...(namespaced ? { namespace } : {}) }
}
