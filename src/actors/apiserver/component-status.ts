/**
 * ComponentStatuses, made up when somebody asks: the store, and the components that have a leader.
 *
 * A component is healthy while its leader keeps the Lease of its name; the store is, since the apiserver's
 * cache follows it in the same process. Nothing is asked over the network.
 */
import { Lease } from '../../api/coordination/lease.ts'
import { ComponentStatus } from '../../api/core/component-status.ts'
import type { ObjectMeta } from '../../api/meta.ts'
import { notFound } from '../../api/status-error.ts'
import type { ApiRequest, ApiResult, ListResult } from './request.ts'
import { parseSelection, selects } from './selection.ts'
import type { Services } from './services.ts'

/** Names that clients know, and the leases behind them. */
const LEASES: Readonly<Record<string, string>> = {
  'controller-manager': 'controllers',
  scheduler: 'scheduler',
}
const STORE = 'etcd-0'
const NAMESPACE = 'kube-system'

export const getComponentStatus = async (
  services: Services,
  { kind, name }: ApiRequest,
): Promise<ApiResult> => {
  const object = statuses(services).find(({ metadata }) => metadata.name === name)
  if (!object) throw notFound(kind, name ?? '')
  return { type: 'object', code: 200, kind, object }
}

export const listComponentStatuses = async (
  services: Services,
  { kind, query }: ApiRequest,
): Promise<ListResult> => {
  const selection = parseSelection(kind, undefined, query)
  const items = statuses(services).filter((object) => selects(selection, object))
  return { type: 'list', kind, items, revision: 0 }
}

const statuses = (services: Services): ComponentStatus[] => [
  ...Object.entries(LEASES).map(([name, lease]) => componentOf(services, name, lease)),
  statusOf(STORE, true, 'ok'),
]

const componentOf = (
  { storage, clock }: Services,
  name: string,
  leaseName: string,
): ComponentStatus => {
  const spec = storage.cache.get(Lease, NAMESPACE, leaseName)?.spec
  const renewed = Date.parse(spec?.renewTime ?? '')
  const isKept = clock.now() - renewed <= (spec?.leaseDurationSeconds ?? 0) * 1000
  const message = isKept ? 'ok' : `nobody keeps the lease ${NAMESPACE}/${leaseName}`
  return statusOf(name, isKept, message)
}

const statusOf = (name: string, isHealthy: boolean, message: string): ComponentStatus => ({
  apiVersion: ComponentStatus.apiVersion,
  kind: ComponentStatus.kind,
  metadata: { name } as ObjectMeta,
  conditions: [{ type: 'Healthy', status: isHealthy ? 'True' : 'False', message }],
})
