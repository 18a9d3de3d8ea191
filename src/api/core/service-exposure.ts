/**
 * How a Service can be reached: what follows from its type for its other fields.
 *
 * Kubernetes' rules (`pkg/api/service`); shared by defaults, changes of type and validation.
 */
import type { V1ServiceSpec } from '@kubernetes/client-node'
import type { Wire } from '../meta.ts'

export type ServiceSpec = Wire<V1ServiceSpec>

/**
 * Whether clients outside the cluster can reach it: node ports, a load balancer, external
 * addresses.
 */
export const isExternallyAccessible = ({ type, externalIPs }: ServiceSpec): boolean =>
  type === 'LoadBalancer' ||
  type === 'NodePort' ||
  (type === 'ClusterIP' && (externalIPs?.length ?? 0) > 0)

export const needsHealthCheck = ({ type, externalTrafficPolicy }: ServiceSpec): boolean =>
  type === 'LoadBalancer' && externalTrafficPolicy === 'Local'

export const usesNodePorts = ({ type }: ServiceSpec): boolean =>
  type === 'NodePort' || type === 'LoadBalancer'

/** Whether ports of nodes are found for those that name none. */
export const allocatesNodePorts = (spec: ServiceSpec): boolean =>
  usesNodePorts(spec) && (spec.type === 'NodePort' || spec.allocateLoadBalancerNodePorts !== false)
