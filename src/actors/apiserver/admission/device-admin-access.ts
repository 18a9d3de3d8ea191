/**
 * Access to devices for administration is granted only in namespaces that are made for it.
 *
 * In Kubernetes 1.36 this is in the strategies of ResourceClaim and ResourceClaimTemplate; here it stands among the
 * plug-ins because it needs the namespace, and cannot be switched off. Asked of new objects only, as their
 * devices never change.
 */
import { Namespace } from '../../../api/core/namespace.ts'
import { adminAccessErrors } from '../../../api/resource/admin-access.ts'
import { ResourceClaim } from '../../../api/resource/resource-claim.ts'
import { ResourceClaimTemplate } from '../../../api/resource/resource-claim-template.ts'
import { invalid } from '../../../api/status-error.ts'
import type { AdmissionPlugin } from './plugin.ts'

export const deviceAdminAccess: AdmissionPlugin = {
  name: 'DeviceAdminAccess',
  handles: (kind, operation, subresource) =>
    operation === 'CREATE' &&
    subresource === undefined &&
    (kind === ResourceClaim || kind === ResourceClaimTemplate),
  validate: ({ services, kind, namespace = '', name, object }) => {
    const spec =
      kind === ResourceClaim
        ? (object as ResourceClaim).spec
        : (object as ResourceClaimTemplate).spec?.spec
    const { labels } = services.storage.cache.get(Namespace, undefined, namespace)?.metadata ?? {}
    const errors = adminAccessErrors(spec, labels)
    if (errors.length > 0) throw invalid(kind, name, errors)
    return undefined
  },
}
