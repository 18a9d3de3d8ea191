/**
 * Ingress: HTTP rules that lead from host names and paths to Services.
 *
 * A controller that the cluster's owner installs reads it and writes the status; nothing here routes.
 */
import type { V1Ingress } from '@kubernetes/client-node'
import { carryField } from '../carry-field.ts'
import { ageColumn, column, nameColumn } from '../core/columns.ts'
import { type Column, defineKind } from '../kind.ts'
import type { WireObject } from '../meta.ts'
import { validateIngress, validateIngressStatusUpdate } from './ingress-validation.ts'

export type Ingress = WireObject<V1Ingress>

const MAX_HOSTS = 3
const CLASS = 'kubernetes.io/ingress.class'

const hostsCell = ({ spec }: Ingress): string => {
  const rules = spec?.rules ?? []
  const named = rules.flatMap(({ host }, index) => (host ? [{ host, index }] : []))
  const shown = named.slice(0, MAX_HOSTS).map(({ host }) => host)
  if (shown.length === 0) return '*'
  const last = named[MAX_HOSTS - 1]?.index
  const more = last !== undefined && last < rules.length - 1
  return more ? `${shown.join(',')} + ${rules.length - MAX_HOSTS} more...` : shown.join(',')
}

const addressCell = ({ status }: Ingress): string => {
  const points = (status?.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip || hostname)
  return [...new Set(points.filter(Boolean))].sort().join(',')
}

const columns: readonly Column<Ingress>[] = [
  nameColumn,
  column('Class', 'IngressClass that takes care of it.', ({ spec }) => {
    return spec?.ingressClassName ?? '<none>'
  }),
  column('Hosts', 'Host names its rules are about.', hostsCell),
  column('Address', 'Where its load balancer listens.', addressCell),
  column('Ports', 'Ports that are open.', ({ spec }) => (spec?.tls?.length ? '80, 443' : '80')),
  ageColumn,
]

export const Ingress = defineKind<Ingress>({
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'Ingress',
  plural: 'ingresses',
  singular: 'ingress',
  shortNames: ['ing'],
  namespaced: true,
  model: 'V1Ingress',
  statusSubresource: true,
  tracksGeneration: true,
  applyDefaults: (ingress) => {
    ingress.spec ??= {}
    ingress.status ??= {}
    ingress.status.loadBalancer ??= {}
  },
  prepareForCreate: (ingress) => {
    ingress.status = { loadBalancer: {} }
  },
  prepareForUpdate: (ingress, old) => {
    carryField(ingress, old, 'status')
  },
  prepareForStatusUpdate: (ingress, old) => {
    carryField(ingress, old, 'spec')
  },
  validate: validateIngress,
  validateStatusUpdate: validateIngressStatusUpdate,
  warnings: ({ metadata, spec }, old) =>
    !old && metadata.annotations?.[CLASS] !== undefined && spec?.ingressClassName == null
      ? [`annotation "${CLASS}" is deprecated, please use 'spec.ingressClassName' instead`]
      : [],
  columns,
})
