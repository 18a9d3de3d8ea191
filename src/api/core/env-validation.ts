/**
 * Validation of a container's environment: `env`, `envFrom` and the selectors behind `valueFrom`.
 *
 * The selectors are shared with downward-API volumes. Wording follows Kubernetes 1.36
 * (`ValidateEnv`, `ValidateEnvFrom`); it does not look whether a ConfigMap or a Secret exists.
 */
import type {
  V1EnvFromSource,
  V1EnvVar,
  V1EnvVarSource,
  V1ObjectFieldSelector,
  V1ResourceFieldSelector,
} from '@kubernetes/client-node'
import type { Wire } from '../meta.ts'
import { type FieldError, invalidField, requiredField, unsupportedField } from '../status-error.ts'
import {
  checkConfigMapKey,
  checkDnsLabel,
  checkDnsSubdomain,
  checkEnvVarName,
  checkNoBacksteps,
  checkQualifiedName,
} from './field-rules.ts'
import { canonicalQuantity } from './resource-list.ts'

const ENV_FIELD_PATHS = [
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
  'spec.nodeName',
  'spec.serviceAccountName',
  'status.hostIP',
  'status.hostIPs',
  'status.podIP',
  'status.podIPs',
]
const RESOURCE_FIELDS = [
  'limits.cpu',
  'limits.ephemeral-storage',
  'limits.memory',
  'requests.cpu',
  'requests.ephemeral-storage',
  'requests.memory',
]
/** Every path the downward API can read anywhere; others cannot be converted at all. */
const CONVERTIBLE_PATHS = new Set([
  ...ENV_FIELD_PATHS,
  'metadata.annotations',
  'metadata.labels',
  'spec.restartPolicy',
  'spec.schedulerName',
  'status.phase',
])
const HUGEPAGES = /^(?:requests|limits)\.hugepages-/
const SUBSCRIPT = /^(.*)\['(.*)'\]$/
const CPU_DIVISORS = new Set(['1m', '1'])
const BYTE_DIVISORS = new Set('1 1k 1M 1G 1T 1P 1E 1Ki 1Mi 1Gi 1Ti 1Pi 1Ei'.split(' '))

export const checkEnv = (
  errors: FieldError[],
  path: string,
  env: Wire<V1EnvVar>[] | undefined,
): void => {
  if (!env) return
  for (let index = 0; index < env.length; index++) {
    const variable = env[index]!
    if (!variable.name) errors.push(requiredField(`${path}[${index}].name`))
    else checkEnvVarName(errors, `${path}[${index}].name`, variable.name)
    if (variable.valueFrom) {
      checkValueFrom(errors, `${path}[${index}].valueFrom`, variable.valueFrom, variable.value)
    }
  }
}

const checkValueFrom = (
  errors: FieldError[],
  path: string,
  source: Wire<V1EnvVarSource>,
  value: string | undefined,
): void => {
  let sources = 0
  if (source.fieldRef) {
    sources++
    checkFieldSelector(errors, `${path}.fieldRef`, source.fieldRef, ENV_FIELD_PATHS)
  }
  if (source.resourceFieldRef) {
    sources++
    checkResourceSelector(errors, `${path}.resourceFieldRef`, source.resourceFieldRef, false)
  }
  for (const field of ['configMapKeyRef', 'secretKeyRef'] as const) {
    const selector = source[field]
    if (!selector) continue
    sources++
    checkDnsSubdomain(errors, `${path}.${field}.name`, selector.name ?? '')
    if (!selector.key) errors.push(requiredField(`${path}.${field}.key`))
    else checkConfigMapKey(errors, `${path}.${field}.key`, selector.key)
  }
  if (source.fileKeyRef) {
    sources++
    checkFileKey(errors, `${path}.fileKeyRef`, source.fileKeyRef)
  }
  if (sources === 0) {
    const kinds =
      '`fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`'
    errors.push(invalidField(path, '', `must specify one of: ${kinds}`))
  } else if (value) {
    errors.push(invalidField(path, '', 'may not be specified when `value` is not empty'))
  } else if (sources > 1) {
    errors.push(invalidField(path, '', 'may not have more than one field specified at a time'))
  }
}

const checkFileKey = (
  errors: FieldError[],
  path: string,
  selector: NonNullable<Wire<V1EnvVarSource>['fileKeyRef']>,
): void => {
  if (!selector.key) errors.push(requiredField(`${path}.key`))
  else checkEnvVarName(errors, `${path}.key`, selector.key)
  if (!selector.volumeName) errors.push(requiredField(`${path}.volumeName`))
  else checkDnsLabel(errors, `${path}.volumeName`, selector.volumeName)
  if (!selector.path) errors.push(requiredField(`${path}.path`))
  else checkNoBacksteps(errors, `${path}.path`, selector.path)
}

export const checkEnvFrom = (
  errors: FieldError[],
  path: string,
  sources: Wire<V1EnvFromSource>[] | undefined,
): void => {
  for (const [index, source] of (sources ?? []).entries()) {
    const at = `${path}[${index}]`
    if (source.prefix) checkEnvVarName(errors, `${at}.prefix`, source.prefix)
    let count = 0
    for (const field of ['configMapRef', 'secretRef'] as const) {
      const reference = source[field]
      if (!reference) continue
      count++
      if (!reference.name) errors.push(requiredField(`${at}.${field}.name`))
      else checkDnsSubdomain(errors, `${at}.${field}.name`, reference.name)
    }
    if (count === 0) {
      errors.push(invalidField(path, '', 'must specify one of: `configMapRef` or `secretRef`'))
    } else if (count > 1) {
      errors.push(invalidField(path, '', 'may not have more than one field specified at a time'))
    }
  }
}

/** A downward-API field; `supported` is sorted, as the message shows it. */
export const checkFieldSelector = (
  errors: FieldError[],
  path: string,
  { apiVersion, fieldPath }: Wire<V1ObjectFieldSelector>,
  supported: readonly string[],
): void => {
  if (!apiVersion) {
    errors.push(requiredField(`${path}.apiVersion`))
    return
  }
  if (!fieldPath) {
    errors.push(requiredField(`${path}.fieldPath`))
    return
  }
  const [, subscripted, subscript] = SUBSCRIPT.exec(fieldPath) ?? []
  const convertible = subscripted
    ? subscripted === 'metadata.annotations' || subscripted === 'metadata.labels'
    : CONVERTIBLE_PATHS.has(fieldPath)
  if (apiVersion !== 'v1' || !convertible) {
    const why =
      apiVersion !== 'v1'
        ? `unsupported pod version: ${apiVersion}`
        : subscripted
          ? `field label does not support subscript: ${fieldPath}`
          : `field label not supported: ${fieldPath}`
    errors.push(invalidField(`${path}.fieldPath`, fieldPath, `error converting fieldPath: ${why}`))
  } else if (subscripted) {
    const name = subscripted === 'metadata.annotations' ? subscript!.toLowerCase() : subscript!
    checkQualifiedName(errors, path, name)
  } else if (!supported.includes(fieldPath)) {
    errors.push(unsupportedField(`${path}.fieldPath`, fieldPath, supported))
  }
}

/** A downward-API resource; a volume must say which container's. */
export const checkResourceSelector = (
  errors: FieldError[],
  path: string,
  selector: Wire<V1ResourceFieldSelector>,
  inVolume: boolean,
): void => {
  const { resource, containerName } = selector
  if (inVolume && !containerName) errors.push(requiredField(`${path}.containerName`))
  else if (!resource) errors.push(requiredField(`${path}.resource`))
  else if (!RESOURCE_FIELDS.includes(resource) && !HUGEPAGES.test(resource)) {
    errors.push(unsupportedField(`${path}.resource`, resource, RESOURCE_FIELDS))
  }
  const divisor = canonicalQuantity(selector.divisor ?? '0')
  if (divisor === '0' || !resource) return
  const allowed = resource.endsWith('.cpu') ? CPU_DIVISORS : BYTE_DIVISORS
  if (allowed.has(divisor)) return
  const what = resource.endsWith('.cpu')
    ? 'values 1m and 1 are supported with the cpu resource'
    : `values ${[...BYTE_DIVISORS].join(', ')} are supported with the ${byteResource(resource)} resource`
  errors.push(invalidField(`${path}.divisor`, resource, `only divisor's ${what}`))
}

const byteResource = (resource: string): string => {
  if (HUGEPAGES.test(resource)) return 'hugepages'
  return resource.endsWith('.memory') ? 'memory' : 'local ephemeral storage'
}
