/**
 * Validation of a Service, its changes and its status.
 *
 * Order and wording follow Kubernetes 1.36 (`validateService`, `ValidateServiceUpdate`). It runs before
 * addresses are allocated, so an absent address or port is no fault here.
 */

import type { V1ServicePort } from '@kubernetes/client-node'
import { internalValue } from '../internal-struct.ts'
import { isSloppyAddress } from '../ip-network.ts'
import type { Wire } from '../meta.ts'
import { dns1123SubdomainErrors } from '../names.ts'
import {
  duplicateField,
  type FieldError,
  forbiddenField,
  invalidField,
  requiredField,
} from '../status-error.ts'
import {
  checkCidr,
  checkDnsLabel,
  checkDnsSubdomain,
  checkEndpointIp,
  checkIp,
  checkLabels,
  checkPort,
  checkPortNumber,
  checkQualifiedName,
  isIPv6Text,
  isOneOf,
  PROTOCOLS,
} from './field-rules.ts'
import type { Service } from './service.ts'
import { isExternallyAccessible, needsHealthCheck, type ServiceSpec } from './service-exposure.ts'
import { checkFamilies } from './service-families.ts'

const AFFINITIES = ['ClientIP', 'None']
const TYPES = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort']
const FAMILIES = ['IPv4', 'IPv6']
const FAMILY_POLICIES = ['PreferDualStack', 'RequireDualStack', 'SingleStack']
const TRAFFIC_POLICIES = ['Cluster', 'Local']
const DISTRIBUTIONS = ['PreferClose', 'PreferSameZone', 'PreferSameNode']
const MAX_AFFINITY_SECONDS = 86_400
const HINTS = 'service.kubernetes.io/topology-aware-hints'
const MODE = 'service.kubernetes.io/topology-mode'
const SOURCE_RANGES = 'service.beta.kubernetes.io/load-balancer-source-ranges'
const ONLY_FOR_BALANCERS = "may only be used when `type` is 'LoadBalancer'"

export const validateService = (service: Service, old?: Service): FieldError[] => {
  const errors: FieldError[] = []
  const spec = service.spec ?? {}
  const last = old?.spec ?? {}
  const annotations = service.metadata.annotations
  const mode = annotations?.[MODE]
  if (mode !== undefined && annotations?.[HINTS] !== undefined && mode !== annotations[HINTS]) {
    const why = `must match annotations[${HINTS}] when both are specified`
    errors.push(invalidField(`metadata.annotations[${MODE}]`, mode, why))
  }
  if (!spec.ports?.length && !isHeadless(spec) && spec.type !== 'ExternalName') {
    errors.push(requiredField('spec.ports'))
  }
  checkType(errors, spec)
  checkPorts(errors, spec)
  checkLabels(errors, 'spec.selector', spec.selector)
  checkAffinity(errors, spec)
  checkClusterIps(errors, spec, last.clusterIPs)
  checkFamilies(errors, spec)
  for (const [index, ip] of (spec.externalIPs ?? []).entries()) {
    const before = errors.length
    checkIp(errors, `spec.externalIPs[${index}]`, ip, last.externalIPs)
    if (errors.length === before) checkEndpointIp(errors, `spec.externalIPs[${index}]`, ip)
  }
  if (!spec.type) errors.push(requiredField('spec.type'))
  else isOneOf(errors, 'spec.type', spec.type, TYPES)
  checkUniquePorts(errors, spec)
  checkSourceRanges(errors, service, old)
  checkLoadBalancer(errors, spec)
  checkTraffic(errors, spec)
  return errors
}

export const validateServiceUpdate = (service: Service, old: Service): FieldError[] => {
  const errors: FieldError[] = []
  const spec = service.spec ?? {}
  const last = old.spec ?? {}
  const addressed = spec.type !== 'ExternalName' && last.type !== 'ExternalName'
  if (addressed && !(isHeadless(spec) && isHeadless(last))) {
    checkSameAddresses(errors, spec, last)
    if (!isHeadless(spec) && !isHeadless(last)) checkSameFamilies(errors, spec, last)
  }
  const balanced = spec.type === 'LoadBalancer' && last.type === 'LoadBalancer'
  if (balanced && spec.loadBalancerClass !== last.loadBalancerClass) {
    const value = spec.loadBalancerClass ?? null
    errors.push(invalidField('spec.loadBalancerClass', value, 'may not change once set'))
  }
  const checked = needsHealthCheck(spec) && needsHealthCheck(last)
  if (checked && (spec.healthCheckNodePort ?? 0) !== (last.healthCheckNodePort ?? 0)) {
    errors.push(forbiddenField('spec.healthCheckNodePort', 'field is immutable'))
  }
  return errors
}

export const validateServiceStatusUpdate = (
  { spec, status }: Service,
  old: Service,
): FieldError[] => {
  const errors: FieldError[] = []
  const path = 'status.loadBalancer.ingress'
  const ingress = status?.loadBalancer?.ingress ?? []
  if (spec?.type !== 'LoadBalancer' && ingress.length > 0) {
    errors.push(forbiddenField(path, "may only be used when `spec.type` is 'LoadBalancer'"))
    return errors
  }
  const known = (old.status?.loadBalancer?.ingress ?? []).flatMap(({ ip }) => (ip ? [ip] : []))
  for (const [index, { ip, ipMode, hostname }] of ingress.entries()) {
    const at = `${path}[${index}]`
    if (ip) checkIp(errors, `${at}.ip`, ip, known)
    if (ipMode == null) {
      if (ip) errors.push(requiredField(`${at}.ipMode`, 'must be specified when `ip` is set'))
    } else if (!ip) {
      errors.push(forbiddenField(`${at}.ipMode`, 'may not be specified when `ip` is not set'))
    } else isOneOf(errors, `${at}.ipMode`, ipMode, ['Proxy', 'VIP'])
    if (!hostname) continue
    checkDnsSubdomain(errors, `${at}.hostname`, hostname)
    if (isSloppyAddress(hostname)) {
      const why = 'must be a DNS name, not an IP address'
      errors.push(invalidField(`${at}.hostname`, hostname, why))
    }
  }
  return errors
}

const isHeadless = ({ clusterIPs }: ServiceSpec): boolean =>
  clusterIPs?.length === 1 && clusterIPs[0] === 'None'

const checkType = (errors: FieldError[], spec: ServiceSpec): void => {
  const { type } = spec
  if ((type === 'LoadBalancer' || type === 'NodePort') && isHeadless(spec)) {
    const why = `may not be set to 'None' for ${type} services`
    errors.push(invalidField('spec.clusterIPs[0]', 'None', why))
  }
  if (type !== 'ExternalName') return
  const why = 'may not be set for ExternalName services'
  if (spec.clusterIPs?.length) errors.push(forbiddenField('spec.clusterIPs', why))
  if (spec.ipFamilies?.length) errors.push(forbiddenField('spec.ipFamilies', why))
  if (spec.ipFamilyPolicy != null) errors.push(forbiddenField('spec.ipFamilyPolicy', why))
  const name = spec.externalName?.endsWith('.') ? spec.externalName.slice(0, -1) : spec.externalName
  if (!name) errors.push(requiredField('spec.externalName'))
  else {
    for (const fault of dns1123SubdomainErrors(name)) {
      errors.push(invalidField('spec.externalName', name, fault))
    }
  }
}

const checkPorts = (errors: FieldError[], { ports = [] }: ServiceSpec): void => {
  const names = new Set<string>()
  for (const [index, port] of ports.entries()) {
    const at = `spec.ports[${index}]`
    if (port.name) {
      checkDnsLabel(errors, `${at}.name`, port.name)
      if (names.has(port.name)) errors.push(duplicateField(`${at}.name`, port.name))
      names.add(port.name)
    } else if (ports.length > 1) errors.push(requiredField(`${at}.name`))
    checkPortNumber(errors, `${at}.port`, port.port)
    if (!port.protocol) errors.push(requiredField(`${at}.protocol`))
    else isOneOf(errors, `${at}.protocol`, port.protocol, PROTOCOLS)
    checkPort(errors, `${at}.targetPort`, port.targetPort)
    if (port.appProtocol != null) checkQualifiedName(errors, `${at}.appProtocol`, port.appProtocol)
  }
}

const checkAffinity = (errors: FieldError[], spec: ServiceSpec): void => {
  const { sessionAffinity, sessionAffinityConfig } = spec
  const path = 'spec.sessionAffinityConfig'
  if (!sessionAffinity) errors.push(requiredField('spec.sessionAffinity'))
  else isOneOf(errors, 'spec.sessionAffinity', sessionAffinity, AFFINITIES)
  if (sessionAffinity === 'None' && sessionAffinityConfig) {
    errors.push(forbiddenField(path, 'must not be set when session affinity is None'))
  }
  if (sessionAffinity !== 'ClientIP') return
  const seconds = sessionAffinityConfig?.clientIP?.timeoutSeconds
  if (seconds == null) {
    errors.push(requiredField(path, 'when session affinity type is ClientIP'))
  } else if (seconds <= 0 || seconds > MAX_AFFINITY_SECONDS) {
    const why = `must be greater than 0 and less than ${MAX_AFFINITY_SECONDS}`
    errors.push(invalidField(`${path}.clientIP.timeoutSeconds`, seconds, why))
  }
}

const checkClusterIps = (
  errors: FieldError[],
  spec: ServiceSpec,
  known: readonly string[] | undefined,
): void => {
  if (spec.type === 'ExternalName') return
  const path = 'spec.clusterIPs'
  const ips = spec.clusterIPs ?? []
  if (spec.clusterIP) {
    if (ips.length === 0) errors.push(requiredField(path))
    else if (ips[0] !== spec.clusterIP) {
      errors.push(invalidField(path, ips, 'first value must match `clusterIP`'))
    }
  } else if (ips.length > 0) {
    errors.push(invalidField(path, ips, 'must be empty when `clusterIP` is not specified'))
  }
  for (const [index, family] of (spec.ipFamilies ?? []).entries()) {
    isOneOf(errors, `spec.ipFamilies[${index}]`, family, FAMILIES)
    if (spec.ipFamilies!.indexOf(family) < index) {
      errors.push(duplicateField(`spec.ipFamilies[${index}]`, family))
    }
  }
  if (spec.ipFamilyPolicy != null) {
    isOneOf(errors, 'spec.ipFamilyPolicy', spec.ipFamilyPolicy, FAMILY_POLICIES)
  }
  const before = errors.length
  for (const [index, ip] of ips.entries()) {
    if (index > 0 || ip !== 'None') checkIp(errors, `${path}[${index}]`, ip, known)
    else if (ips.length > 1) {
      errors.push(invalidField(path, ips, "'None' must be the first and only value"))
    }
  }
  const wellFormed = errors.length === before
  if (ips.length > 2) errors.push(invalidField(path, ips, 'may only hold up to 2 values'))
  if (!wellFormed) return
  if (ips.length > 1 && new Set(ips.map(isIPv6Text)).size < 2) {
    const why = 'may specify no more than one IP for each IP family'
    errors.push(invalidField(path, ips, why))
  }
  if (isHeadless(spec)) return
  for (const [index, ip] of ips.entries()) {
    const family = spec.ipFamilies?.[index]
    if (!family || !FAMILIES.includes(family) || isIPv6Text(ip) === (family === 'IPv6')) continue
    const why = `expected an ${family} value as indicated by \`ipFamilies[${index}]\``
    errors.push(invalidField(`${path}[${index}]`, ip, why))
  }
}

const checkUniquePorts = (errors: FieldError[], { type, ports = [] }: ServiceSpec): void => {
  if (type === 'ClusterIP') {
    for (const [index, { nodePort }] of ports.entries()) {
      if (!nodePort) continue
      const why = "may not be used when `type` is 'ClusterIP'"
      errors.push(forbiddenField(`spec.ports[${index}].nodePort`, why))
    }
  }
  const nodePorts = new Set<string>()
  for (const [index, { protocol, nodePort }] of ports.entries()) {
    if (!nodePort) continue
    const key = `${protocol}/${nodePort}`
    if (nodePorts.has(key)) {
      errors.push(duplicateField(`spec.ports[${index}].nodePort`, nodePort))
    }
    nodePorts.add(key)
  }
  const seen = new Set<string>()
  for (const [index, port] of ports.entries()) {
    const key = `${port.protocol}/${port.port}`
    if (seen.has(key)) errors.push(duplicateField(`spec.ports[${index}]`, shownPort(port)))
    seen.add(key)
  }
}

/** The two fields that clash, in the form Kubernetes' message shows. */
const shownPort = ({ protocol, port }: Wire<V1ServicePort>) =>
  internalValue('core.ServicePort', { protocol, port })

/** Whom a load balancer lets through; an annotation said so once, as one text. */
const checkSourceRanges = (
  errors: FieldError[],
  { metadata, spec = {} }: Service,
  old: Service | undefined,
): void => {
  const annotation = metadata.annotations?.[SOURCE_RANGES]
  const hasField = Boolean(spec.loadBalancerSourceRanges?.length)
  if (!hasField && annotation === undefined) return
  const path = hasField ? 'spec.LoadBalancerSourceRanges' : `metadata.annotations[${SOURCE_RANGES}]`
  if (spec.type !== 'LoadBalancer') errors.push(forbiddenField(path, ONLY_FOR_BALANCERS))
  if (hasField) {
    const known = old?.spec?.loadBalancerSourceRanges?.map((range) => range.trim())
    for (const [index, range] of spec.loadBalancerSourceRanges!.entries()) {
      checkCidr(errors, `${path}[${index}]`, range.trim(), known)
    }
  } else if (annotation!.trim() && old?.metadata.annotations?.[SOURCE_RANGES] !== annotation) {
    for (const range of annotation!.split(',')) checkCidr(errors, path, range.trim())
  }
}

const checkLoadBalancer = (errors: FieldError[], spec: ServiceSpec): void => {
  const isBalancer = spec.type === 'LoadBalancer'
  const only = ONLY_FOR_BALANCERS
  if (spec.allocateLoadBalancerNodePorts != null && !isBalancer) {
    errors.push(forbiddenField('spec.allocateLoadBalancerNodePorts', only))
  }
  if (isBalancer && spec.allocateLoadBalancerNodePorts == null) {
    errors.push(requiredField('allocateLoadBalancerNodePorts'))
  }
  if (spec.loadBalancerClass == null) return
  if (isBalancer) checkQualifiedName(errors, 'spec.loadBalancerClass', spec.loadBalancerClass)
  else errors.push(forbiddenField('spec.loadBalancerClass', only))
}

const checkTraffic = (errors: FieldError[], spec: ServiceSpec): void => {
  const external = spec.externalTrafficPolicy
  const path = 'spec.externalTrafficPolicy'
  if (!isExternallyAccessible(spec)) {
    if (external) {
      const why = 'may only be set for externally-accessible services'
      errors.push(invalidField(path, external, why))
    }
  } else if (!external) errors.push(requiredField(path))
  else isOneOf(errors, path, external, TRAFFIC_POLICIES)
  const health = spec.healthCheckNodePort
  if (health) {
    if (needsHealthCheck(spec)) checkPortNumber(errors, 'spec.healthCheckNodePort', health)
    else {
      const why =
        "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"
      errors.push(invalidField('spec.healthCheckNodePort', health, why))
    }
  }
  const internal = spec.internalTrafficPolicy
  if (internal != null) isOneOf(errors, 'spec.internalTrafficPolicy', internal, TRAFFIC_POLICIES)
  else if (spec.type && spec.type !== 'ExternalName' && TYPES.includes(spec.type)) {
    errors.push(requiredField('spec.internalTrafficPolicy'))
  }
  if (spec.trafficDistribution != null) {
    isOneOf(errors, 'spec.trafficDistribution', spec.trafficDistribution, DISTRIBUTIONS)
  }
}

const checkSameAddresses = (errors: FieldError[], spec: ServiceSpec, last: ServiceSpec): void => {
  const ips = spec.clusterIPs ?? []
  const old = last.clusterIPs ?? []
  const once = 'may not change once set'
  if (old.length === ips.length) {
    for (const [index, ip] of old.entries()) {
      if (ip !== ips[index]) errors.push(invalidField(`spec.clusterIPs[${index}]`, ips, once))
    }
    return
  }
  if (old.length > ips.length && ips.length === 0) {
    errors.push(invalidField('spec.clusterIPs[0]', ips, 'primary clusterIP can not be unset'))
  }
  if (old.length > 0 && ips.length > 0 && old[0] !== ips[0]) {
    errors.push(invalidField('spec.clusterIPs[0]', ips, once))
  }
  if (old.length > ips.length && ips.length === 1 && spec.ipFamilyPolicy !== 'SingleStack') {
    const why = "must be set to 'SingleStack' when releasing the secondary clusterIP"
    errors.push(invalidField('spec.ipFamilyPolicy', spec.ipFamilyPolicy ?? null, why))
  }
}

const checkSameFamilies = (errors: FieldError[], spec: ServiceSpec, last: ServiceSpec): void => {
  const families = spec.ipFamilies ?? []
  const old = last.ipFamilies ?? []
  const once = 'may not change once set'
  if (old.length === families.length) {
    for (const [index, family] of old.entries()) {
      if (family !== families[index])
        errors.push(invalidField('spec.ipFamilies[0]', families, once))
    }
    return
  }
  if (old.length > families.length && !spec.clusterIPs?.length) {
    errors.push(invalidField('spec.ipFamilies[0]', families, 'primary ipFamily can not be unset'))
  }
  if (old.length > 0 && families.length > 0 && old[0] !== families[0]) {
    errors.push(invalidField('spec.ipFamilies[0]', spec.clusterIPs ?? null, once))
  }
  const released = old.length > families.length && families.length === 1
  if (released && spec.ipFamilyPolicy !== 'SingleStack') {
    const why = "must be set to 'SingleStack' when releasing the secondary ipFamily"
    errors.push(invalidField('spec.ipFamilyPolicy', spec.ipFamilyPolicy ?? null, why))
  }
}
