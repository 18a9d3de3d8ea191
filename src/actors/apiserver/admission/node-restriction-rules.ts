/**
 * What a node may not write, kind by kind, in Kubernetes' words.
 *
 * After Kubernetes 1.36 (`plugin/pkg/admission/noderestriction`). Each judge gives what is wrong, as the end of a
 * 403 or as an error of its own. Reads the cache, changes nothing.
 */
import { isDeepStrictEqual } from 'node:util'
import { parseRequest } from '../../../api/certificates/certificate-request.ts'
import type { CertificateSigningRequest } from '../../../api/certificates/certificate-signing-request.ts'
import { KUBELET_CLIENT_SIGNER, KUBELET_SERVING_SIGNER } from '../../../api/certificates/signers.ts'
import { Node } from '../../../api/core/node.ts'
import { forbiddenNodeLabels } from '../../../api/core/node-label-rules.ts'
import type { PersistentVolumeClaim } from '../../../api/core/persistent-volume-claim.ts'
import { Pod } from '../../../api/core/pod.ts'
import { apiReference } from '../../../api/core/pod-references.ts'
import type { ResourceSlice } from '../../../api/resource/resource-slice.ts'
import { notFound, type StatusError } from '../../../api/status-error.ts'
import type { AdmissionAttributes } from './plugin.ts'

export type Fault = string | StatusError | undefined
type Judge = (node: string, attributes: AdmissionAttributes) => Fault

const MIRROR = 'kubernetes.io/config.mirror'
const NODE_LEASES = 'kube-node-lease'
const quoted = (text: string | undefined): string => JSON.stringify(text ?? '')

const pod: Judge = (node, attributes) => {
  switch (attributes.subresource) {
    case undefined:
      return wholePod(node, attributes)
    case 'status':
      return podStatus(node, attributes)
    case 'eviction':
      return eviction(node, attributes)
    default:
      return `unexpected pod subresource ${quoted(attributes.subresource)}, only 'status' and 'eviction' are allowed`
  }
}

const wholePod: Judge = (node, attributes) => {
  const { operation, services, namespace, name } = attributes
  if (operation === 'CREATE') return newPod(node, attributes)
  if (operation !== 'DELETE')
    return `unexpected operation ${quoted(operation)}, node ${quoted(node)} can only create and delete mirror pods`
  const existing = services.storage.cache.get(Pod, namespace, name)
  if (!existing) return notFound({ group: '', resource: 'pod' }, name)
  return existing.spec?.nodeName === node
    ? undefined
    : `node ${quoted(node)} can only delete pods with spec.nodeName set to itself`
}

const newPod: Judge = (node, { object, services }) => {
  const { metadata, spec } = object as Pod
  if (metadata.annotations?.[MIRROR] === undefined)
    return `pod does not have ${quoted(MIRROR)} annotation, node ${quoted(node)} can only create mirror pods`
  const may = `node ${quoted(node)} can only create pods`
  if (spec?.nodeName !== node) return `${may} with spec.nodeName set to itself`
  const owners = metadata.ownerReferences ?? []
  if (owners.length > 1) return `${may} with a single owner reference set to itself`
  const [owner] = owners
  if (owner?.apiVersion !== 'v1' || owner.kind !== 'Node' || owner.name !== node)
    return `${may} with an owner reference set to itself`
  if (!owner.controller) return `${may} with a controller owner reference set to itself`
  if (owner.blockOwnerDeletion)
    return `node ${quoted(node)} must not set blockOwnerDeletion on an owner reference`
  const self = services.storage.cache.get(Node, undefined, node)
  if (!self) return notFound({ group: '', resource: 'node' }, node)
  if (owner.uid !== self.metadata.uid)
    return `node ${node} UID mismatch: expected ${owner.uid} got ${self.metadata.uid}`
  const reference = apiReference(object as Pod)
  return reference && `node ${quoted(node)} can not create pods that reference ${reference}`
}

const podStatus: Judge = (node, { operation, object, old }) => {
  if (operation !== 'UPDATE') return `unexpected operation ${quoted(operation)}`
  const next = object as Pod
  const last = old as Pod
  const who = `node ${quoted(node)}`
  if (last.spec?.nodeName !== node)
    return `${who} can only update pod status for pods with spec.nodeName set to itself`
  if (!isDeepStrictEqual(last.metadata.labels ?? {}, next.metadata.labels ?? {}))
    return `${who} cannot update labels through pod status`
  const claims = ({ status }: Pod) =>
    (status?.resourceClaimStatuses ?? []).map((each) => [each.name, each.resourceClaimName])
  if (!isDeepStrictEqual(claims(last), claims(next)))
    return `${who} cannot update resource claim statues`
  const { status: before } = last
  if (
    !isDeepStrictEqual(
      before?.extendedResourceClaimStatus,
      next.status?.extendedResourceClaimStatus,
    )
  )
    return `${who} cannot update extended resource claim status`
  return undefined
}

const eviction: Judge = (node, { operation, services, namespace, name, object }) => {
  if (operation !== 'CREATE') return `unexpected operation ${operation}`
  const podName = name || object?.metadata.name
  if (!podName) return 'could not determine pod from request data'
  const existing = services.storage.cache.get(Pod, namespace, podName)
  if (!existing) return notFound({ group: '', resource: 'pod' }, podName)
  return existing.spec?.nodeName === node
    ? undefined
    : `node ${node} can only evict pods with spec.nodeName set to itself`
}

const ownNode: Judge = (node, { operation, name, object, old }) => {
  if (name !== node) return `node ${quoted(node)} is not allowed to modify node ${quoted(name)}`
  const next = object as Node
  const who = `node ${quoted(node)}`
  if (operation === 'CREATE') {
    if (next.spec?.configSource)
      return `${who} is not allowed to create pods with a non-nil configSource`
    const labels = forbiddenNodeLabels(next.metadata.labels, undefined)
    return labels.length > 0
      ? `${who} is not allowed to set the following labels: ${labels.join(', ')}`
      : undefined
  }
  if (operation !== 'UPDATE') return undefined
  const last = old as Node
  if (
    next.spec?.configSource &&
    !isDeepStrictEqual(next.spec.configSource, last.spec?.configSource)
  )
    return `${who} is not allowed to update configSource to a new non-nil configSource`
  if (!isDeepStrictEqual(next.spec?.taints ?? [], last.spec?.taints ?? []))
    return `${who} is not allowed to modify taints`
  if (!isDeepStrictEqual(next.metadata.ownerReferences ?? [], last.metadata.ownerReferences ?? []))
    return `${who} is not allowed to modify ownerReferences`
  const labels = forbiddenNodeLabels(next.metadata.labels, last.metadata.labels)
  return labels.length > 0 ? `is not allowed to modify labels: ${labels.join(', ')}` : undefined
}

const CLAIM_STATUS = [
  'capacity',
  'conditions',
  'allocatedResourceStatuses',
  'allocatedResources',
] as const

const claim: Judge = (node, { operation, subresource, object, old }) => {
  if (subresource !== 'status') return 'may only update PVC status'
  if (operation !== 'UPDATE') return `unexpected operation ${quoted(operation)}`
  const next = fixedPartOf(object as PersistentVolumeClaim)
  return isDeepStrictEqual(next, fixedPartOf(old as PersistentVolumeClaim))
    ? undefined
    : `node ${quoted(node)} is not allowed to update fields other than status.quantity and status.conditions`
}

/** What of a claim a node may not change. */
const fixedPartOf = ({ metadata, spec, status }: PersistentVolumeClaim): unknown => {
  const { resourceVersion: _, managedFields: __, ...kept } = metadata
  const fixed = Object.fromEntries(
    Object.entries(status ?? {}).filter(([field]) => !CLAIM_STATUS.some((each) => each === field)),
  )
  return JSON.parse(JSON.stringify({ metadata: kept, spec, status: fixed })) as unknown
}

const lease: Judge = (node, { namespace, operation, name, object }) => {
  if (namespace !== NODE_LEASES)
    return `can only access leases in the ${quoted(NODE_LEASES)} system namespace`
  const asked = operation === 'CREATE' ? object?.metadata.name : name
  return asked === node
    ? undefined
    : 'can only access node lease with the same name as the requesting node'
}

const csiNode: Judge = (node, { operation, name, object }) => {
  const asked = operation === 'CREATE' ? object?.metadata.name : name
  return asked === node
    ? undefined
    : 'can only access CSINode with the same name as the requesting node'
}

const slice: Judge = (node, { operation, object, old }) => {
  const isOf = (each: unknown) => (each as ResourceSlice | undefined)?.spec?.nodeName === node
  if (operation === 'CREATE' && !isOf(object))
    return 'can only create ResourceSlice with the same NodeName as the requesting node'
  if (operation === 'DELETE' && !isOf(old))
    return 'can only delete ResourceSlice with the same NodeName as the requesting node'
  return undefined
}

const NODE_SIGNERS: ReadonlySet<string> = new Set([KUBELET_SERVING_SIGNER, KUBELET_CLIENT_SIGNER])

/** The kind has loaded what reads requests. */
const signingRequest: Judge = (node, { operation, object }) => {
  if (operation !== 'CREATE') return undefined
  const { spec } = object as CertificateSigningRequest
  if (!NODE_SIGNERS.has(spec.signerName)) return undefined
  try {
    const { commonName } = parseRequest(spec.request)
    if (commonName === `system:node:${node}`) return undefined
  } catch (error) {
    return `unable to parse csr: ${(error as Error).message}`
  }
  return `can only create a node CSR with CN=system:node:${node}`
}

/** By group and resource. */
export const judges: Readonly<Record<string, Judge>> = {
  '/pods': pod,
  '/nodes': ownNode,
  '/persistentvolumeclaims': claim,
  'coordination.k8s.io/leases': lease,
  'storage.k8s.io/csinodes': csiNode,
  'resource.k8s.io/resourceslices': slice,
  'certificates.k8s.io/certificatesigningrequests': signingRequest,
}
