/**
 * LimitRange: bounds and defaults for what single objects of a namespace may ask for.
 *
 * Order and wording follow Kubernetes 1.36 (`ValidateLimitRange`). Applying it to pods is an admission's task.
 */
import type { V1LimitRange } from '@kubernetes/client-node'
import { newUid } from '../../std/ids.ts'
import { defineKind } from '../kind.ts'
import type { WireObject } from '../meta.ts'
import { qualifiedNameErrors } from '../names.ts'
import { milliValue, value } from '../quantity.ts'
import {
  duplicateField,
  type FieldError,
  forbiddenField,
  invalidField,
  requiredField,
} from '../status-error.ts'
import { createdAtColumn, nameColumn } from './columns.ts'
import {
  canonicalizeQuantities,
  compareAmounts,
  isOvercommitAllowed,
  type ResourceList,
} from './resource-list.ts'
import { checkContainerResourceName, checkResourceName } from './resource-validation.ts'

/** The client package writes `default` otherwise: it is a word of the language. */
interface Item {
  type: string
  max?: ResourceList
  min?: ResourceList
  default?: ResourceList
  defaultRequest?: ResourceList
  maxLimitRequestRatio?: ResourceList
}

export type LimitRange = Omit<WireObject<V1LimitRange>, 'spec'> & { spec?: { limits: Item[] } }

const STANDARD_TYPES = new Set(['Pod', 'Container', 'PersistentVolumeClaim'])
const LISTS = ['max', 'min', 'default', 'defaultRequest', 'maxLimitRequestRatio'] as const

const applyDefaults = (limitRange: LimitRange): void => {
  for (const item of limitRange.spec?.limits ?? []) {
    for (const list of LISTS) if (item[list]) canonicalizeQuantities(item[list])
    if (item.type !== 'Container') continue
    const limits = { ...item.max, ...item.default }
    const requests = { ...item.min, ...limits, ...item.defaultRequest }
    if (Object.keys(limits).length > 0) item.default = limits
    if (Object.keys(requests).length > 0) item.defaultRequest = requests
  }
}

const validate = ({ spec }: LimitRange): FieldError[] => {
  const errors: FieldError[] = []
  const types = new Set<string>()
  for (const [index, item] of (spec?.limits ?? []).entries()) {
    const at = `spec.limits[${index}]`
    checkType(errors, `${at}.type`, item.type ?? '')
    if (types.has(item.type)) errors.push(duplicateField(`${at}.type`, item.type))
    types.add(item.type)
    checkNames(errors, at, item)
    const names = new Set(LISTS.flatMap((list) => Object.keys(item[list] ?? {})))
    for (const name of names) checkAmounts(errors, at, name, item)
  }
  return errors
}

const checkType = (errors: FieldError[], path: string, type: string): void => {
  const faults = qualifiedNameErrors(type)
  for (const fault of faults) errors.push(invalidField(path, type, fault))
  if (faults.length > 0 || type.includes('/') || STANDARD_TYPES.has(type)) return
  errors.push(invalidField(path, type, 'must be a standard limit type or fully qualified'))
}

const checkNames = (errors: FieldError[], at: string, item: Item): void => {
  const isCompute = item.type === 'Pod' || item.type === 'Container'
  const checkName = isCompute ? checkContainerResourceName : checkResourceName
  const check = (list: (typeof LISTS)[number]) => {
    for (const name in item[list]) checkName(errors, `${at}.${list}[${name}]`, name)
  }
  check('max')
  check('min')
  for (const list of ['default', 'defaultRequest'] as const) {
    if (item.type !== 'Pod') check(list)
    else if (item[list]) {
      errors.push(forbiddenField(`${at}.${list}`, "may not be specified when `type` is 'Pod'"))
    }
  }
  const isBounded = item.min?.['storage'] !== undefined || item.max?.['storage'] !== undefined
  if (item.type === 'PersistentVolumeClaim' && !isBounded) {
    const why = 'either minimum or maximum storage value is required, but neither was provided'
    errors.push(requiredField(`${at}.limits`, why))
  }
  check('maxLimitRequestRatio')
}

/** `one` is given, `other` is given, and `one` is more. */
const exceeds = (one: string | undefined, other: string | undefined): boolean =>
  one !== undefined && other !== undefined && compareAmounts(one, other) > 0

const checkAmounts = (errors: FieldError[], at: string, name: string, item: Item): void => {
  const min = item.min?.[name]
  const max = item.max?.[name]
  const isPod = item.type === 'Pod'
  const limit = isPod ? undefined : item.default?.[name]
  const request = isPod ? undefined : item.defaultRequest?.[name]
  const refuse = (list: string, amount: string | undefined, why: string) =>
    errors.push(invalidField(`${at}.${list}[${name}]`, amount, why))
  if (exceeds(min, max)) refuse('min', min, `min value ${min} is greater than max value ${max}`)
  if (exceeds(min, request)) {
    const why = `min value ${min} is greater than default request value ${request}`
    refuse('defaultRequest', request, why)
  }
  if (exceeds(request, max)) {
    const why = `default request value ${request} is greater than max value ${max}`
    refuse('defaultRequest', request, why)
  }
  if (exceeds(request, limit)) {
    const why = `default request value ${request} is greater than default limit value ${limit}`
    refuse('defaultRequest', request, why)
  }
  if (exceeds(min, limit)) {
    refuse('default', min, `min value ${min} is greater than default value ${limit}`)
  }
  if (exceeds(limit, max)) {
    refuse('default', max, `default value ${limit} is greater than max value ${max}`)
  }
  checkRatio(refuse, item.maxLimitRequestRatio?.[name], min, max)
  if (isOvercommitAllowed(name) || limit === undefined || request === undefined) return
  if (compareAmounts(limit, request) === 0) return
  const why = `default value ${limit} must equal to defaultRequest value ${request} in ${name}`
  refuse('defaultRequest', request, why)
}

const LARGEST_MILLI = 2 ** 63 / 1000

const checkRatio = (
  refuse: (list: string, amount: string | undefined, why: string) => void,
  ratio: string | undefined,
  min: string | undefined,
  max: string | undefined,
): void => {
  if (ratio === undefined) return
  if (milliValue(ratio) < 1000) {
    refuse('maxLimitRequestRatio', ratio, `ratio ${ratio} is less than 1`)
  }
  if (min === undefined || max === undefined) return
  const isSmall = [ratio, min, max].every((amount) => value(amount) < LARGEST_MILLI)
  const most = isSmall ? milliValue(max) / milliValue(min) : value(max) / value(min)
  const given = isSmall ? milliValue(ratio) / 1000 : value(ratio)
  if (given <= most) return
  const why = `ratio ${ratio} is greater than max/min = ${most.toFixed(6)}`
  refuse('maxLimitRequestRatio', ratio, why)
}

export const LimitRange = defineKind<LimitRange>({
  group: '',
  version: 'v1',
  kind: 'LimitRange',
  plural: 'limitranges',
  singular: 'limitrange',
  shortNames: ['limits'],
  namespaced: true,
  model: 'V1LimitRange',
  applyDefaults,
  // Kubernetes names one that has no name.
  prepareForCreate: ({ metadata }) => {
    metadata.name ||= newUid()
  },
  validate,
  columns: [nameColumn, createdAtColumn],
})
