/**
 * One device of a ResourceSlice: its attributes, capacities, taints, counters and where it is.
 *
 * Limits, wording and order follow Kubernetes 1.36 (`validateDevice` in `pkg/apis/resource/validation`). Lists
 * of attribute values and mappings to a node's own resources are off by default there, and dropped here.
 */
import type { V1CounterSet, V1Device, V1DeviceCounterConsumption } from '@kubernetes/client-node'
import { checkDnsLabel, checkDnsSubdomain } from '../core/field-rules.ts'
import { canonicalQuantity } from '../core/resource-list.ts'
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
import { type CapacityPolicy, checkCapacityPolicy } from './capacity-policy.ts'
import {
  checkAttributeName,
  checkBindingConditions,
  checkDeviceTaint,
  checkEach,
  checkSet,
} from './device-rules.ts'

/** As on the wire, where fields are called `int` and `default`. */
interface Attribute {
  bool?: boolean
  int?: number
  string?: string
  version?: string
}

interface Capacity {
  value: string
  requestPolicy?: CapacityPolicy
}

export type Device = Omit<Wire<V1Device>, 'attributes' | 'capacity'> & {
  attributes?: Record<string, Attribute>
  capacity?: Record<string, Capacity>
}
export type CounterSet = Wire<V1CounterSet>

const ATTRIBUTES_MAX = 32
const ATTRIBUTE_VALUE_MAX = 64
const TAINTS_MAX = 16
const CONSUMPTIONS_MAX = 2
const COUNTERS_MAX = 32

const NUMBER = '(0|[1-9]\\d*)'
const PRERELEASE = '(0|[1-9]\\d*|\\d*[a-zA-Z-][0-9a-zA-Z-]*)'
const BUILD = '[0-9a-zA-Z-]+'
const SEMANTIC_VERSION = new RegExp(
  `^${NUMBER}\\.${NUMBER}\\.${NUMBER}(-${PRERELEASE}(\\.${PRERELEASE})*)?(\\+${BUILD}(\\.${BUILD})*)?$`,
)

/** Amounts as Kubernetes prints them, in place. */
export const canonicalizeDevice = ({ capacity, consumesCounters }: Device): void => {
  for (const each of Object.values(capacity ?? {})) each.value = canonicalQuantity(each.value)
  for (const { counters } of consumesCounters ?? [])
    for (const counter of Object.values(counters ?? {}))
      counter.value = canonicalQuantity(counter.value)
}

/** Takes away, in place, what is off by default. */
export const dropDisabledFields = (device: Device): void => {
  delete device.nodeAllocatableResourceMappings
  for (const attribute of Object.values(device.attributes ?? {}))
    for (const list of ['bools', 'ints', 'strings', 'versions'])
      delete (attribute as Record<string, unknown>)[list]
}

/** `old` is the device of that name as it was; `perDevice`: the slice leaves it to devices where they are. */
export const checkDevice = (
  errors: FieldError[],
  at: string,
  device: Device,
  old: Device | undefined,
  perDevice: boolean,
): void => {
  const { attributes = {}, capacity = {}, taints } = device
  checkDnsLabel(errors, `${at}.name`, device.name ?? '')
  const count = Object.keys(attributes).length + Object.keys(capacity).length
  if (count > ATTRIBUTES_MAX) {
    const why = `the total number of attributes and capacities must not exceed ${ATTRIBUTES_MAX}`
    errors.push(invalidField(at, count, why))
  }
  for (const [name, attribute] of Object.entries(attributes)) {
    checkAttributeName(errors, `${at}.attributes`, name)
    checkAttribute(errors, `${at}.attributes[${name}]`, attribute)
  }
  if (!old || !deepEqual(old.capacity, device.capacity))
    for (const [name, each] of Object.entries(capacity)) {
      checkAttributeName(errors, `${at}.capacity`, name)
      checkCapacity(errors, `${at}.capacity[${name}]`, each, device)
    }
  if (!old || !deepEqual(old.taints, taints))
    checkEach(errors, `${at}.taints`, taints, TAINTS_MAX, (each, taint) =>
      checkDeviceTaint(errors, each, taint),
    )
  checkSet(
    errors,
    `${at}.consumesCounters`,
    device.consumesCounters,
    CONSUMPTIONS_MAX,
    (each, consumption) => checkConsumption(errors, each, consumption),
    ({ counterSet }) => counterSet,
  )
  checkPlace(errors, at, device, perDevice)
  checkBindingConditions(errors, at, device)
}

const checkAttribute = (errors: FieldError[], at: string, attribute: Attribute): void => {
  const { string, version } = attribute
  if (string !== undefined && string.length > ATTRIBUTE_VALUE_MAX)
    errors.push(tooLongField(`${at}.string`, ATTRIBUTE_VALUE_MAX))
  if (version !== undefined) {
    const why = 'must be a string compatible with semver.org spec 2.0.0'
    if (!SEMANTIC_VERSION.test(version)) errors.push(invalidField(`${at}.version`, version, why))
    if (version.length > ATTRIBUTE_VALUE_MAX)
      errors.push(tooLongField(`${at}.version`, ATTRIBUTE_VALUE_MAX))
  }
  const set = [attribute.bool, attribute.int, string, version].filter((each) => each !== undefined)
  const why = 'exactly one value must be specified'
  if (set.length === 0) errors.push(invalidField(at, '', why))
  else if (set.length > 1) errors.push(invalidField(at, attribute, why))
}

/** Only a device that several claims may share is given out in parts. */
const checkCapacity = (
  errors: FieldError[],
  at: string,
  { value, requestPolicy }: Capacity,
  { allowMultipleAllocations }: Device,
): void => {
  if (!requestPolicy) return
  const path = `${at}.requestPolicy`
  if (allowMultipleAllocations) checkCapacityPolicy(errors, path, requestPolicy, value)
  else errors.push(forbiddenField(path, 'allowMultipleAllocations must be true'))
}

const checkConsumption = (
  errors: FieldError[],
  at: string,
  { counterSet = '', counters = {} }: Wire<V1DeviceCounterConsumption>,
): void => {
  if (counterSet) checkDnsLabel(errors, `${at}.counterSet`, counterSet)
  else errors.push(requiredField(`${at}.counterSet`))
  checkCounters(errors, `${at}.counters`, counters)
}

export const checkCounterSet = (
  errors: FieldError[],
  at: string,
  { name = '', counters = {} }: CounterSet,
): void => {
  if (name) checkDnsLabel(errors, `${at}.name`, name)
  else errors.push(requiredField(`${at}.name`))
  checkCounters(errors, `${at}.counters`, counters)
}

const checkCounters = (errors: FieldError[], path: string, counters: object): void => {
  const names = Object.keys(counters)
  if (names.length === 0) errors.push(requiredField(path))
  else if (names.length > COUNTERS_MAX) errors.push(tooManyField(path, names.length, COUNTERS_MAX))
  else for (const name of names) checkDnsLabel(errors, path, name)
}

const checkPlace = (errors: FieldError[], at: string, device: Device, perDevice: boolean): void => {
  const { nodeName, nodeSelector, allNodes } = device
  if (!perDevice) {
    const isPlaced = nodeName !== undefined || nodeSelector !== undefined || allNodes !== undefined
    const why =
      '`nodeName`, `nodeSelector` and `allNodes` can only be set if `perDeviceNodeSelection` is set to true in the ResourceSlice spec'
    if (isPlaced) errors.push(invalidField(at, null, why))
    return
  }
  const set: string[] = []
  if (nodeName) {
    set.push('`nodeName`')
    checkDnsSubdomain(errors, `${at}.nodeName`, nodeName)
  } else if (nodeName !== undefined)
    errors.push(invalidField(`${at}.nodeName`, nodeName, 'must not be empty'))
  if (nodeSelector) {
    set.push('`nodeSelector`')
    checkNodeSelector(errors, `${at}.nodeSelector`, nodeSelector)
  }
  if (allNodes) set.push('`allNodes`')
  else if (allNodes !== undefined)
    errors.push(invalidField(`${at}.allNodes`, allNodes, 'must be either unset or set to true'))
  const rule =
    'exactly one of `nodeName`, `nodeSelector`, or `allNodes` is required when `perDeviceNodeSelection` is set to true in the ResourceSlice spec'
  if (set.length === 0) errors.push(requiredField(at, rule))
  else if (set.length > 1) errors.push(invalidField(at, `{${set.join(', ')}}`, rule))
}
