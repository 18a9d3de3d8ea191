/**
 * Families of addresses of a Service, in a cluster that has one of them: IPv4.
 *
 * Wording follows Kubernetes 1.36 (`pkg/registry/core/service/storage/alloc.go`, `initIPFamilyFields`). A
 * headless Service without selector is free: its endpoints are somebody else's.
 */
import { type FieldError, invalidField } from '../status-error.ts'
import type { ServiceSpec } from './service-exposure.ts'

const FAMILY = 'IPv4'
const POLICY = 'spec.ipFamilyPolicy'

export const checkFamilies = (errors: FieldError[], spec: ServiceSpec): void => {
  if (spec.type === 'ExternalName') return
  const { ipFamilyPolicy, clusterIPs = [], ipFamilies = [] } = spec
  const refuse = (why: string) => errors.push(invalidField(POLICY, ipFamilyPolicy, why))
  if (ipFamilyPolicy === 'SingleStack') {
    const must = "must be 'RequireDualStack' or 'PreferDualStack' when multiple"
    if (clusterIPs.length === 2) refuse(`${must} cluster IPs are specified`)
    if (ipFamilies.length === 2) refuse(`${must} IP families are specified`)
  }
  const hasSelector = Object.keys(spec.selector ?? {}).length > 0
  if (spec.clusterIP === 'None' && !hasSelector) return
  if (ipFamilyPolicy === 'RequireDualStack') {
    refuse('this cluster is not configured for dual-stack services')
  }
  for (const [index, family] of ipFamilies.entries()) {
    if (family === FAMILY || (family !== 'IPv6' && family !== 'IPv4')) continue
    const why = 'not configured on this cluster'
    errors.push(invalidField(`spec.ipFamilies[${index}]`, family, why))
  }
}
