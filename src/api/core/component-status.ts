/**
 * ComponentStatus: whether the parts of the control plane are healthy, as the apiserver sees them when asked.
 *
 * Deprecated since Kubernetes 1.19 and still served: read only, never stored, never watched.
 */
import type { V1ComponentStatus } from '@kubernetes/client-node'
import { defineKind } from '../kind.ts'
import type { WireObject } from '../meta.ts'
import { column, nameColumn } from './columns.ts'

export type ComponentStatus = WireObject<V1ComponentStatus>

const healthOf = ({ conditions }: ComponentStatus) =>
  conditions?.find(({ type }) => type === 'Healthy')

export const ComponentStatus = defineKind<ComponentStatus>({
  group: '',
  version: 'v1',
  kind: 'ComponentStatus',
  plural: 'componentstatuses',
  singular: 'componentstatus',
  shortNames: ['cs'],
  namespaced: false,
  isVirtual: true,
  isComputed: true,
  model: 'V1ComponentStatus',
  deprecation: 'v1 ComponentStatus is deprecated in v1.19+',
  columns: [
    nameColumn,
    column('Status', 'Healthy or not.', (component) => {
      const health = healthOf(component)
      if (!health) return 'Unknown'
      return health.status === 'True' ? 'Healthy' : 'Unhealthy'
    }),
    column('Message', 'What it says of itself.', (component) => healthOf(component)?.message ?? ''),
    column('Error', 'Why it could not be asked.', (component) => healthOf(component)?.error ?? ''),
  ],
})
