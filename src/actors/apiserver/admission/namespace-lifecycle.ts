/**
 * NamespaceLifecycle: no new content in a namespace that is missing or on its way out, and three that stay.
 *
 * After Kubernetes 1.36 (`apiserver/pkg/admission/plugin/namespace/lifecycle`). Invariant: a namespace that this
 * replica knows is judged at once; only for one it does not know it waits for what others wrote.
 */
import { Namespace } from '../../../api/core/namespace.ts'
import { forbidden, notFound, StatusError } from '../../../api/status-error.ts'
import { refusedBy } from './chain.ts'
import type { AdmissionAttributes, AdmissionPlugin } from './plugin.ts'

/** Namespaces the cluster cannot do without. */
const IMMORTAL = new Set(['default', 'kube-system', 'kube-public'])

export const namespaceLifecycle: AdmissionPlugin = {
  name: 'NamespaceLifecycle',
  handles: (kind, operation) => {
    if (operation === 'DELETE') return kind === Namespace
    // To say that a namespace is missing would tell those who may only ask what they may do.
    return operation === 'CREATE' && kind.namespaced && kind.plural !== 'localsubjectaccessreviews'
  },
  mutate: (attributes) => {
    if (attributes.operation === 'DELETE') return checkImmortal(attributes)
    const { services, namespace } = attributes
    if (namespace === undefined) return undefined
    const found = services.storage.cache.get(Namespace, undefined, namespace)
    return found ? checkActive(attributes, namespace, found) : awaitNamespace(attributes, namespace)
  },
}

const checkImmortal = ({ kind, name, old }: AdmissionAttributes): void => {
  const named = name || (old?.metadata.name ?? '')
  if (IMMORTAL.has(named)) throw forbidden(kind, named, 'this namespace may not be deleted')
}

const awaitNamespace = async (
  attributes: AdmissionAttributes,
  namespace: string,
): Promise<void> => {
  const { storage } = attributes.services
  await storage.barrier(Namespace)
  const found = storage.cache.get(Namespace, undefined, namespace)
  if (!found) throw notFound(Namespace, namespace)
  checkActive(attributes, namespace, found)
}

const checkActive = (
  attributes: AdmissionAttributes,
  namespace: string,
  { metadata }: Namespace,
): void => {
  if (metadata.deletionTimestamp === undefined) return
  const refused = refusedBy(
    attributes,
    `unable to create new content in namespace ${namespace} because it is being terminated`,
  )
  throw new StatusError(403, 'Forbidden', refused.message, {
    ...refused.status.details,
    causes: [
      {
        reason: 'NamespaceTerminating',
        message: `namespace ${namespace} is being terminated`,
        field: 'metadata.namespace',
      },
    ],
  })
}
