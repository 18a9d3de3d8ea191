/**
 * Node: a machine that runs pods.
 *
 * The kubelet writes the status; users write labels, taints and `unschedulable`. Addresses of pods and the
 * provider's id are set once.
 */

import type { V1Node } from '@kubernetes/client-node'
import { carryField } from '../carry-field.ts'
import { defineKind } from '../kind.ts'
import type { WireObject } from '../meta.ts'
import { duplicateField, type FieldError, forbiddenField, invalidField } from '../status-error.ts'
import { ageColumn, column, nameColumn, wideColumn } from './columns.ts'
import { checkCidr, checkPositive, isIPv6Text } from './field-rules.ts'
import { checkNodeAnnotations } from './node-annotations.ts'
import { canonicalizeQuantities, type ResourceList } from './resource-list.ts'
import { checkAmount } from './resource-validation.ts'
import { checkTaints } from './scheduling-validation.ts'
import { cidrWarnings } from './warning-rules.ts'

export type Node = WireObject<V1Node>

const ROLE_PREFIX = 'node-role.kubernetes.io/'
const ROLE_LABEL = 'kubernetes.io/role'

const applyDefaults = (node: Node): void => {
  node.spec ??= {}
  // `podCIDR` is the first of `podCIDRs` under its older name.
  if (node.spec.podCIDR && !node.spec.podCIDRs?.length) node.spec.podCIDRs = [node.spec.podCIDR]
  if (node.spec.podCIDRs?.[0]) node.spec.podCIDR = node.spec.podCIDRs[0]
  const { status } = node
  if (!status) return
  if (status.capacity) canonicalizeQuantities(status.capacity)
  if (status.allocatable) canonicalizeQuantities(status.allocatable)
  else if (status.capacity) status.allocatable = { ...status.capacity }
}

const validate = (node: Node): FieldError[] => {
  const errors = validateFacts(node)
  const swap = node.status?.nodeInfo?.swap?.capacity
  if (swap != null) checkPositive(errors, 'metadata.nodeSwapStatus.capacity', swap)
  const cidrs = node.spec?.podCIDRs ?? []
  for (const [index, cidr] of cidrs.entries()) {
    checkCidr(errors, `spec.podCIDRs[${index}]`, cidr)
  }
  const families = new Set(cidrs.map(isIPv6Text)).size
  if (cidrs.length > 1 && (families < 2 || cidrs.length > 2)) {
    const why = 'may specify no more than one CIDR for each IP family'
    errors.push(invalidField('spec.podCIDRs', cidrs, why))
  }
  return errors
}

/** What is checked in every write, of the status too. */
const validateFacts = ({ metadata, spec, status }: Node): FieldError[] => {
  const errors: FieldError[] = []
  checkNodeAnnotations(errors, 'metadata.annotations', metadata.annotations)
  // Kubernetes reports taints under metadata.
  checkTaints(errors, 'metadata.taints', spec?.taints)
  checkAmounts(errors, 'status.capacity', status?.capacity)
  checkAmounts(errors, 'status.allocatable', status?.allocatable)
  checkFeatures(errors, status?.declaredFeatures)
  return errors
}

const FEATURE_MAX = 253
const FEATURE = /^[A-Z][a-zA-Z0-9]*(?:\/[a-zA-Z][a-zA-Z0-9]*)*$/

/** Features that a kubelet says it has: each once, in order. */
const checkFeatures = (errors: FieldError[], features: readonly string[] = []): void => {
  for (const [index, feature] of features.entries()) {
    const at = `status.declaredFeatures[${index}]`
    const subject = `invalid feature name ${JSON.stringify(feature)}`
    if (Buffer.byteLength(feature) > FEATURE_MAX) {
      const why = `${subject}: must be no more than ${FEATURE_MAX} characters`
      errors.push(invalidField(at, feature, why))
    } else if (!FEATURE.test(feature)) {
      const why = `${subject}: must start with an UpperCamelCase segment, with subsequent segments separated by '/' (e.g., MyFeature or MyFeature/mySubFeature), and contain only alphanumeric characters and slashes`
      errors.push(invalidField(at, feature, why))
    }
    const before = features[index - 1]
    if (before === undefined || before < feature) continue
    errors.push(
      before === feature
        ? duplicateField(at, feature)
        : invalidField(at, feature, 'list must be sorted alphabetically'),
    )
  }
}

const checkAmounts = (errors: FieldError[], path: string, list: ResourceList | undefined): void => {
  for (const name in list) checkAmount(errors, `${path}.${name}`, name, list[name]!)
}

const validateUpdate = (node: Node, old: Node): FieldError[] => {
  const errors: FieldError[] = []
  const seen = new Set<string>()
  for (const [index, { type, address }] of (node.status?.addresses ?? []).entries()) {
    const identity = `${type} ${address}`
    if (seen.has(identity)) {
      const duplicate = { Type: type, Address: address }
      errors.push(duplicateField(`status.addresses[${index}]`, duplicate))
    }
    seen.add(identity)
  }
  const had = old.spec?.podCIDRs ?? []
  const has = node.spec?.podCIDRs ?? []
  const changed = had.length !== has.length || had.some((cidr, index) => cidr !== has[index])
  if (had.length > 0 && changed) {
    const why = 'node updates may not change podCIDR except from "" to valid'
    errors.push(forbiddenField('spec.podCIDRs', why))
  }
  if (old.spec?.providerID && old.spec.providerID !== node.spec?.providerID) {
    const why = 'node updates may not change providerID except from "" to valid'
    errors.push(forbiddenField('spec.providerID', why))
  }
  if ((node.spec?.externalID ?? '') !== (old.spec?.externalID ?? '')) {
    errors.push(forbiddenField('spec.externalID', 'may not be updated'))
  }
  return errors
}

const statusCell = ({ spec, status }: Node): string => {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready')
  const word = ready ? (ready.status === 'True' ? 'Ready' : 'NotReady') : 'Unknown'
  return spec?.unschedulable ? `${word},SchedulingDisabled` : word
}

const rolesCell = ({ metadata }: Node): string => {
  const roles = new Set<string>()
  for (const [key, value] of Object.entries(metadata.labels ?? {})) {
    if (key.startsWith(ROLE_PREFIX) && key.length > ROLE_PREFIX.length) {
      roles.add(key.slice(ROLE_PREFIX.length))
    } else if (key === ROLE_LABEL && value) roles.add(value)
  }
  return roles.size > 0 ? [...roles].sort().join(',') : '<none>'
}

const addressCell =
  (wanted: string) =>
  ({ status }: Node): string =>
    status?.addresses?.find(({ type }) => type === wanted)?.address ?? '<none>'

const kernelCell = ({ status }: Node): string => {
  const { kernelVersion, architecture } = status?.nodeInfo ?? {}
  const version = kernelVersion || '<unknown>'
  return architecture ? `${version} (${architecture})` : version
}

export const Node = defineKind<Node>({
  group: '',
  version: 'v1',
  kind: 'Node',
  plural: 'nodes',
  singular: 'node',
  shortNames: ['no'],
  namespaced: false,
  model: 'V1Node',
  statusSubresource: true,
  applyDefaults,
  // A new node may bring its status; the source of a kubelet's configuration is a removed feature.
  prepareForCreate: (node) => {
    if (node.spec) delete node.spec.configSource
    if (node.status) delete node.status.config
  },
  prepareForUpdate: (node, old) => {
    carryField(node, old, 'status')
    if (node.spec && !old.spec?.configSource) delete node.spec.configSource
  },
  prepareForStatusUpdate: (node, old) => {
    carryField(node, old, 'spec')
    if (node.status && !old.status?.config) delete node.status.config
  },
  validate,
  validateUpdate,
  validateStatusUpdate: (node, old) => [...validateFacts(node), ...validateUpdate(node, old)],
  warnings: ({ spec }) => [
    ...(spec?.configSource ? ['spec.configSource: the feature is removed'] : []),
    ...(spec?.externalID
      ? ['spec.externalID: this field is deprecated, and is unused by Kubernetes']
      : []),
    ...(spec?.podCIDRs ?? []).flatMap((cidr, index) =>
      cidrWarnings(`spec.podCIDRs[${index}]`, cidr),
    ),
  ],
  selectableFields: {
    'spec.unschedulable': ({ spec }) => String(spec?.unschedulable ?? false),
  },
  columns: [
    nameColumn,
    column('Status', 'Whether the node is ready and takes new pods.', statusCell),
    column('Roles', 'Roles given to the node by labels.', rolesCell),
    ageColumn,
    column('Version', 'Version the kubelet reports.', ({ status }) => {
      return status?.nodeInfo?.kubeletVersion ?? ''
    }),
    wideColumn('Internal-IP', 'Address inside the cluster.', addressCell('InternalIP')),
    wideColumn('External-IP', 'Address outside the cluster.', addressCell('ExternalIP')),
    wideColumn('OS-Image', 'Operating system.', ({ status }) => {
      return status?.nodeInfo?.osImage || '<unknown>'
    }),
    wideColumn('Kernel-Version', 'Kernel and architecture.', kernelCell),
    wideColumn('Container-Runtime', 'What runs the containers.', ({ status }) => {
      return status?.nodeInfo?.containerRuntimeVersion || '<unknown>'
    }),
  ],
})
