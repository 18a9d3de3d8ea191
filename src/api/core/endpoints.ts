/**
 * Endpoints: the addresses behind a Service in their older form, kept for clients that read it.
 *
 * Addresses of a subset are reached at every port of that subset. EndpointSlice is the newer form.
 */
import type { CoreV1EndpointPort, V1EndpointAddress, V1Endpoints } from '@kubernetes/client-node'
import { defineKind } from '../kind.ts'
import type { Wire, WireObject } from '../meta.ts'
import { type FieldError, requiredField } from '../status-error.ts'
import { ageColumn, column, nameColumn } from './columns.ts'
import {
  checkDnsLabel,
  checkDnsSubdomain,
  checkEndpointIp,
  checkIp,
  checkPortNumber,
  checkQualifiedName,
  isOneOf,
  PROTOCOLS,
} from './field-rules.ts'
import { addressWarnings } from './warning-rules.ts'

export type Endpoints = WireObject<V1Endpoints>

const MAX_SHOWN = 3

const validate = ({ subsets }: Endpoints): FieldError[] => {
  const errors: FieldError[] = []
  for (const [index, subset] of (subsets ?? []).entries()) {
    const at = `subsets[${index}]`
    if (!subset.addresses?.length && !subset.notReadyAddresses?.length) {
      errors.push(requiredField(at, 'must specify `addresses` or `notReadyAddresses`'))
    }
    for (const field of ['addresses', 'notReadyAddresses'] as const) {
      for (const [position, address] of (subset[field] ?? []).entries()) {
        checkAddress(errors, `${at}.${field}[${position}]`, address)
      }
    }
    const ports = subset.ports ?? []
    for (const [position, port] of ports.entries()) {
      checkEndpointPort(errors, `${at}.ports[${position}]`, port, ports.length > 1)
    }
  }
  return errors
}

const checkAddress = (errors: FieldError[], at: string, address: Wire<V1EndpointAddress>): void => {
  checkIp(errors, `${at}.ip`, address.ip)
  if (address.hostname) checkDnsLabel(errors, `${at}.hostname`, address.hostname)
  if (address.nodeName != null) checkDnsSubdomain(errors, `${at}.nodeName`, address.nodeName)
  checkEndpointIp(errors, `${at}.ip`, address.ip)
}

const checkEndpointPort = (
  errors: FieldError[],
  at: string,
  port: Wire<CoreV1EndpointPort>,
  needsName: boolean,
): void => {
  if (port.name) checkDnsLabel(errors, `${at}.name`, port.name)
  else if (needsName) errors.push(requiredField(`${at}.name`))
  checkPortNumber(errors, `${at}.port`, port.port)
  if (!port.protocol) errors.push(requiredField(`${at}.protocol`))
  else isOneOf(errors, `${at}.protocol`, port.protocol, PROTOCOLS)
  if (port.appProtocol != null) checkQualifiedName(errors, `${at}.appProtocol`, port.appProtocol)
}

/** The first three addresses with their ports, and how many more there are. */
const endpointsCell = ({ subsets }: Endpoints): string => {
  if (!subsets?.length) return '<none>'
  const shown: string[] = []
  let count = 0
  for (const { addresses = [], ports = [] } of subsets) {
    for (const port of ports.length > 0 ? ports : [undefined]) {
      count += addresses.length
      for (const { ip } of addresses) {
        if (shown.length === MAX_SHOWN) break
        const host = ip.includes(':') && port ? `[${ip}]` : ip
        shown.push(port ? `${host}:${port.port}` : host)
      }
    }
  }
  const more = count - shown.length
  return more > 0 ? `${shown.join(',')} + ${more} more...` : shown.join(',')
}

const warnings = ({ subsets }: Endpoints): string[] =>
  (subsets ?? []).flatMap((subset, index) =>
    (['addresses', 'notReadyAddresses'] as const).flatMap((field) =>
      (subset[field] ?? []).flatMap(({ ip }, position) =>
        addressWarnings(`subsets[${index}].${field}[${position}].ip`, ip),
      ),
    ),
  )

export const Endpoints = defineKind<Endpoints>({
  group: '',
  version: 'v1',
  kind: 'Endpoints',
  plural: 'endpoints',
  singular: 'endpoints',
  shortNames: ['ep'],
  namespaced: true,
  model: 'V1Endpoints',
  deprecation: 'v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice',
  applyDefaults: ({ subsets }) => {
    for (const { ports } of subsets ?? []) {
      for (const port of ports ?? []) port.protocol ||= 'TCP'
    }
  },
  validate,
  warnings,
  columns: [
    nameColumn,
    column('Endpoints', 'Addresses that take traffic.', endpointsCell),
    ageColumn,
  ],
})
