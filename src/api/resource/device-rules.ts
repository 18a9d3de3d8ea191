/**
 * Small rules about devices that claims, classes and slices share.
 *
 * Limits, wording and order follow Kubernetes 1.36 (`pkg/apis/resource/validation`).
 */
import type {
  V1DeviceClassConfiguration,
  V1DeviceTaint,
  V1DeviceToleration,
} from '@kubernetes/client-node'
import {
  checkCsiDriverName,
  checkDnsSubdomain,
  checkLabelValue,
  checkQualifiedName,
  isOneOf,
} from '../core/field-rules.ts'
import type { Wire } from '../meta.ts'
import { patternMessage } from '../names.ts'
import {
  duplicateField,
  type FieldError,
  invalidField,
  requiredField,
  tooLongField,
  tooManyField,
} from '../status-error.ts'

export type DeviceTaint = Wire<V1DeviceTaint>
export type DeviceToleration = Wire<V1DeviceToleration>
/** A configuration for a driver, without saying for which requests. */
export type DeviceConfiguration = Wire<V1DeviceClassConfiguration>

export const RESOURCE_GROUP = 'resource.k8s.io'
const POOL_NAME_MAX = 253
const ID_MAX = 32
const PARAMETERS_MAX = 10 * 1024
const BINDING_CONDITIONS_MAX = 4
const TAINT_EFFECTS = ['NoExecute', 'NoSchedule', 'None']
const IDENTIFIER = '[A-Za-z_][A-Za-z0-9_]*'
const identifierPattern = new RegExp(`^${IDENTIFIER}$`)

/** Checks every item, unless there are more than `max`. */
export const checkEach = <Item>(
  errors: FieldError[],
  path: string,
  items: readonly Item[] | undefined,
  max: number,
  check: (at: string, item: Item) => void,
): void => {
  if (!items) return
  if (items.length > max) {
    errors.push(tooManyField(path, items.length, max))
    return
  }
  for (const [index, item] of items.entries()) check(`${path}[${index}]`, item)
}

/** As `checkEach`; no two items have the same key. */
export const checkSet = <Item>(
  errors: FieldError[],
  path: string,
  items: readonly Item[] | undefined,
  max: number,
  check: (at: string, item: Item) => void,
  keyOf: (item: Item) => string,
): void => {
  checkEach(errors, path, items, max, check)
  if (!items || items.length > max) return
  const seen = new Set<string>()
  for (const [index, item] of items.entries()) {
    const key = keyOf(item)
    if (seen.has(key)) errors.push(duplicateField(`${path}[${index}]`, key))
    seen.add(key)
  }
}

export const checkPoolName = (errors: FieldError[], path: string, name = ''): void => {
  if (!name) {
    errors.push(requiredField(path))
    return
  }
  if (name.length > POOL_NAME_MAX) errors.push(tooLongField(path, POOL_NAME_MAX))
  for (const part of name.split('/')) checkDnsSubdomain(errors, path, part)
}

/** `[domain/]identifier`. */
export const checkAttributeName = (errors: FieldError[], path: string, name: string): void => {
  const parts = name.split('/')
  const [first = '', second] = parts
  if (parts.length > 2)
    errors.push(invalidField(path, name, 'must not contain more than one slash'))
  else if (second === undefined) checkIdentifier(errors, path, first)
  else {
    if (first) checkCsiDriverName(errors, path, first)
    else errors.push(invalidField(path, '', 'the domain must not be empty'))
    if (second) checkIdentifier(errors, path, second)
    else errors.push(invalidField(path, '', 'the name must not be empty'))
  }
}

export const checkFullAttributeName = (errors: FieldError[], path: string, name: string): void => {
  checkAttributeName(errors, path, name)
  if (name.includes('/')) return
  const why = 'a fully qualified name must be a domain and a name separated by a slash'
  errors.push(invalidField(path, name, why))
}

const checkIdentifier = (errors: FieldError[], path: string, id: string): void => {
  if (id.length > ID_MAX) errors.push(tooLongField(path, ID_MAX))
  if (identifierPattern.test(id)) return
  const rule =
    "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_'"
  const why = patternMessage(rule, IDENTIFIER, 'my_name', 'MY_NAME', 'MyName')
  errors.push(invalidField(path, id, why))
}

const UID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

export const checkUid = (errors: FieldError[], path: string, uid: string): void => {
  if (UID.test(uid)) return
  const why = UID.test(uid.toLowerCase())
    ? 'uid must be in RFC 4122 normalized form, `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx` with lowercase hexadecimal characters'
    : `error validating uid: invalid UUID length: ${uid.length}`
  errors.push(invalidField(path, uid, why))
}

/** `isStored`: it is as it was, so that newer limits do not count. */
export const checkConfiguration = (
  errors: FieldError[],
  at: string,
  { opaque }: DeviceConfiguration,
  isStored = false,
): void => {
  if (!opaque) {
    errors.push(requiredField(`${at}.opaque`))
    return
  }
  checkCsiDriverName(errors, `${at}.opaque.driver`, opaque.driver)
  checkRawObject(errors, `${at}.opaque.parameters`, opaque.parameters, isStored)
}

/** Data of drivers: a JSON object of bounded size. */
export const checkRawObject = (
  errors: FieldError[],
  path: string,
  value: unknown,
  isStored = false,
): void => {
  if (value === undefined || value === null) errors.push(requiredField(path))
  else if (!isStored && Buffer.byteLength(JSON.stringify(value)) > PARAMETERS_MAX)
    errors.push(tooLongField(path, PARAMETERS_MAX))
  else if (typeof value !== 'object' || Array.isArray(value))
    errors.push(invalidField(path, '<value omitted>', 'must be a valid JSON object'))
}

export const applyTolerationDefaults = (tolerations: readonly DeviceToleration[] = []): void => {
  for (const toleration of tolerations) toleration.operator ||= 'Equal'
}

export const checkDeviceToleration = (
  errors: FieldError[],
  at: string,
  { key, operator, value = '', effect }: DeviceToleration,
): void => {
  if (key) checkQualifiedName(errors, `${at}.key`, key)
  if (!operator) errors.push(requiredField(`${at}.operator`))
  else if (operator === 'Exists') {
    if (value)
      errors.push(invalidField(`${at}.value`, value, 'must be empty for operator `Exists`'))
  } else if (operator === 'Equal') checkLabelValue(errors, `${at}.value`, value)
  else isOneOf(errors, `${at}.operator`, operator, ['Equal', 'Exists'])
  if (effect) isOneOf(errors, `${at}.effect`, effect, TAINT_EFFECTS)
}

export const checkDeviceTaint = (
  errors: FieldError[],
  at: string,
  { key = '', value, effect }: DeviceTaint,
): void => {
  checkQualifiedName(errors, `${at}.key`, key)
  if (value) checkLabelValue(errors, `${at}.value`, value)
  if (!effect) errors.push(requiredField(`${at}.effect`))
  else isOneOf(errors, `${at}.effect`, effect, TAINT_EFFECTS)
}

interface Bindable {
  bindingConditions?: string[]
  bindingFailureConditions?: string[]
}

/** Conditions a device waits for before its pod is bound: both kinds or none. */
export const checkBindingConditions = (
  errors: FieldError[],
  at: string,
  { bindingConditions: good = [], bindingFailureConditions: bad = [] }: Bindable,
): void => {
  const names = (path: string, conditions: readonly string[]) =>
    checkEach(errors, path, conditions, BINDING_CONDITIONS_MAX, (each, name) =>
      checkQualifiedName(errors, each, name),
    )
  const goodPath = `${at}.bindingConditions`
  const badPath = `${at}.bindingFailureConditions`
  names(goodPath, good)
  names(badPath, bad)
  for (const [index, name] of good.entries())
    if (good.indexOf(name) < index) errors.push(duplicateField(`${goodPath}[${index}]`, name))
  for (const [index, name] of bad.entries()) {
    if (bad.indexOf(name) < index) errors.push(duplicateField(`${badPath}[${index}]`, name))
    const why = 'bindingFailureConditions must not overlap with bindingConditions'
    if (good.includes(name)) errors.push(invalidField(`${badPath}[${index}]`, name, why))
  }
  const both = (one: string, other: string) => `${one} are required to use ${other}`
  if (good.length === 0 && bad.length > 0)
    errors.push(invalidField(goodPath, good, both('bindingConditions', 'bindingFailureConditions')))
  if (bad.length === 0 && good.length > 0)
    errors.push(invalidField(badPath, bad, both('bindingFailureConditions', 'bindingConditions')))
}
