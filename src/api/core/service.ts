/**
 * Service: one stable address for a changing set of pods.
 *
 * Addresses and node ports are allocated by the apiserver between these defaults and the write.
 * Validation is in `service-validation.ts`.
 */

import type { V1Service, V1ServicePort } from '@kubernetes/client-node'
import { carryField } from '../carry-field.ts'
import { deepEqual } from '../equality.ts'
import { type Column, defineKind } from '../kind.ts'
import type { Wire, WireObject } from '../meta.ts'
import { formatLabelSelector, selectorOfMap } from '../selector.ts'
import { ageColumn, column, nameColumn, wideColumn } from './columns.ts'
import {
  allocatesNodePorts,
  isExternallyAccessible,
  needsHealthCheck,
  type ServiceSpec,
  usesNodePorts,
} from './service-exposure.ts'
import {
  validateService,
  validateServiceStatusUpdate,
  validateServiceUpdate,
} from './service-validation.ts'
import { serviceWarnings } from './service-warnings.ts'

export type Service = WireObject<V1Service>

/** Three hours, Kubernetes' default for affinity by client address. */
const AFFINITY_SECONDS = 10_800

const applyDefaults = (service: Service): void => {
  service.spec ??= {}
  const { spec } = service
  spec.sessionAffinity ||= 'None'
  if (spec.sessionAffinity === 'None') delete spec.sessionAffinityConfig
  if (spec.sessionAffinity === 'ClientIP') {
    const seconds = spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? AFFINITY_SECONDS
    spec.sessionAffinityConfig = { clientIP: { timeoutSeconds: seconds } }
  }
  spec.type ||= 'ClusterIP'
  for (const port of spec.ports ?? []) {
    port.protocol ||= 'TCP'
    port.targetPort ||= port.port
  }
  if (isExternallyAccessible(spec)) spec.externalTrafficPolicy ||= 'Cluster'
  if (spec.type === 'LoadBalancer') spec.allocateLoadBalancerNodePorts ??= true
  if (spec.type === 'ExternalName') delete spec.internalTrafficPolicy
  else {
    spec.internalTrafficPolicy ??= 'Cluster'
    applyAddressDefaults(spec)
  }
  service.status ??= {}
  service.status.loadBalancer ??= {}
  for (const ingress of service.status.loadBalancer.ingress ?? []) {
    if (ingress.ip && spec.type === 'LoadBalancer') ingress.ipMode ??= 'VIP'
  }
}

/** The cluster has one family of addresses; a headless Service without selector may have any. */
const applyAddressDefaults = (spec: ServiceSpec): void => {
  if (spec.clusterIP && !spec.clusterIPs?.length) spec.clusterIPs = [spec.clusterIP]
  const anyFamily = spec.clusterIP === 'None' && Object.keys(spec.selector ?? {}).length === 0
  spec.ipFamilyPolicy ??= anyFamily ? 'RequireDualStack' : 'SingleStack'
  if (spec.ipFamilies?.length) return
  spec.ipFamilies = anyFamily && spec.ipFamilyPolicy !== 'SingleStack' ? ['IPv4', 'IPv6'] : ['IPv4']
}

const prepareForUpdate = (service: Service, old: Service): void => {
  service.status = { ...old.status }
  service.spec ??= {}
  const { spec } = service
  const last = old.spec ?? {}
  keepAllocated(spec, last)
  dropForeignFields(spec, last)
  if (spec.type !== 'LoadBalancer') service.status.loadBalancer = {}
}

/** What an update leaves out and the old object was given. */
const keepAllocated = (spec: ServiceSpec, last: ServiceSpec): void => {
  if (spec.type !== 'ExternalName' && last.type !== 'ExternalName') {
    if (!spec.clusterIP && !spec.clusterIPs?.length && last.clusterIP) {
      spec.clusterIP = last.clusterIP
      spec.clusterIPs = [...(last.clusterIPs ?? [])]
    }
  }
  if (allocatesNodePorts(spec) && allocatesNodePorts(last)) {
    const used = new Set(spec.ports?.map(({ nodePort }) => nodePort))
    const known = new Map(last.ports?.map(({ name = '', nodePort }) => [name, nodePort]))
    for (const port of spec.ports ?? []) {
      const nodePort = known.get(port.name ?? '')
      if (!port.nodePort && nodePort && !used.has(nodePort)) port.nodePort = nodePort
    }
  }
  if (needsHealthCheck(spec) && needsHealthCheck(last)) {
    if (!spec.healthCheckNodePort) carryField(spec, last, 'healthCheckNodePort')
  }
}

/** A change of type takes along only what the new type can have, unless the user changed it too. */
const dropForeignFields = (spec: ServiceSpec, last: ServiceSpec): void => {
  const drop = (...fields: (keyof ServiceSpec)[]) => {
    for (const field of fields) if (deepEqual(spec[field], last[field])) delete spec[field]
  }
  if (last.type !== 'ExternalName' && spec.type === 'ExternalName') {
    drop('clusterIP', 'clusterIPs', 'ipFamilies', 'ipFamilyPolicy')
  }
  if (usesNodePorts(last) && !usesNodePorts(spec)) dropNodePorts(spec.ports, last.ports)
  if (needsHealthCheck(last) && !needsHealthCheck(spec)) drop('healthCheckNodePort')
  if (last.type === 'LoadBalancer' && spec.type !== 'LoadBalancer') {
    drop('allocateLoadBalancerNodePorts', 'loadBalancerClass')
  }
  if (isExternallyAccessible(last) && !isExternallyAccessible(spec)) drop('externalTrafficPolicy')
}

const dropNodePorts = (
  ports: Wire<V1ServicePort>[] | undefined,
  last: Wire<V1ServicePort>[] | undefined,
): void => {
  const old = new Set(last?.map(({ nodePort }) => nodePort))
  if (!ports?.every(({ nodePort }) => !nodePort || old.has(nodePort))) return
  for (const port of ports) delete port.nodePort
}

const externalCell = ({ spec, status }: Service): string => {
  const external = spec?.externalIPs ?? []
  switch (spec?.type) {
    case 'ClusterIP':
    case 'NodePort':
      return external.join(',') || '<none>'
    case 'LoadBalancer': {
      const ingress = (status?.loadBalancer?.ingress ?? []).map(
        ({ ip, hostname }) => ip || hostname,
      )
      const listed = [...new Set(ingress.filter(Boolean))].sort()
      return [...listed, ...external].join(',') || '<pending>'
    }
    case 'ExternalName':
      return spec.externalName ?? ''
    default:
      return '<unknown>'
  }
}

const portsCell = ({ spec }: Service): string =>
  (spec?.ports ?? [])
    .map(({ port, nodePort, protocol }) => `${port}${nodePort ? `:${nodePort}` : ''}/${protocol}`)
    .join(',') || '<none>'

const columns: readonly Column<Service>[] = [
  nameColumn,
  column('Type', 'How it can be reached.', ({ spec }) => spec?.type ?? ''),
  column('Cluster-IP', 'Address inside the cluster.', ({ spec }) => {
    return spec?.clusterIPs?.[0] ?? '<none>'
  }),
  column('External-IP', 'Addresses outside the cluster.', externalCell),
  column('Port(s)', 'Ports, with their node ports, and protocols.', portsCell),
  ageColumn,
  wideColumn('Selector', 'Labels of the pods behind it.', ({ spec }) => {
    return formatLabelSelector(selectorOfMap(spec?.selector)) || '<none>'
  }),
]

export const Service = defineKind<Service>({
  group: '',
  version: 'v1',
  kind: 'Service',
  plural: 'services',
  singular: 'service',
  shortNames: ['svc'],
  categories: ['all'],
  namespaced: true,
  model: 'V1Service',
  statusSubresource: true,
  nameRule: 'dns1123Label',
  applyDefaults,
  prepareForCreate: (service) => {
    service.status = { loadBalancer: {} }
  },
  prepareForUpdate,
  prepareForStatusUpdate: (service, old) => {
    carryField(service, old, 'spec')
  },
  validate: validateService,
  validateUpdate: validateServiceUpdate,
  validateStatusUpdate: validateServiceStatusUpdate,
  warnings: serviceWarnings,
  selectableFields: {
    'spec.clusterIP': ({ spec }) => spec?.clusterIP ?? '',
    'spec.type': ({ spec }) => spec?.type ?? '',
  },
  columns,
})
