/**
 * What a claim got: allocated devices, who uses them, and what drivers say about them.
 *
 * An allocation is made once and taken back whole. Limits, wording and order follow Kubernetes 1.36
 * (`pkg/apis/resource/validation`).
 */

import { isIP } from 'node:net'
import type {
  V1AllocatedDeviceStatus,
  V1AllocationResult,
  V1DeviceAllocationConfiguration,
  V1DeviceRequestAllocationResult,
  V1NetworkDeviceData,
  V1ResourceClaimStatus,
} from '@kubernetes/client-node'
import { checkConditions } from '../condition-validation.ts'
import { checkCsiDriverName, checkDnsLabel, FIELD_IMMUTABLE, isOneOf } from '../core/field-rules.ts'
import { canonicalizeQuantities } from '../core/resource-list.ts'
import { checkNodeSelector } from '../core/scheduling-validation.ts'
import { deepEqual } from '../equality.ts'
import type { Wire } from '../meta.ts'
import {
  type FieldError,
  forbiddenField,
  invalidField,
  requiredField,
  tooLongField,
  tooManyField,
} from '../status-error.ts'
import { CLAIM_PARTS_MAX, checkRequestReference, checkRequestsConfiguration } from './claim-spec.ts'
import {
  applyTolerationDefaults,
  checkBindingConditions,
  checkDeviceToleration,
  checkEach,
  checkPoolName,
  checkRawObject,
  checkSet,
  checkUid,
} from './device-rules.ts'

export type ClaimStatus = Wire<V1ResourceClaimStatus>
type Allocation = Wire<V1AllocationResult>
type DeviceStatus = Wire<V1AllocatedDeviceStatus>

const RESERVED_MAX = 256
const RESULTS_MAX = 32
const CONDITIONS_MAX = 8
const ADDRESSES_MAX = 16
const INTERFACE_MAX = 256
const HARDWARE_MAX = 128

interface DeviceName {
  driver: string
  pool: string
  device: string
  shareID?: string
}

const identityOf = ({ driver, pool, device, shareID }: DeviceName): string =>
  `${driver}/${pool}/${device}${shareID ? `/${shareID}` : ''}`

const allocatedIn = (allocation: Allocation | undefined): ReadonlySet<string> =>
  new Set((allocation?.devices?.results ?? []).map(identityOf))

export const applyClaimStatusDefaults = (status: ClaimStatus | undefined): void => {
  for (const result of status?.allocation?.devices?.results ?? []) {
    if (result.consumedCapacity) canonicalizeQuantities(result.consumedCapacity)
    applyTolerationDefaults(result.tolerations)
  }
}

/** What drivers said of devices goes, in place, when these are no longer allocated. */
export const dropDeallocated = (status: ClaimStatus, old: ClaimStatus | undefined): void => {
  if (!status.devices) return
  const before = allocatedIn(old?.allocation)
  const now = allocatedIn(status.allocation)
  const kept = status.devices.filter((device) => {
    const identity = identityOf(device)
    return now.has(identity) || !before.has(identity)
  })
  if (kept.length > 0) status.devices = kept
  else delete status.devices
}

export const claimStatusErrors = (
  status: ClaimStatus,
  old: ClaimStatus,
  names: ReadonlySet<string>,
  isDeleted: boolean,
): FieldError[] => {
  const errors: FieldError[] = []
  const { allocation, reservedFor, devices } = status
  const reservedPath = 'status.reservedFor'
  checkSet(
    errors,
    reservedPath,
    reservedFor,
    RESERVED_MAX,
    (at, consumer) => {
      for (const field of ['resource', 'name', 'uid'] as const)
        if (!consumer[field]) errors.push(requiredField(`${at}.${field}`))
    },
    ({ uid }) => uid,
  )
  const allocated = allocatedIn(allocation)
  checkSet(
    errors,
    'status.devices',
    devices,
    Number.POSITIVE_INFINITY,
    (at, device) => checkDeviceStatus(errors, at, device, allocated),
    identityOf,
  )
  if (reservedFor?.length && !allocation)
    errors.push(forbiddenField(reservedPath, 'may not be specified when `allocated` is not set'))
  else if (isDeleted) {
    const isNew = reservedFor?.some(
      (consumer) => !old.reservedFor?.some((each) => deepEqual(each, consumer)),
    )
    const why =
      'new entries may not be added while `deallocationRequested` or `deletionTimestamp` are set'
    if (isNew) errors.push(forbiddenField(reservedPath, why))
  }
  if (!allocation) return errors
  if (!old.allocation) checkAllocation(errors, 'status.allocation', allocation, names)
  else if (!deepEqual(allocation, old.allocation))
    errors.push(invalidField('status.allocation', allocation, FIELD_IMMUTABLE))
  return errors
}

const checkAllocation = (
  errors: FieldError[],
  at: string,
  { devices, nodeSelector }: Allocation,
  names: ReadonlySet<string>,
): void => {
  checkEach(errors, `${at}.devices.results`, devices?.results, RESULTS_MAX, (each, result) =>
    checkResult(errors, each, result, names),
  )
  checkEach(errors, `${at}.devices.config`, devices?.config, 2 * CLAIM_PARTS_MAX, (each, item) =>
    checkAllocatedConfiguration(errors, each, item, names),
  )
  if (nodeSelector) checkNodeSelector(errors, `${at}.nodeSelector`, nodeSelector)
}

const checkResult = (
  errors: FieldError[],
  at: string,
  result: Wire<V1DeviceRequestAllocationResult>,
  names: ReadonlySet<string>,
): void => {
  checkRequestReference(errors, `${at}.request`, result.request ?? '', names)
  checkCsiDriverName(errors, `${at}.driver`, result.driver)
  checkPoolName(errors, `${at}.pool`, result.pool)
  checkDnsLabel(errors, `${at}.device`, result.device ?? '')
  checkBindingConditions(errors, at, result)
  for (const [index, toleration] of (result.tolerations ?? []).entries())
    checkDeviceToleration(errors, `${at}.tolerations[${index}]`, toleration)
  if (result.shareID !== undefined) checkUid(errors, `${at}.shareID`, result.shareID)
}

const checkAllocatedConfiguration = (
  errors: FieldError[],
  at: string,
  configuration: Wire<V1DeviceAllocationConfiguration>,
  names: ReadonlySet<string>,
): void => {
  const { source } = configuration
  if (!source) errors.push(requiredField(`${at}.source`))
  else isOneOf(errors, `${at}.source`, source, ['FromClaim', 'FromClass'])
  checkRequestsConfiguration(errors, at, configuration, names)
}

const checkDeviceStatus = (
  errors: FieldError[],
  at: string,
  status: DeviceStatus,
  allocated: ReadonlySet<string>,
): void => {
  const { driver, pool, device, shareID, conditions = [], data, networkData } = status
  checkCsiDriverName(errors, `${at}.driver`, driver)
  checkPoolName(errors, `${at}.pool`, pool)
  checkDnsLabel(errors, `${at}.device`, device ?? '')
  if (shareID !== undefined) checkUid(errors, `${at}.shareID`, shareID)
  if (!allocated.has(identityOf(status))) {
    const why = 'must be an allocated device in the claim'
    errors.push(invalidField(at, identityOf(status), why))
  }
  if (conditions.length > CONDITIONS_MAX)
    errors.push(tooManyField(`${at}.conditions`, conditions.length, CONDITIONS_MAX))
  checkConditions(errors, `${at}.conditions`, conditions)
  if (data !== undefined && data !== null) checkRawObject(errors, `${at}.data`, data)
  if (networkData) checkNetworkData(errors, `${at}.networkData`, networkData)
}

const checkNetworkData = (
  errors: FieldError[],
  at: string,
  { interfaceName = '', hardwareAddress = '', ips }: Wire<V1NetworkDeviceData>,
): void => {
  if (interfaceName.length > INTERFACE_MAX)
    errors.push(tooLongField(`${at}.interfaceName`, INTERFACE_MAX))
  if (hardwareAddress.length > HARDWARE_MAX)
    errors.push(tooLongField(`${at}.hardwareAddress`, HARDWARE_MAX))
  checkSet(
    errors,
    `${at}.ips`,
    ips,
    ADDRESSES_MAX,
    (path, address) => checkInterfaceAddress(errors, path, address),
    (address) => address,
  )
}

/** An address of an interface, with the length of its network. */
const checkInterfaceAddress = (errors: FieldError[], path: string, text: string): void => {
  const [address = '', length = '', ...rest] = text.split('/')
  const family = isIP(address)
  const bits = /^(?:0|[1-9]\d*)$/.test(length) ? Number(length) : Number.NaN
  if (family !== 0 && rest.length === 0 && bits <= (family === 4 ? 32 : 128)) return
  const why = 'must be a valid address in CIDR form, (e.g. 10.9.8.7/24 or 2001:db8::1/64)'
  errors.push(invalidField(path, text, why))
}
