/**
 * Small rules many kinds share, each pushing field errors at a path: names, ports, addresses,
 * labels.
 *
 * The rules for texts are in `../names.ts`; here they become field errors. Invariant: a valid value
 * allocates nothing that outlives the call and pushes nothing.
 */

import { isIP } from 'node:net'
import type { V1LabelSelector } from '@kubernetes/client-node'
import { deepEqual } from '../equality.ts'
import { internalValue } from '../internal-struct.ts'
import { addressErrors, hasHostBits, isSloppyAddress, isSloppyCidr, MAPPED } from '../ip-network.ts'
import {
  configKeyErrors,
  dns1123LabelErrors,
  dns1123SubdomainErrors,
  envVarNameErrors,
  labelValueErrors,
  type NameRule,
  pathSegmentErrors,
  portNameErrors,
  portNumberErrors,
  qualifiedNameErrors,
  rangeMessage,
} from '../names.ts'
import { validateLabels } from '../object-meta.ts'
import { milliValue } from '../quantity.ts'
import {
  type FieldError,
  forbiddenField,
  invalidField,
  requiredField,
  tooLongField,
  unsupportedField,
} from '../status-error.ts'

/** Protocols of ports, as messages list them. */
export const PROTOCOLS = ['SCTP', 'TCP', 'UDP']
export const FIELD_IMMUTABLE = 'field is immutable'
export const MAX_INT32 = 2 ** 31 - 1

type Check<Value> = (errors: FieldError[], path: string, value: Value) => void

const textCheck =
  (rule: NameRule): Check<string> =>
  (errors, path, value) => {
    for (const fault of rule(value)) errors.push(invalidField(path, value, fault))
  }

export const portNameFaults = portNameErrors
export const checkDnsLabel = textCheck(dns1123LabelErrors)
export const checkDnsSubdomain = textCheck(dns1123SubdomainErrors)
export const checkQualifiedName = textCheck(qualifiedNameErrors)
export const checkLabelValue = textCheck(labelValueErrors)
export const checkConfigMapKey = textCheck(configKeyErrors)
export const checkEnvVarName = textCheck(envVarNameErrors)

export const checkPortNumber: Check<number> = (errors, path, port) => {
  for (const fault of portNumberErrors(port)) errors.push(invalidField(path, port, fault))
}

/** A port given by number or by name. */
export const checkPort: Check<number | string | undefined> = (errors, path, port = 0) => {
  if (typeof port === 'number') checkPortNumber(errors, path, port)
  else for (const fault of portNameErrors(port)) errors.push(invalidField(path, port, fault))
}

export const checkNonNegative: Check<number | undefined> = (errors, path, value = 0) => {
  if (value < 0) errors.push(invalidField(path, value, 'must be greater than or equal to 0'))
}

export const checkPositive: Check<number | undefined> = (errors, path, value = 0) => {
  if (value <= 0) errors.push(invalidField(path, value, 'must be greater than zero'))
}

/** An amount that is no quantity is refused when it is decoded; it may not be negative. */
export const checkNonNegativeQuantity: Check<string | undefined> = (errors, path, amount) => {
  if (amount === undefined || milliValue(amount) >= 0) return
  errors.push(invalidField(path, amount, 'must be greater than or equal to 0'))
}

export const checkPositiveQuantity: Check<string> = (errors, path, amount) => {
  if (milliValue(amount) <= 0) errors.push(invalidField(path, amount, 'must be greater than zero'))
}

/** A value that may not change after creation. `type`: the struct that it is in Kubernetes, for its message. */
export const checkUnchanged = (
  errors: FieldError[],
  path: string,
  value: unknown,
  old: unknown,
  type?: string,
): void => {
  if (deepEqual(value, old)) return
  const shown = type === undefined ? (value ?? null) : internalValue(type, value)
  errors.push(invalidField(path, shown, FIELD_IMMUTABLE))
}

/** A name that becomes one segment of a URL's path. */
export const checkPathSegment = textCheck(pathSegmentErrors)

const CSI_DRIVER_NAME_MAX = 63

export const checkCsiDriverName: Check<string | undefined> = (errors, path, name = '') => {
  if (!name) {
    errors.push(requiredField(path))
    return
  }
  if (name.length > CSI_DRIVER_NAME_MAX) errors.push(tooLongField(path, CSI_DRIVER_NAME_MAX))
  for (const fault of dns1123SubdomainErrors(name.toLowerCase())) {
    errors.push(invalidField(path, name, fault))
  }
}

/** A numeric user or group. */
export const checkNumericId: Check<number | undefined> = (errors, path, id) => {
  if (id === undefined || (id >= 0 && id <= MAX_INT32)) return
  errors.push(invalidField(path, id, rangeMessage(0, MAX_INT32)))
}

/** `value` must be among `supported`, which the message lists in the given order. */
export const isOneOf = (
  errors: FieldError[],
  path: string,
  value: string,
  supported: readonly string[],
): void => {
  if (!supported.includes(value)) errors.push(unsupportedField(path, value, supported))
}

export const checkFileMode: Check<number | undefined> = (errors, path, mode) => {
  if (mode == null || (mode >= 0 && mode <= 0o777)) return
  errors.push(
    invalidField(path, mode, 'must be a number between 0 and 0777 (octal), both inclusive'),
  )
}

export const checkNoBacksteps: Check<string> = (errors, path, target) => {
  if (target.includes('..') && target.split('/').includes('..')) {
    errors.push(invalidField(path, target, "must not contain '..'"))
  }
}

export const checkRelativePath: Check<string> = (errors, path, target) => {
  if (target.startsWith('/')) errors.push(invalidField(path, target, 'must be a relative path'))
  checkNoBacksteps(errors, path, target)
}

/**
 * A relative path that does not collide with the `..data` links of an atomically written volume.
 */
export const checkProjectedPath: Check<string> = (errors, path, target) => {
  checkRelativePath(errors, path, target)
  if (target.startsWith('..') && !target.startsWith('../')) {
    errors.push(invalidField(path, target, "must not start with '..'"))
  }
}

/** Labels as a selector or a template carries them: every fault stands at the map's own path. */
export const checkLabels: Check<{ [key: string]: string } | undefined> = (errors, path, labels) => {
  if (labels) errors.push(...validateLabels(labels, path))
}

export const checkLabelSelector: Check<V1LabelSelector | undefined> = (errors, path, selector) => {
  if (!selector) return
  checkLabels(errors, `${path}.matchLabels`, selector.matchLabels)
  for (const [index, { key, operator, values }] of (selector.matchExpressions ?? []).entries()) {
    const at = `${path}.matchExpressions[${index}]`
    checkOperatorValues(errors, at, operator, values)
    checkQualifiedName(errors, `${at}.key`, key)
    for (const [position, value] of (values ?? []).entries()) {
      checkLabelValue(errors, `${at}.values[${position}]`, value)
    }
  }
}

const checkOperatorValues = (
  errors: FieldError[],
  at: string,
  operator: string,
  values: readonly string[] | undefined,
): void => {
  const count = values?.length ?? 0
  if (operator === 'In' || operator === 'NotIn') {
    if (count > 0) return
    errors.push(
      requiredField(`${at}.values`, "must be specified when `operator` is 'In' or 'NotIn'"),
    )
  } else if (operator === 'Exists' || operator === 'DoesNotExist') {
    if (count === 0) return
    const why = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
    errors.push(forbiddenField(`${at}.values`, why))
  } else errors.push(invalidField(`${at}.operator`, operator, 'not a valid selector operator'))
}

/** An address; `known` are values that stand in the old object and are let through. */
export const checkIp = (
  errors: FieldError[],
  path: string,
  value: string,
  known: readonly string[] = [],
): void => {
  if (known.includes(value)) return
  for (const fault of addressErrors(value)) errors.push(invalidField(path, value, fault))
}

/** Whether an address is IPv6; it must have passed `checkIp`. */
export const isIPv6Text = (value: string): boolean => value.includes(':')

export const checkCidr = (
  errors: FieldError[],
  path: string,
  value: string,
  known: readonly string[] = [],
): void => {
  if (known.includes(value)) return
  if (!isSloppyCidr(value)) {
    const why = 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)'
    errors.push(invalidField(path, value, why))
    return
  }
  const [address = '', length = ''] = value.split('/')
  if (isIP(address) === 0 || (length.length > 1 && length.startsWith('0'))) {
    errors.push(invalidField(path, value, 'must not have leading 0s in IP or prefix length'))
  } else if (MAPPED.test(address)) {
    errors.push(invalidField(path, value, 'must not have an IPv4-mapped IPv6 address'))
  } else if (hasHostBits(value)) {
    errors.push(invalidField(path, value, 'must not have bits set beyond the prefix length'))
  }
}

/** An address traffic may be sent to: no unspecified, loopback or link-local one. */
export const checkEndpointIp: Check<string> = (errors, path, value) => {
  if (!isSloppyAddress(value)) {
    errors.push(invalidField(path, value, 'must be a valid IP address'))
    return
  }
  const lower = value.toLowerCase()
  if (lower === '0.0.0.0' || lower === '::') {
    errors.push(invalidField(path, value, `may not be unspecified (${value})`))
  }
  if (lower.startsWith('127.') || lower === '::1') {
    const why = 'may not be in the loopback range (127.0.0.0/8, ::1/128)'
    errors.push(invalidField(path, value, why))
  }
  if (lower.startsWith('169.254.') || /^fe[89ab]/.test(lower)) {
    const why = 'may not be in the link-local range (169.254.0.0/16, fe80::/10)'
    errors.push(invalidField(path, value, why))
  }
  if (lower.startsWith('224.0.0.') || lower.startsWith('ff02:')) {
    const why = 'may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)'
    errors.push(invalidField(path, value, why))
  }
}
