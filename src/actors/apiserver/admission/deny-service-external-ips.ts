/**
 * DenyServiceExternalIPs: no Service gets external addresses that it did not have.
 *
 * After Kubernetes 1.36 (`plugin/pkg/admission/network/denyserviceexternalips`). Off unless it is asked for.
 */
import { Service } from '../../../api/core/service.ts'
import { refusedBy } from './chain.ts'
import type { AdmissionPlugin } from './plugin.ts'

export const denyServiceExternalIPs: AdmissionPlugin = {
  name: 'DenyServiceExternalIPs',
  handles: (kind, operation, subresource) =>
    kind === Service &&
    subresource === undefined &&
    (operation === 'CREATE' || operation === 'UPDATE'),
  validate: (attributes) => {
    const wanted = (attributes.object as Service).spec?.externalIPs ?? []
    const present = (attributes.old as Service | undefined)?.spec?.externalIPs ?? []
    if (wanted.some((address) => !present.includes(address)))
      throw refusedBy(attributes, 'Use of external IPs is denied by admission control')
    return undefined
  },
}
