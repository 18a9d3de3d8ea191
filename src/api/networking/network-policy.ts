/**
 * NetworkPolicy: who may send to the pods it selects, and where these may send to.
 *
 * Stored for whoever enforces it. Wording follows Kubernetes 1.36 (`pkg/apis/networking/validation`).
 */
import type {
  V1IPBlock,
  V1LabelSelector,
  V1NetworkPolicy,
  V1NetworkPolicyPeer,
  V1NetworkPolicyPort,
} from '@kubernetes/client-node'
import { ageColumn, column, nameColumn } from '../core/columns.ts'
import { checkCidr, checkLabelSelector, checkPort, checkPortNumber } from '../core/field-rules.ts'
import { cidrWarnings } from '../core/warning-rules.ts'
import { isSloppyCidr, isStrictSubnet, networkOf } from '../ip-network.ts'
import { defineKind } from '../kind.ts'
import type { Wire, WireObject } from '../meta.ts'
import { formatLabelSelector, labelSelectorOf } from '../selector.ts'
import {
  type FieldError,
  forbiddenField,
  invalidField,
  requiredField,
  unsupportedField,
} from '../status-error.ts'

type Port = Wire<V1NetworkPolicyPort>
type Peer = Wire<V1NetworkPolicyPeer>

interface NetworkPolicySpec {
  podSelector?: V1LabelSelector
  policyTypes?: string[]
  /** The client package writes `from` otherwise: it is a word of some languages. */
  ingress?: { ports?: Port[]; from?: Peer[] }[]
  egress?: { ports?: Port[]; to?: Peer[] }[]
}

export type NetworkPolicy = Omit<WireObject<V1NetworkPolicy>, 'spec'> & {
  spec?: NetworkPolicySpec
}

const PROTOCOLS = ['TCP', 'UDP', 'SCTP']
const POLICY_TYPES = ['Ingress', 'Egress']

const applyDefaults = (policy: NetworkPolicy): void => {
  policy.spec ??= {}
  const { spec } = policy
  spec.podSelector ??= {}
  if (!spec.policyTypes?.length) {
    spec.policyTypes = spec.egress?.length ? [...POLICY_TYPES] : ['Ingress']
  }
  for (const { ports } of [...(spec.ingress ?? []), ...(spec.egress ?? [])]) {
    for (const port of ports ?? []) port.protocol ??= 'TCP'
  }
}

const validate = (policy: NetworkPolicy, old?: NetworkPolicy): FieldError[] => {
  const errors: FieldError[] = []
  const spec = policy.spec ?? {}
  const known = old ? cidrsOf(old) : []
  checkLabelSelector(errors, 'spec.podSelector', spec.podSelector)
  for (const [index, { ports, from }] of (spec.ingress ?? []).entries()) {
    const at = `spec.ingress[${index}]`
    checkPorts(errors, `${at}.ports`, ports)
    checkPeers(errors, `${at}.from`, from, known)
  }
  for (const [index, { ports, to }] of (spec.egress ?? []).entries()) {
    const at = `spec.egress[${index}]`
    checkPorts(errors, `${at}.ports`, ports)
    checkPeers(errors, `${at}.to`, to, known)
  }
  const types = spec.policyTypes ?? []
  if (types.length > POLICY_TYPES.length) {
    const why = 'may not specify more than two policyTypes'
    errors.push(invalidField('spec.policyTypes', types, why))
    return errors
  }
  for (const [index, type] of types.entries()) {
    if (POLICY_TYPES.includes(type)) continue
    errors.push(unsupportedField(`spec.policyTypes[${index}]`, type, POLICY_TYPES))
  }
  return errors
}

/** CIDRs of a stored policy stay valid wherever an update puts them. */
const cidrsOf = ({ spec }: NetworkPolicy): string[] => {
  const peers = [
    ...(spec?.ingress ?? []).flatMap(({ from }) => from ?? []),
    ...(spec?.egress ?? []).flatMap(({ to }) => to ?? []),
  ]
  return peers.flatMap(({ ipBlock }) => (ipBlock ? [ipBlock.cidr, ...(ipBlock.except ?? [])] : []))
}

const checkPorts = (errors: FieldError[], path: string, ports: Port[] = []): void => {
  for (const [index, { protocol, port, endPort }] of ports.entries()) {
    const at = `${path}[${index}]`
    if (protocol != null && !PROTOCOLS.includes(protocol)) {
      errors.push(unsupportedField(`${at}.protocol`, protocol, PROTOCOLS))
    }
    const refuse = (value: unknown, why: string) =>
      errors.push(invalidField(`${at}.endPort`, value, why))
    if (typeof port === 'number') {
      checkPort(errors, `${at}.port`, port)
      if (endPort == null) continue
      if (endPort < port) refuse(port, 'must be greater than or equal to `port`')
      checkPortNumber(errors, `${at}.endPort`, endPort)
    } else if (port != null) {
      if (endPort != null) refuse(endPort, 'may not be specified when `port` is non-numeric')
      checkPort(errors, `${at}.port`, port)
    } else if (endPort != null) refuse(endPort, 'may not be specified when `port` is not specified')
  }
}

const checkPeers = (
  errors: FieldError[],
  path: string,
  peers: Peer[] = [],
  known: readonly string[],
): void => {
  for (const [index, { podSelector, namespaceSelector, ipBlock }] of peers.entries()) {
    const at = `${path}[${index}]`
    checkLabelSelector(errors, `${at}.podSelector`, podSelector)
    checkLabelSelector(errors, `${at}.namespaceSelector`, namespaceSelector)
    if (ipBlock) checkBlock(errors, `${at}.ipBlock`, ipBlock, known)
    const isSelector = Boolean(podSelector ?? namespaceSelector)
    if (!isSelector && !ipBlock) errors.push(requiredField(at, 'must specify a peer'))
    if (isSelector && ipBlock) {
      errors.push(forbiddenField(at, 'may not specify both ipBlock and another peer'))
    }
  }
}

const checkBlock = (
  errors: FieldError[],
  path: string,
  { cidr, except = [] }: Wire<V1IPBlock>,
  known: readonly string[],
): void => {
  if (!cidr) {
    errors.push(requiredField(`${path}.cidr`))
    return
  }
  checkCidr(errors, `${path}.cidr`, cidr, known)
  if (!isSloppyCidr(cidr)) return
  const whole = networkOf(cidr)
  for (const [index, part] of except.entries()) {
    const at = `${path}.except[${index}]`
    checkCidr(errors, at, part, known)
    if (!isSloppyCidr(part) || isStrictSubnet(networkOf(part), whole)) continue
    errors.push(invalidField(at, part, 'must be a strict subset of `cidr`'))
  }
}

const warnings = ({ spec = {} }: NetworkPolicy): string[] => [
  ...peerWarnings(
    'spec.ingress',
    'from',
    (spec.ingress ?? []).map(({ from }) => from),
  ),
  ...peerWarnings(
    'spec.egress',
    'to',
    (spec.egress ?? []).map(({ to }) => to),
  ),
]

const peerWarnings = (
  path: string,
  field: string,
  rules: readonly (readonly Peer[] | undefined)[],
): string[] =>
  rules.flatMap((peers = [], index) =>
    peers.flatMap(({ ipBlock }, position) => {
      const at = `${path}[${index}].${field}[${position}].ipBlock`
      const { cidr, except = [] } = ipBlock ?? {}
      return [
        ...(cidr ? cidrWarnings(`${at}.cidr`, cidr) : []),
        ...except.flatMap((part, place) => cidrWarnings(`${at}.except[${place}]`, part)),
      ]
    }),
  )

export const NetworkPolicy = defineKind<NetworkPolicy>({
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'NetworkPolicy',
  plural: 'networkpolicies',
  singular: 'networkpolicy',
  shortNames: ['netpol'],
  namespaced: true,
  model: 'V1NetworkPolicy',
  tracksGeneration: true,
  applyDefaults,
  validate,
  warnings,
  columns: [
    nameColumn,
    column('Pod-Selector', 'Labels of the pods it is about.', ({ spec }) => {
      return formatLabelSelector(labelSelectorOf(spec?.podSelector)) || '<none>'
    }),
    ageColumn,
  ],
})
