/**
 * What users are warned of in a Service: fields that its type has no use for, and fields that go.
 *
 * Order and wording follow Kubernetes 1.36 (`pkg/api/service/warnings.go`).
 */
import type { Service } from './service.ts'
import { addressWarnings, cidrWarnings } from './warning-rules.ts'

const HINTS = 'service.kubernetes.io/topology-aware-hints'
const MODE = 'service.kubernetes.io/topology-mode'

export const serviceWarnings = ({ metadata, spec = {} }: Service): string[] => {
  const { clusterIP, loadBalancerIP, externalIPs = [], type } = spec
  const isHeadless = type === 'ClusterIP' && clusterIP === 'None'
  const isExternal = type === 'ExternalName'
  const warnings: string[] = []
  const warnIf = (condition: boolean, text: string) => {
    if (condition) warnings.push(text)
  }
  warnIf(
    metadata.annotations?.[HINTS] !== undefined,
    `annotation ${HINTS} is deprecated, please use ${MODE} instead`,
  )
  if (clusterIP && clusterIP !== 'None') {
    for (const [index, address] of (spec.clusterIPs ?? []).entries()) {
      warnings.push(...addressWarnings(`spec.clusterIPs[${index}]`, address))
    }
  }
  const ignored = 'is ignored for headless services'
  warnIf(isHeadless && Boolean(loadBalancerIP), `spec.loadBalancerIP ${ignored}`)
  warnIf(isHeadless && externalIPs.length > 0, `spec.externalIPs ${ignored}`)
  warnIf(isHeadless && spec.sessionAffinity !== 'None', `spec.SessionAffinity ${ignored}`)
  for (const [index, address] of externalIPs.entries()) {
    warnings.push(...addressWarnings(`spec.externalIPs[${index}]`, address))
  }
  warnIf(
    externalIPs.length > 0 && !isHeadless && !isExternal,
    'spec.externalIPs is deprecated and may no longer be implemented in some clusters',
  )
  if (loadBalancerIP) warnings.push(...addressWarnings('spec.loadBalancerIP', loadBalancerIP))
  for (const [index, range] of (spec.loadBalancerSourceRanges ?? []).entries()) {
    warnings.push(...cidrWarnings(`spec.loadBalancerSourceRanges[${index}]`, range))
  }
  warnIf(
    isExternal && externalIPs.length > 0,
    'spec.externalIPs is ignored when spec.type is "ExternalName"',
  )
  warnIf(
    !isExternal && Boolean(spec.externalName),
    'spec.externalName is ignored when spec.type is not "ExternalName"',
  )
  warnIf(
    spec.trafficDistribution === 'PreferClose',
    'spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"',
  )
  return warnings
}
