/**
 * NodeRestriction: a node writes its own part of the cluster only.
 *
 * After Kubernetes 1.36 (`plugin/pkg/admission/noderestriction`): its own Node without taints and labels that would
 * steer pods to it, its own Lease and CSINode, mirror pods, status and eviction of its pods, tokens bound to them.
 * Invariant: the node authorizer relies on it; what it does not know it refuses.
 */
import { Pod } from '../../../api/core/pod.ts'
import type { KubernetesObject } from '../../../api/meta.ts'
import { forbidden, notFound } from '../../../api/status-error.ts'
import { nodeOf } from '../authorization/node-authorizer.ts'
import { refusedBy } from './chain.ts'
import { type Fault, judges } from './node-restriction-rules.ts'
import { tokenFault } from './node-token-rules.ts'
import type { AdmissionAttributes, AdmissionPlugin } from './plugin.ts'

export const nodeRestriction: AdmissionPlugin = {
  name: 'NodeRestriction',
  handles: (kind, operation, subresource) => {
    if (operation === 'CONNECT') return false
    const resource = `${kind.group}/${kind.plural}`
    if (resource === '/serviceaccounts') return subresource === 'token'
    return Object.hasOwn(judges, resource)
  },
  mutate: (attributes) => {
    const { user, kind } = attributes
    const node = nodeOf(user)
    if (node === undefined) return undefined
    if (node === '')
      throw refusedBy(attributes, `could not determine node from user ${JSON.stringify(user.name)}`)
    if (kind.plural === 'serviceaccounts') return restrictToken(node, attributes)
    refuse(attributes, judges[`${kind.group}/${kind.plural}`]?.(node, attributes))
    return undefined
  },
}

const refuse = (attributes: AdmissionAttributes, fault: Fault): void => {
  if (fault === undefined) return
  throw typeof fault === 'string' ? refusedBy(attributes, fault) : fault
}

/** A token for a pod that runs on the node, for an audience that the pod asks for. */
const restrictToken = async (node: string, attributes: AdmissionAttributes): Promise<void> => {
  const { services, user, namespace, name, object } = attributes
  const { spec } = object as KubernetesObject & {
    spec: { audiences?: string[]; boundObjectRef?: BoundReference }
  }
  const refuseToken = (why: string) => {
    throw forbidden({ group: '', resource: 'serviceaccounts' }, name, why)
  }
  const { boundObjectRef: bound, audiences = [] } = spec
  if (bound?.apiVersion !== 'v1' || bound.kind !== 'Pod' || !bound.name)
    return refuseToken('node requested token not bound to a pod')
  if (!bound.uid) return refuseToken('node requested token with a pod binding without a uid')
  const { cache } = services.storage
  const pod = cache.get(Pod, namespace, bound.name)
  if (!pod) throw notFound({ group: '', resource: 'pod' }, bound.name)
  if (pod.metadata.uid !== bound.uid)
    return refuseToken(
      `the UID in the bound object reference (${bound.uid}) does not match the UID in record. The object might have been deleted and then recreated`,
    )
  if (pod.spec?.nodeName !== node)
    return refuseToken('node requested token bound to a pod scheduled on a different node')
  const fault = await tokenFault(
    { cache, authorizer: services.authorizer },
    { user, account: name, audiences, pod },
  )
  if (fault) refuseToken(fault)
}

interface BoundReference {
  apiVersion?: string
  kind?: string
  name?: string
  uid?: string
}
