/**
 * Admission: what the cluster adds to or refuses of a new object beyond its kind's own rules.
 *
 * After Kubernetes' plug-ins NamespaceLifecycle, ServiceAccount and RuntimeClass. Invariant: only objects that
 * are being created pass here. Addresses of Services are `service-addresses.ts`.
 */
import { Namespace } from '../../api/core/namespace.ts'
import { Pod } from '../../api/core/pod.ts'
import { ServiceAccount } from '../../api/core/service-account.ts'
import type { AnyKind } from '../../api/kind.ts'
import type { KubernetesObject } from '../../api/meta.ts'
import { RuntimeClass } from '../../api/node/runtime-class.ts'
import { admitRuntimeClass } from '../../api/node/runtime-class-admission.ts'
import { adminAccessErrors } from '../../api/resource/admin-access.ts'
import { ResourceClaim } from '../../api/resource/resource-claim.ts'
import { ResourceClaimTemplate } from '../../api/resource/resource-claim-template.ts'
import { forbidden, invalid, notFound, StatusError } from '../../api/status-error.ts'
import type { ApiRequest } from './request.ts'
import type { Services } from './services.ts'

/** Refuses new content in a namespace that is missing or on its way out. */
export const checkNamespace = async (
  { storage }: Services,
  { kind, namespace }: ApiRequest,
  name: string,
): Promise<void> => {
  if (!kind.namespaced || namespace === undefined) return
  let found = storage.cache.get(Namespace, undefined, namespace)
  if (!found) {
    await storage.barrier(Namespace)
    found = storage.cache.get(Namespace, undefined, namespace)
  }
  if (!found) throw notFound(Namespace, namespace)
  if (found.metadata.deletionTimestamp === undefined) return
  const refused = forbidden(
    kind,
    name,
    `unable to create new content in namespace ${namespace} because it is being terminated`,
  )
  throw new StatusError(403, 'Forbidden', refused.message, {
    ...refused.status.details,
    causes: [
      {
        reason: 'NamespaceTerminating',
        message: `namespace ${namespace} is being terminated`,
        field: 'metadata.namespace',
      },
    ],
  })
}

/** Waits until the cache knows what `object` names and must exist, if that was created a moment ago. */
export const awaitNamed = async (
  { storage }: Services,
  kind: AnyKind,
  object: KubernetesObject,
): Promise<void> => {
  if (kind.plural !== 'pods' || kind.group !== '') return
  const runtimeClass = (object as Pod).spec?.runtimeClassName
  if (runtimeClass && !storage.cache.get(RuntimeClass, undefined, runtimeClass))
    await storage.barrier(RuntimeClass)
}

/** Completes a new object, in place. Throws 403 and 422. */
export const admitCreate = (services: Services, kind: AnyKind, object: KubernetesObject): void => {
  if (kind === Pod) admitPod(services, kind, object as Pod)
  else if (kind === ResourceClaim)
    admitDevices(services, kind, object, (object as ResourceClaim).spec)
  else if (kind === ResourceClaimTemplate)
    admitDevices(services, kind, object, (object as ResourceClaimTemplate).spec?.spec)
}

/** Throws 422. */
const admitDevices = (
  { storage }: Services,
  kind: AnyKind,
  { metadata: { name, namespace } }: KubernetesObject,
  spec: ResourceClaim['spec'] | undefined,
): void => {
  const labels = storage.cache.get(Namespace, undefined, namespace ?? '')?.metadata.labels
  const errors = adminAccessErrors(spec, labels)
  if (errors.length > 0) throw invalid(kind, name, errors)
}

const admitPod = ({ storage }: Services, kind: AnyKind, pod: Pod): void => {
  const { spec } = pod
  if (!spec) return
  const account = spec.serviceAccountName || spec.serviceAccount || 'default'
  spec.serviceAccountName = account
  spec.serviceAccount = account
  const { name, namespace } = pod.metadata
  if (account !== 'default' && !storage.cache.get(ServiceAccount, namespace, account))
    throw forbidden(
      kind,
      name,
      `error looking up service account ${namespace}/${account}: serviceaccount "${account}" not found`,
    )
  const runtimeClass = spec.runtimeClassName
  const why = admitRuntimeClass(
    spec,
    runtimeClass ? storage.cache.get(RuntimeClass, undefined, runtimeClass) : undefined,
  )
  if (why) throw forbidden(kind, name, why)
}
