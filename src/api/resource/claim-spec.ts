/**
 * What a claim asks for: requests of devices, constraints between them, configurations for drivers.
 *
 * Defaults, limits, wording and order follow Kubernetes 1.36 (`pkg/apis/resource`).
 */
import type {
  V1DeviceClaim,
  V1DeviceClaimConfiguration,
  V1DeviceConstraint,
  V1DeviceRequest,
  V1DeviceSubRequest,
  V1ExactDeviceRequest,
} from '@kubernetes/client-node'
import { checkDnsLabel, checkDnsSubdomain, isOneOf } from '../core/field-rules.ts'
import { canonicalizeQuantities } from '../core/resource-list.ts'
import type { Wire } from '../meta.ts'
import { type FieldError, invalidField, requiredField } from '../status-error.ts'
import { checkSelectors } from './device-expressions.ts'
import {
  applyTolerationDefaults,
  checkConfiguration,
  checkDeviceToleration,
  checkEach,
  checkFullAttributeName,
  checkSet,
} from './device-rules.ts'

type Devices = Wire<V1DeviceClaim>
type Request = Wire<V1DeviceRequest>
type ExactRequest = Wire<V1ExactDeviceRequest>
type SubRequest = Wire<V1DeviceSubRequest>

export interface ClaimSpec {
  devices?: Devices
}

/** Requests, constraints and configurations of one claim. */
export const CLAIM_PARTS_MAX = 32
const ALTERNATIVES_MAX = 8
const TOLERATIONS_MAX = 16

export const applyClaimSpecDefaults = (spec: ClaimSpec | undefined): void => {
  for (const { exactly, firstAvailable } of spec?.devices?.requests ?? []) {
    if (exactly) applyRequestDefaults(exactly)
    for (const each of firstAvailable ?? []) applyRequestDefaults(each)
  }
}

const applyRequestDefaults = (request: ExactRequest | SubRequest): void => {
  request.allocationMode ||= 'ExactCount'
  if (request.allocationMode === 'ExactCount') request.count ||= 1
  if (request.capacity?.requests) canonicalizeQuantities(request.capacity.requests)
  applyTolerationDefaults(request.tolerations)
}

/** The names that constraints, configurations and results may refer to: `request` and `request/alternative`. */
export const requestNamesOf = (devices: Devices | undefined): ReadonlySet<string> => {
  const names = new Set<string>()
  for (const { name, firstAvailable } of devices?.requests ?? []) {
    names.add(name)
    for (const each of firstAvailable ?? []) names.add(`${name}/${each.name}`)
  }
  return names
}

export const checkClaimSpec = (errors: FieldError[], path: string, spec: ClaimSpec): void => {
  const { devices } = spec
  const at = `${path}.devices`
  const names = requestNamesOf(devices)
  checkSet(
    errors,
    `${at}.requests`,
    devices?.requests,
    CLAIM_PARTS_MAX,
    (each, request) => checkRequest(errors, each, request),
    ({ name }) => name,
  )
  checkEach(errors, `${at}.constraints`, devices?.constraints, CLAIM_PARTS_MAX, (each, item) =>
    checkConstraint(errors, each, item, names),
  )
  checkEach(errors, `${at}.config`, devices?.config, CLAIM_PARTS_MAX, (each, item) =>
    checkRequestsConfiguration(errors, each, item, names),
  )
}

const checkRequest = (errors: FieldError[], at: string, request: Request): void => {
  const { name = '', exactly, firstAvailable } = request
  checkDnsLabel(errors, `${at}.name`, name)
  const hasAlternatives = (firstAvailable?.length ?? 0) > 0
  const rule = 'exactly one of `exactly` or `firstAvailable` is required'
  if (exactly && hasAlternatives)
    errors.push(invalidField(at, null, `${rule}, but multiple fields are set`))
  else if (exactly) checkExact(errors, `${at}.exactly`, exactly)
  else if (hasAlternatives)
    checkSet(
      errors,
      `${at}.firstAvailable`,
      firstAvailable,
      ALTERNATIVES_MAX,
      (each, alternative) => {
        checkDnsLabel(errors, `${each}.name`, alternative.name ?? '')
        checkExact(errors, each, alternative)
      },
      (alternative) => alternative.name,
    )
  else errors.push(requiredField(at, rule))
}

const checkExact = (errors: FieldError[], at: string, request: ExactRequest | SubRequest): void => {
  const { deviceClassName, selectors, allocationMode = '', count = 0, tolerations } = request
  if (deviceClassName) checkDnsSubdomain(errors, `${at}.deviceClassName`, deviceClassName)
  else errors.push(requiredField(`${at}.deviceClassName`))
  checkSelectors(errors, `${at}.selectors`, selectors)
  if (allocationMode === 'All') {
    const why = "must not be specified when allocationMode is 'All'"
    if (count !== 0) errors.push(invalidField(`${at}.count`, count, why))
  } else if (allocationMode === 'ExactCount') {
    if (count <= 0) errors.push(invalidField(`${at}.count`, count, 'must be greater than zero'))
  } else isOneOf(errors, `${at}.allocationMode`, allocationMode, ['All', 'ExactCount'])
  checkEach(errors, `${at}.tolerations`, tolerations, TOLERATIONS_MAX, (each, toleration) =>
    checkDeviceToleration(errors, each, toleration),
  )
}

const checkConstraint = (
  errors: FieldError[],
  at: string,
  constraint: Wire<V1DeviceConstraint>,
  names: ReadonlySet<string>,
): void => {
  const { requests, matchAttribute, distinctAttribute } = constraint
  checkRequestReferences(errors, `${at}.requests`, requests, names)
  if (matchAttribute !== undefined)
    checkFullAttributeName(errors, `${at}.matchAttribute`, matchAttribute)
  else if (distinctAttribute !== undefined)
    checkFullAttributeName(errors, `${at}.distinctAttribute`, distinctAttribute)
  else {
    const why =
      'exactly one of "matchAttribute" or "distinctAttribute" is required, but multiple fields are set'
    errors.push(requiredField(at, why))
  }
}

export const checkRequestsConfiguration = (
  errors: FieldError[],
  at: string,
  configuration: Wire<V1DeviceClaimConfiguration>,
  names: ReadonlySet<string>,
): void => {
  checkRequestReferences(errors, `${at}.requests`, configuration.requests, names)
  checkConfiguration(errors, at, configuration)
}

const checkRequestReferences = (
  errors: FieldError[],
  path: string,
  references: readonly string[] | undefined,
  names: ReadonlySet<string>,
): void =>
  checkSet(
    errors,
    path,
    references,
    CLAIM_PARTS_MAX,
    (at, name) => checkRequestReference(errors, at, name, names),
    (name) => name,
  )

const UNKNOWN_REQUEST =
  "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'"

export const checkRequestReference = (
  errors: FieldError[],
  path: string,
  name: string,
  names: ReadonlySet<string>,
): void => {
  const segments = name.split('/')
  if (segments.length <= 2) for (const segment of segments) checkDnsLabel(errors, path, segment)
  if (!names.has(name)) errors.push(invalidField(path, name, UNKNOWN_REQUEST))
}
