/**
 * What must exist before the first client comes: the system namespaces, the Service of the API itself and the
 * range it is in, the system's priority classes, the default roles, and the configuration of flow control.
 *
 * Invariant: creating is idempotent; whichever apiserver is first wins, and nothing that exists is changed.
 */
import { Namespace } from '../../api/core/namespace.ts'
import { Service } from '../../api/core/service.ts'
import {
  AUTO_UPDATE_ANNOTATION,
  mandatoryLevels,
  mandatorySchemas,
  suggestedLevels,
  suggestedSchemas,
} from '../../api/flowcontrol/bootstrap-objects.ts'
import { FlowSchema } from '../../api/flowcontrol/flow-schema.ts'
import { PriorityLevelConfiguration } from '../../api/flowcontrol/priority-level-configuration.ts'
import type { AnyKind } from '../../api/kind.ts'
import type { ObjectMeta } from '../../api/meta.ts'
import { ServiceCIDR } from '../../api/networking/service-cidr.ts'
import { PriorityClass, systemPriorityClasses } from '../../api/scheduling/priority-class.ts'
import { StatusError } from '../../api/status-error.ts'
import { timestamp } from '../../std/clock.ts'
import { keepDefaultPolicy } from './authorization/default-policy.ts'
import { execute } from './pipeline.ts'
import { NO_QUERY, type User } from './request.ts'
import type { Services } from './services.ts'

/** In whose name the apiserver writes. */
export const SYSTEM: User = { name: 'system:apiserver', groups: ['system:masters'] }

const NAMESPACES = ['default', 'kube-system', 'kube-public', 'kube-node-lease']

/** `targetPort` is the port of the HTTPS door. */
export const bootstrap = async (services: Services, targetPort: number): Promise<void> => {
  await Promise.all(
    NAMESPACES.map((name) => ensureObject(services, Namespace, undefined, { metadata: { name } })),
  )
  await ensureObject(services, Service, 'default', {
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
  await Promise.all([
    keepDefaultPolicy(services, SYSTEM),
    ensureServiceRange(services),
    ...systemPriorityClasses.map((draft) =>
      ensureObject(services, PriorityClass, undefined, draft),
    ),
    ...ensureFlowControl(services),
  ])
}

/** The range Services get their addresses from, marked as ready to be used. */
const ensureServiceRange = async (services: Services): Promise<void> => {
  const name = 'kubernetes'
  await ensureObject(services, ServiceCIDR, undefined, {
    metadata: { name },
    spec: { cidrs: [services.addresses.range] },
  })
  const range = services.storage.cache.get(ServiceCIDR, undefined, name)
  if (!range || range.status?.conditions?.length) return
  const condition = {
    type: 'Ready',
    status: 'True',
    reason: '',
    message: 'Kubernetes default Service CIDR is ready',
    lastTransitionTime: timestamp(services.clock.now()),
  }
  await execute(services, {
    verb: 'update',
    kind: ServiceCIDR,
    subresource: 'status',
    namespace: undefined,
    name,
    user: SYSTEM,
    query: NO_QUERY,
    body: { metadata: { name }, status: { conditions: [condition] } },
  })
}

const ensureFlowControl = (services: Services): Promise<void>[] => {
  const annotations = { [AUTO_UPDATE_ANNOTATION]: 'true' }
  const each = (kind: AnyKind, specs: Readonly<Record<string, object>>) =>
    Object.entries(specs).map(([name, spec]) =>
      ensureObject(services, kind, undefined, { metadata: { name, annotations }, spec }),
    )
  return [
    ...each(PriorityLevelConfiguration, { ...mandatoryLevels, ...suggestedLevels }),
    ...each(FlowSchema, { ...mandatorySchemas, ...suggestedSchemas }),
  ]
}

/** Makes what every cluster has where it is missing, and leaves alone what is there. */
export const ensureObject = async (
  services: Services,
  kind: AnyKind,
  namespace: string | undefined,
  body: { metadata: Partial<ObjectMeta>; spec?: object },
): Promise<void> => {
  if (services.storage.cache.get(kind, namespace, body.metadata.name ?? '')) return
  try {
    await execute(services, {
      verb: 'create',
      kind,
      namespace,
      name: undefined,
      user: SYSTEM,
      manager: 'kube-apiserver',
      query: NO_QUERY,
      body,
    })
  } catch (error) {
    if (!(error instanceof StatusError) || error.reason !== 'AlreadyExists') throw error
  }
}
