/**
 * What must exist before the first client comes: the system namespaces and the Service of the API itself.
 *
 * Invariant: creating is idempotent; whichever apiserver is first wins, and nothing that exists is changed.
 */
import { Namespace } from '../../api/core/namespace.ts'
import { Service } from '../../api/core/service.ts'
import type { AnyKind } from '../../api/kind.ts'
import { StatusError } from '../../api/status-error.ts'
import { execute } from './pipeline.ts'
import { NO_QUERY, type User } from './request.ts'
import type { Services } from './services.ts'

/** In whose name the apiserver writes. */
export const SYSTEM: User = { name: 'system:apiserver', groups: ['system:masters'] }

const NAMESPACES = ['default', 'kube-system', 'kube-public', 'kube-node-lease']

/** `targetPort` is the port of the HTTPS door. */
export const bootstrap = async (services: Services, targetPort: number): Promise<void> => {
  await Promise.all(
    NAMESPACES.map((name) => ensure(services, Namespace, undefined, { metadata: { name } })),
  )
  await ensure(services, Service, 'default', {
    metadata: {
      name: 'kubernetes',
      labels: { component: 'apiserver', provider: 'kubernetes' },
    },
    spec: {
      type: 'ClusterIP',
      clusterIP: services.addresses.first,
      ports: [{ name: 'https', port: 443, protocol: 'TCP', targetPort }],
    },
  })
}

const ensure = async (
  services: Services,
  kind: AnyKind,
  namespace: string | undefined,
  body: { metadata: { name: string; labels?: Record<string, string> }; spec?: object },
): Promise<void> => {
  if (services.storage.cache.get(kind, namespace, body.metadata.name)) return
  try {
    await execute(services, {
      verb: 'create',
      kind,
      namespace,
      name: undefined,
      user: SYSTEM,
      query: NO_QUERY,
      body,
    })
  } catch (error) {
    if (!(error instanceof StatusError) || error.reason !== 'AlreadyExists') throw error
  }
}
