/**
 * EndpointSlice: up to a thousand addresses behind a Service, with their readiness and topology.
 *
 * Limits and wording follow Kubernetes 1.36 (`pkg/apis/discovery/validation`). The type of addresses of a
 * slice never changes.
 */
import type { V1Endpoint, V1EndpointHints, V1EndpointSlice } from '@kubernetes/client-node'
import { ageColumn, column, nameColumn } from '../core/columns.ts'
import {
  checkDnsLabel,
  checkDnsSubdomain,
  checkEndpointIp,
  checkIp,
  checkLabelValue,
  checkQualifiedName,
  FIELD_IMMUTABLE,
  isIPv6Text,
  isOneOf,
  PROTOCOLS,
} from '../core/field-rules.ts'
import { addressWarnings } from '../core/warning-rules.ts'
import { defineKind } from '../kind.ts'
import type { Wire, WireObject } from '../meta.ts'
import { dns1123SubdomainErrors } from '../names.ts'
import {
  duplicateField,
  type FieldError,
  invalidField,
  requiredField,
  tooManyField,
} from '../status-error.ts'

export type EndpointSlice = WireObject<V1EndpointSlice>

/** Names the Service that a slice belongs to. */
export const SERVICE_NAME_LABEL = 'kubernetes.io/service-name'

const ADDRESS_TYPES = ['FQDN', 'IPv4', 'IPv6']
const MAX_ENDPOINTS = 1000
const MAX_ADDRESSES = 100
const MAX_PORTS = 20_000
const MAX_HINTS = 8
const MAX_SHOWN = 3

const validate = (slice: EndpointSlice): FieldError[] => {
  const errors: FieldError[] = []
  if (!slice.addressType) errors.push(requiredField('addressType'))
  else isOneOf(errors, 'addressType', slice.addressType, ADDRESS_TYPES)
  checkPorts(errors, slice.ports)
  const endpoints = slice.endpoints ?? []
  if (endpoints.length > MAX_ENDPOINTS) {
    errors.push(tooManyField('endpoints', endpoints.length, MAX_ENDPOINTS))
    return errors
  }
  for (let index = 0; index < endpoints.length; index++) {
    checkEndpoint(errors, `endpoints[${index}]`, endpoints[index]!, slice.addressType)
  }
  return errors
}

const checkPorts = (errors: FieldError[], ports: EndpointSlice['ports']): void => {
  if (!ports?.length) return
  if (ports.length > MAX_PORTS) {
    errors.push(tooManyField('ports', ports.length, MAX_PORTS))
    return
  }
  const names = new Set<string>()
  for (const [index, port] of ports.entries()) {
    const at = `ports[${index}]`
    const name = port.name ?? ''
    if (name) checkDnsLabel(errors, `${at}.name`, name)
    if (names.has(name)) errors.push(duplicateField(`${at}.name`, name))
    names.add(name)
    if (port.protocol == null) errors.push(requiredField(`${at}.protocol`))
    else isOneOf(errors, `${at}.protocol`, port.protocol, PROTOCOLS)
    if (port.appProtocol != null) {
      checkQualifiedName(errors, `${at}.appProtocol`, port.appProtocol)
    }
  }
}

const checkEndpoint = (
  errors: FieldError[],
  at: string,
  endpoint: Wire<V1Endpoint>,
  type: string,
): void => {
  const addresses = endpoint.addresses ?? []
  if (addresses.length === 0) {
    errors.push(requiredField(`${at}.addresses`, 'must contain at least 1 address'))
  } else if (addresses.length > MAX_ADDRESSES) {
    errors.push(tooManyField(`${at}.addresses`, addresses.length, MAX_ADDRESSES))
  }
  for (let index = 0; index < addresses.length; index++) {
    checkAddress(errors, `${at}.addresses`, index, addresses[index]!, type)
  }
  if (endpoint.nodeName != null) checkDnsSubdomain(errors, `${at}.nodeName`, endpoint.nodeName)
  if (endpoint.hostname != null) checkDnsLabel(errors, `${at}.hostname`, endpoint.hostname)
  if (endpoint.hints) checkHints(errors, `${at}.hints`, endpoint.hints)
}

const checkAddress = (
  errors: FieldError[],
  path: string,
  index: number,
  address: string,
  type: string,
): void => {
  const at = `${path}[${index}]`
  const before = errors.length
  if (type === 'FQDN') {
    checkFqdn(errors, at, address)
    return
  }
  if (type !== 'IPv4' && type !== 'IPv6') return
  checkIp(errors, at, address)
  if (errors.length > before) return
  if (isIPv6Text(address) !== (type === 'IPv6')) {
    errors.push(invalidField(path, address, `must be an ${type} address`))
  }
  checkEndpointIp(errors, at, address)
}

const checkFqdn = (errors: FieldError[], at: string, name: string): void => {
  if (!name) {
    errors.push(requiredField(at))
    return
  }
  const bare = name.endsWith('.') ? name.slice(0, -1) : name
  const faults = dns1123SubdomainErrors(bare)
  if (faults.length > 0) errors.push(invalidField(at, bare, faults.join(',')))
  else if (!bare.includes('.')) {
    const why = 'should be a domain with at least two segments separated by dots'
    errors.push(invalidField(at, bare, why))
  }
}

const checkHints = (
  errors: FieldError[],
  path: string,
  { forZones = [], forNodes = [] }: Wire<V1EndpointHints>,
): void => {
  const check = (
    field: string,
    hints: { name: string }[],
    checkName: (errors: FieldError[], at: string, name: string) => void,
  ): boolean => {
    if (hints.length > MAX_HINTS) {
      errors.push(tooManyField(`${path}.${field}`, hints.length, MAX_HINTS))
      return false
    }
    const seen = new Set<string>()
    for (const [index, { name }] of hints.entries()) {
      const at = `${path}.${field}[${index}].name`
      if (seen.has(name)) errors.push(duplicateField(at, name))
      seen.add(name)
      checkName(errors, at, name)
    }
    return true
  }
  if (check('forZones', forZones, checkLabelValue)) check('forNodes', forNodes, checkDnsSubdomain)
}

/** At most three of `items`, and how many more there are. */
const listCell = (items: readonly string[]): string => {
  if (items.length === 0) return '<unset>'
  const shown = items.slice(0, MAX_SHOWN).join(',')
  const more = items.length - MAX_SHOWN
  return more > 0 ? `${shown} + ${more} more...` : shown
}

/** Slices of controllers are written as they should be, and are many. */
const OWN_WRITERS = ['endpointslice-controller.k8s.io', 'endpointslicemirroring-controller.k8s.io']
const MANAGER_LABEL = 'endpointslice.kubernetes.io/managed-by'

const warnings = (slice: EndpointSlice, old?: EndpointSlice): string[] => {
  const { metadata, addressType, endpoints } = slice
  const found =
    !old && addressType === 'FQDN' ? ['spec.addressType: FQDN endpoints are deprecated'] : []
  if (OWN_WRITERS.includes(metadata.labels?.[MANAGER_LABEL] ?? '')) return found
  for (const [index, { addresses }] of (endpoints ?? []).entries()) {
    for (const [position, address] of (addresses ?? []).entries()) {
      found.push(...addressWarnings(`endpoints[${index}].addresses[${position}]`, address))
    }
  }
  return found
}

/** A field of the beta versions, which v1 shows but never takes. */
const dropTopology = ({ endpoints }: EndpointSlice): void => {
  for (const endpoint of endpoints ?? []) {
    if (endpoint.deprecatedTopology !== undefined) delete endpoint.deprecatedTopology
  }
}

export const EndpointSlice = defineKind<EndpointSlice>({
  group: 'discovery.k8s.io',
  version: 'v1',
  kind: 'EndpointSlice',
  plural: 'endpointslices',
  singular: 'endpointslice',
  namespaced: true,
  model: 'V1EndpointSlice',
  tracksGeneration: true,
  applyDefaults: ({ ports }) => {
    for (const port of ports ?? []) {
      port.name ??= ''
      port.protocol ??= 'TCP'
    }
  },
  prepareForCreate: dropTopology,
  prepareForUpdate: dropTopology,
  validate,
  validateUpdate: ({ addressType }, old) =>
    addressType === old.addressType
      ? []
      : [invalidField('addressType', addressType, FIELD_IMMUTABLE)],
  warnings,
  columns: [
    nameColumn,
    column('AddressType', 'IPv4, IPv6 or FQDN.', ({ addressType }) => addressType),
    column('Ports', 'Ports of every endpoint.', ({ ports }) =>
      listCell((ports ?? []).map(({ port, name }) => (port != null ? `${port}` : (name ?? '*')))),
    ),
    column('Endpoints', 'Addresses in the slice.', ({ endpoints }) =>
      listCell((endpoints ?? []).flatMap(({ addresses }) => addresses ?? [])),
    ),
    ageColumn,
  ],
})
