/**
 * ResourceSlice: devices of one driver that a node, some nodes or all nodes can use.
 *
 * Drivers write it; driver, pool and node never change. Limits, wording and order follow Kubernetes 1.36
 * (`pkg/apis/resource/validation`).
 */
import type { V1ResourceSlice } from '@kubernetes/client-node'
import { timestamp } from '../../std/clock.ts'
import { ageColumn, column, nameColumn } from '../core/columns.ts'
import { checkCsiDriverName, checkDnsSubdomain, FIELD_IMMUTABLE } from '../core/field-rules.ts'
import { canonicalQuantity } from '../core/resource-list.ts'
import { checkNodeSelector } from '../core/scheduling-validation.ts'
import { defineKind, type StrategyContext } from '../kind.ts'
import type { WireObject } from '../meta.ts'
import { type FieldError, invalidField, requiredField } from '../status-error.ts'
import {
  canonicalizeDevice,
  checkCounterSet,
  checkDevice,
  type Device,
  dropDisabledFields,
} from './device.ts'
import { checkPoolName, checkSet, RESOURCE_GROUP } from './device-rules.ts'

export type ResourceSlice = WireObject<V1ResourceSlice>

type Spec = NonNullable<ResourceSlice['spec']>

const DEVICES_MAX = 128
/** With taints or counters devices are larger. */
const LARGE_DEVICES_MAX = 64
const COUNTER_SETS_MAX = 8

/** Client models name some fields of a device differently; on the wire it is a `Device`. */
const devicesOf = (spec: Spec | undefined): Device[] | undefined =>
  spec?.devices as unknown as Device[] | undefined

const applyDefaults = ({ spec }: ResourceSlice): void => {
  for (const device of devicesOf(spec) ?? []) canonicalizeDevice(device)
  for (const { counters } of spec?.sharedCounters ?? [])
    for (const counter of Object.values(counters ?? {}))
      counter.value = canonicalQuantity(counter.value)
}

const prepare = ({ spec }: ResourceSlice, { now }: StrategyContext): void => {
  for (const device of devicesOf(spec) ?? []) {
    dropDisabledFields(device)
    for (const taint of device.taints ?? []) taint.timeAdded ||= timestamp(now)
  }
}

const validate = (slice: ResourceSlice, old?: ResourceSlice): FieldError[] => {
  const errors: FieldError[] = []
  const spec = slice.spec ?? ({} as Spec)
  checkIdentity(errors, spec, old?.spec)
  checkPlace(errors, spec)
  if (spec.sharedCounters && spec.devices) {
    const why = 'only one of `sharedCounters` or `devices` is allowed'
    errors.push(invalidField('spec', '', why))
  }
  const devices = devicesOf(spec)
  const isLarge = devices?.some(
    ({ taints, consumesCounters }) => taints?.length || consumesCounters?.length,
  )
  const before = new Map(devicesOf(old?.spec)?.map((device) => [device.name, device]))
  checkSet(
    errors,
    'spec.devices',
    devices,
    isLarge ? LARGE_DEVICES_MAX : DEVICES_MAX,
    (at, device) =>
      checkDevice(
        errors,
        at,
        device,
        before.get(device.name),
        spec.perDeviceNodeSelection === true,
      ),
    ({ name }) => name,
  )
  checkSet(
    errors,
    'spec.sharedCounters',
    spec.sharedCounters,
    COUNTER_SETS_MAX,
    (at, counterSet) => checkCounterSet(errors, at, counterSet),
    ({ name }) => name,
  )
  return errors
}

const checkIdentity = (errors: FieldError[], spec: Spec, old: Spec | undefined): void => {
  const { driver, pool, nodeName } = spec
  checkCsiDriverName(errors, 'spec.driver', driver)
  checkPoolName(errors, 'spec.pool.name', pool?.name)
  const slices = pool?.resourceSliceCount ?? 0
  if (slices <= 0)
    errors.push(invalidField('spec.pool.resourceSliceCount', slices, 'must be greater than zero'))
  const generation = pool?.generation ?? 0
  if (generation < 0) {
    const why = 'must be greater than or equal to zero'
    errors.push(invalidField('spec.pool.generation', generation, why))
  }
  if (!old) return
  const keep = (field: string, value: string | undefined, before: string | undefined) => {
    if (value !== before) errors.push(invalidField(`spec.${field}`, value, FIELD_IMMUTABLE))
  }
  keep('pool.name', pool?.name, old.pool?.name)
  keep('driver', driver, old.driver)
  keep('nodeName', nodeName, old.nodeName)
}

const PLACES = '`nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection`'

const checkPlace = (errors: FieldError[], spec: Spec): void => {
  const { nodeName, nodeSelector } = spec
  const set: string[] = []
  if (nodeName) {
    set.push('`nodeName`')
    checkDnsSubdomain(errors, 'spec.nodeName', nodeName)
  } else if (nodeName !== undefined) {
    const why = 'must be either unset or set to a non-empty string'
    errors.push(invalidField('spec.nodeName', nodeName, why))
  }
  if (nodeSelector) {
    set.push('`nodeSelector`')
    checkNodeSelector(errors, 'spec.nodeSelector', nodeSelector)
    const terms = nodeSelector.nodeSelectorTerms ?? []
    if (terms.length !== 1) {
      const why = 'must have exactly one node selector term'
      errors.push(invalidField('spec.nodeSelector.nodeSelectorTerms', terms, why))
    }
  }
  for (const field of ['allNodes', 'perDeviceNodeSelection'] as const)
    if (spec[field]) set.push(`\`${field}\``)
    else if (spec[field] !== undefined)
      errors.push(invalidField(`spec.${field}`, spec[field], 'must be either unset or set to true'))
  const rule = `exactly one of ${PLACES} is required`
  if (set.length === 0) errors.push(requiredField('spec', rule))
  else if (set.length > 1)
    errors.push(invalidField('spec', `{${set.join(', ')}}`, `${rule}, but multiple fields are set`))
}

export const ResourceSlice = defineKind<ResourceSlice>({
  group: RESOURCE_GROUP,
  version: 'v1',
  kind: 'ResourceSlice',
  plural: 'resourceslices',
  singular: 'resourceslice',
  namespaced: false,
  model: 'V1ResourceSlice',
  tracksGeneration: true,
  applyDefaults,
  prepareForCreate: prepare,
  prepareForUpdate: (slice, _, context) => prepare(slice, context),
  validate,
  selectableFields: {
    'spec.nodeName': ({ spec }) => spec?.nodeName ?? '',
    'spec.driver': ({ spec }) => spec?.driver ?? '',
  },
  columns: [
    nameColumn,
    column('Node', 'The node its devices are at.', ({ spec }) => spec?.nodeName ?? ''),
    column('Driver', 'Who manages the devices.', ({ spec }) => spec?.driver ?? ''),
    column('Pool', 'What they are part of.', ({ spec }) => spec?.pool?.name ?? ''),
    ageColumn,
  ],
})
