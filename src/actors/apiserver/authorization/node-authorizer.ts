/**
 * What nodes may do: each its own part of the cluster, as its pods refer to it.
 *
 * After Kubernetes 1.36 (`plugin/pkg/auth/authorizer/node`): the node's own Node, Lease, CSINode and pods; secrets,
 * config maps, claims, volumes and tokens only through pods that are bound to it. Invariant: what a write may
 * contain is not judged here but by the admission plug-in NodeRestriction, without which this lets too much pass.
 */
import { PersistentVolume } from '../../../api/core/persistent-volume.ts'
import { visibleSecrets } from '../../../api/core/persistent-volume-secrets.ts'
import { Pod } from '../../../api/core/pod.ts'
import { requiredValues } from '../../../api/field-selector.ts'
import { systemRoles } from '../../../api/rbac/default-system-roles.ts'
import { parseRoles } from '../../../api/rbac/role-table.ts'
import { RuleIndex } from '../../../api/rbac/rule-index.ts'
import { ResourceSlice } from '../../../api/resource/resource-slice.ts'
import { VolumeAttachment } from '../../../api/storage/volume-attachment.ts'
import type { Cache } from '../../../client/view.ts'
import type { User } from '../request.ts'
import type { Attributes, Decision } from './attributes.ts'
import { NodeReferences } from './node-references.ts'

const PREFIX = 'system:node:'
const NODE_LEASES = 'kube-node-lease'

/** The node that the user is, `''` when it does not say which; undefined: no node. */
export const nodeOf = ({ name, groups }: User): string | undefined =>
  name.startsWith(PREFIX) && groups.includes('system:nodes') ? name.slice(PREFIX.length) : undefined

type Judge = (node: string, attributes: Attributes) => Decision

const ALLOWED: Decision = { allowed: true }
const NO_OPINION: Decision = { allowed: false }
const refused = (reason: string): Decision => ({ allowed: false, reason })

export class NodeAuthorizer {
  private readonly cache: Cache
  private readonly references: NodeReferences
  private readonly judges: ReadonlyMap<string, Judge>
  private common: RuleIndex<true> | undefined

  constructor(cache: Cache) {
    this.cache = cache
    this.references = new NodeReferences(cache)
    const { read, get } = this
    this.judges = new Map<string, Judge>([
      ['/secrets', read],
      ['/configmaps', read],
      ['/persistentvolumeclaims', this.claim],
      ['/persistentvolumes', get],
      ['resource.k8s.io/resourceclaims', get],
      ['storage.k8s.io/volumeattachments', get],
      ['/serviceaccounts', this.account],
      ['coordination.k8s.io/leases', lease],
      ['storage.k8s.io/csinodes', csiNode],
      ['resource.k8s.io/resourceslices', this.slice],
      ['/nodes', ownNode],
      ['/pods', this.pod],
      ['certificates.k8s.io/podcertificaterequests', () => NO_OPINION],
    ])
  }

  decide(node: string, attributes: Attributes): Decision {
    const { user, group = '', resource } = attributes
    if (node === '') return refused(`unknown node for user ${JSON.stringify(user.name)}`)
    const judge = resource === undefined ? undefined : this.judges.get(`${group}/${resource}`)
    if (judge) return judge(node, attributes)
    this.common ??= commonRules()
    return this.common.find(attributes) ? ALLOWED : NO_OPINION
  }

  stop(): void {
    this.references.stop()
  }

  private readonly related: Judge = (node, attributes) => {
    if (!attributes.name) return refused('No Object name found')
    return this.isRelated(node, attributes)
      ? ALLOWED
      : refused(`no relationship found between node '${node}' and this object`)
  }

  private readonly read: Judge = (node, attributes) => {
    const { verb, subresource, namespace } = attributes
    if (!READ.has(verb)) return refused('can only read resources of this type')
    if (subresource) return refused('cannot read subresource')
    if (!namespace) return refused('can only read namespaced object of this type')
    return this.related(node, attributes)
  }

  private readonly get: Judge = (node, attributes) => {
    if (attributes.verb !== 'get') return refused('can only get individual resources of this type')
    if (attributes.subresource) return refused('cannot get subresource')
    return this.related(node, attributes)
  }

  private readonly claim: Judge = (node, attributes) => {
    if (attributes.subresource !== 'status') return this.get(node, attributes)
    if (attributes.verb !== 'update' && attributes.verb !== 'patch')
      return refused('can only get/update/patch this type')
    return this.related(node, attributes)
  }

  private readonly account: Judge = (node, attributes) => {
    const { verb, subresource, name } = attributes
    if (verb === 'get' && !subresource) return this.read(node, attributes)
    if (verb !== 'create' || !name)
      return refused('can only create tokens for individual service accounts')
    if (subresource !== 'token')
      return refused('can only create token subresource of serviceaccount')
    return this.related(node, attributes)
  }

  private readonly slice: Judge = (node, attributes) => {
    if (attributes.subresource) return refused('cannot authorize ResourceSlice subresources')
    switch (attributes.verb) {
      case 'create':
        return ALLOWED
      case 'get':
      case 'update':
      case 'patch':
      case 'delete':
        return this.related(node, attributes)
      case 'watch':
      case 'list':
      case 'deletecollection':
        return selects(attributes, 'spec.nodeName', node)
          ? ALLOWED
          : refused(
              'can only list/watch/deletecollection resourceslices with nodeName field selector',
            )
      default:
        return refused(
          'only the following verbs are allowed for a ResourceSlice: get, watch, list, create, update, patch, delete, deletecollection',
        )
    }
  }

  private readonly pod: Judge = (node, attributes) => {
    const { verb, subresource, name } = attributes
    const isWrite = verb === 'update' || verb === 'patch'
    if (subresource === 'status') return isWrite ? ALLOWED : NO_OPINION
    if (subresource === 'eviction') return verb === 'create' ? ALLOWED : NO_OPINION
    if (subresource) return NO_OPINION
    switch (verb) {
      case 'get':
        return this.get(node, attributes)
      case 'create':
      case 'delete':
        return ALLOWED
      case 'list':
      case 'watch':
        if (selects(attributes, 'spec.nodeName', node)) return ALLOWED
        if (name) return this.related(node, attributes)
        return refused('can only list/watch pods with spec.nodeName field selector')
      default:
        return NO_OPINION
    }
  }

  private isRelated(node: string, attributes: Attributes): boolean {
    const { resource = '', namespace = '', name = '' } = attributes
    const { cache, references } = this
    switch (resource) {
      case 'pods':
        return cache.get(Pod, namespace, name)?.spec?.nodeName === node
      case 'volumeattachments':
        return cache.get(VolumeAttachment, undefined, name)?.spec?.nodeName === node
      case 'resourceslices':
        return cache.get(ResourceSlice, undefined, name)?.spec?.nodeName === node
      case 'persistentvolumes': {
        const bound = cache.get(PersistentVolume, undefined, name)?.spec?.claimRef
        if (!bound?.name) return false
        return references.has(node, 'persistentvolumeclaims', bound.namespace ?? '', bound.name)
      }
      case 'secrets':
        return (
          references.has(node, resource, namespace, name) || this.isOfVolume(node, namespace, name)
        )
      default:
        return references.has(node, resource, namespace, name)
    }
  }

  /** Whether a volume that is bound to a claim of the node's pods needs the secret. */
  private isOfVolume(node: string, namespace: string, secret: string): boolean {
    for (const claim of this.references.claimsOf(node)) {
      const volume = this.cache.get(PersistentVolume, undefined, claim.spec?.volumeName ?? '')
      const bound = volume?.spec?.claimRef
      const { metadata } = claim
      if (!volume || bound?.name !== metadata.name || bound.namespace !== metadata.namespace)
        continue
      for (const each of visibleSecrets(volume))
        if (each.name === secret && each.namespace === namespace) return true
    }
    return false
  }
}

const READ: ReadonlySet<string> = new Set(['get', 'list', 'watch'])
const OWN_VERBS: ReadonlySet<string> = new Set(['get', 'create', 'update', 'patch', 'delete'])

const lease: Judge = (node, { verb, namespace, name }) => {
  if (!OWN_VERBS.has(verb))
    return refused('can only get, create, update, patch, or delete a node lease')
  if (namespace !== NODE_LEASES)
    return refused(`can only access leases in the "${NODE_LEASES}" system namespace`)
  if (verb !== 'create' && name !== node)
    return refused('can only access node lease with the same name as the requesting node')
  return ALLOWED
}

const csiNode: Judge = (node, { verb, subresource, name }) => {
  if (!OWN_VERBS.has(verb))
    return refused('can only get, create, update, patch, or delete a CSINode')
  if (subresource) return refused('cannot authorize CSINode subresources')
  if (verb !== 'create' && name !== node)
    return refused('can only access CSINode with the same name as the requesting node')
  return ALLOWED
}

const ownNode: Judge = (node, { verb, subresource, name }) => {
  const isWrite = verb === 'update' || verb === 'patch'
  if (subresource === 'status') return isWrite ? ALLOWED : NO_OPINION
  if (subresource) return NO_OPINION
  if (isWrite || verb === 'create') return ALLOWED
  if (!READ.has(verb)) return NO_OPINION
  if (name === node) return ALLOWED
  return refused(
    name
      ? `node '${node}' cannot read '${name}', only its own Node object`
      : `node '${node}' cannot read all nodes, only its own Node object`,
  )
}

const selects = ({ fieldSelector }: Attributes, field: string, value: string): boolean =>
  fieldSelector !== undefined && requiredValues(fieldSelector, field).includes(value)

/** What every node may do alike. */
const commonRules = (): RuleIndex<true> => {
  const index = new RuleIndex<true>()
  const role = parseRoles(systemRoles).find(({ name }) => name === 'system:node')
  for (const rule of role?.rules ?? []) index.add(rule, true)
  return index
}
