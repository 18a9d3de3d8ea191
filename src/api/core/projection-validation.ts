/**
 * Validation of volumes made of files that the cluster's objects hold: keys of a Secret or ConfigMap, facts
 * about the pod, tokens, and several of these in one folder.
 *
 * Wording follows Kubernetes 1.36 (`validateProjectedVolumeSource` and what it uses). Projections that are off
 * by default have been dropped before.
 */
import type {
  V1ConfigMapVolumeSource,
  V1DownwardAPIVolumeFile,
  V1DownwardAPIVolumeSource,
  V1KeyToPath,
  V1ProjectedVolumeSource,
  V1SecretVolumeSource,
} from '@kubernetes/client-node'
import type { Wire } from '../meta.ts'
import { type FieldError, forbiddenField, invalidField, requiredField } from '../status-error.ts'
import { checkFieldSelector, checkResourceSelector } from './env-validation.ts'
import { checkFileMode, checkProjectedPath } from './field-rules.ts'

const VOLUME_FIELD_PATHS = [
  'metadata.annotations',
  'metadata.labels',
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
]
const MIN_TOKEN_SECONDS = 600
const MAX_TOKEN_SECONDS = 2 ** 32

export const checkSecretVolume = (
  errors: FieldError[],
  at: string,
  { secretName, defaultMode, items }: Wire<V1SecretVolumeSource>,
): void => {
  if (!secretName) errors.push(requiredField(`${at}.secretName`))
  checkFileMode(errors, `${at}.defaultMode`, defaultMode)
  checkItems(errors, `${at}.items`, items)
}

export const checkConfigMapVolume = (
  errors: FieldError[],
  at: string,
  { name, defaultMode, items }: Wire<V1ConfigMapVolumeSource>,
): void => {
  if (!name) errors.push(requiredField(`${at}.name`))
  checkFileMode(errors, `${at}.defaultMode`, defaultMode)
  checkItems(errors, `${at}.items`, items)
}

export const checkDownwardVolume = (
  errors: FieldError[],
  at: string,
  { defaultMode, items }: Wire<V1DownwardAPIVolumeSource>,
): void => {
  checkFileMode(errors, `${at}.defaultMode`, defaultMode)
  for (const file of items ?? []) checkDownwardFile(errors, at, file)
}

const checkItems = (
  errors: FieldError[],
  path: string,
  items: Wire<V1KeyToPath>[] | undefined,
): void => {
  for (const [index, item] of (items ?? []).entries()) {
    const at = `${path}[${index}]`
    if (!item.key) errors.push(requiredField(`${at}.key`))
    if (!item.path) errors.push(requiredField(`${at}.path`))
    checkProjectedPath(errors, `${at}.path`, item.path ?? '')
    checkFileMode(errors, `${at}.mode`, item.mode)
  }
}

const checkDownwardFile = (
  errors: FieldError[],
  at: string,
  file: Wire<V1DownwardAPIVolumeFile>,
): void => {
  if (!file.path) errors.push(requiredField(`${at}.path`))
  checkProjectedPath(errors, `${at}.path`, file.path ?? '')
  if (file.fieldRef) {
    checkFieldSelector(errors, `${at}.fieldRef`, file.fieldRef, VOLUME_FIELD_PATHS)
    if (file.resourceFieldRef) {
      const why = 'fieldRef and resourceFieldRef can not be specified simultaneously'
      errors.push(invalidField(at, 'resource', why))
    }
  } else if (file.resourceFieldRef) {
    checkResourceSelector(errors, `${at}.resourceFieldRef`, file.resourceFieldRef, true)
  } else errors.push(requiredField(at, 'one of fieldRef and resourceFieldRef is required'))
  checkFileMode(errors, `${at}.mode`, file.mode)
}

/** Several sources merged into one folder: no two may write the same file. */
export const checkProjectedVolume = (
  errors: FieldError[],
  at: string,
  { defaultMode, sources }: Wire<V1ProjectedVolumeSource>,
): void => {
  checkFileMode(errors, `${at}.defaultMode`, defaultMode)
  const paths = new Set<string>()
  const claimPath = (path: string | undefined, blame: string) => {
    if (!path) return
    if (paths.has(path)) errors.push(invalidField(at, blame, 'conflicting duplicate paths'))
    paths.add(path)
  }
  for (const [index, source] of (sources ?? []).entries()) {
    const sourcePath = `${at}.sources[${index}]`
    let count = 0
    for (const field of ['secret', 'configMap'] as const) {
      const projection = source[field]
      if (!projection) continue
      count++
      if (!projection.name) errors.push(requiredField(`${sourcePath}.${field}.name`))
      checkItems(errors, `${sourcePath}.${field}.items`, projection.items)
      for (const { path } of projection.items ?? []) claimPath(path, projection.name ?? '')
    }
    if (source.downwardAPI) {
      count++
      for (const file of source.downwardAPI.items ?? []) {
        checkDownwardFile(errors, `${sourcePath}.downwardAPI`, file)
        claimPath(file.path, file.path)
      }
    }
    if (source.serviceAccountToken) {
      count++
      checkTokenProjection(errors, at, sourcePath, source.serviceAccountToken)
    }
    if (count > 1) {
      const why = 'may not specify more than 1 volume type per source'
      errors.push(forbiddenField(sourcePath, why))
    }
  }
}

const checkTokenProjection = (
  errors: FieldError[],
  at: string,
  sourcePath: string,
  token: { expirationSeconds?: number; path: string },
): void => {
  const seconds = token.expirationSeconds ?? 0
  const field = `${sourcePath}.serviceAccountToken.expirationSeconds`
  if (seconds < MIN_TOKEN_SECONDS) {
    errors.push(invalidField(field, seconds, 'may not specify a duration less than 10 minutes'))
  }
  if (seconds > MAX_TOKEN_SECONDS) {
    errors.push(invalidField(field, seconds, 'may not specify a duration larger than 2^32 seconds'))
  }
  if (!token.path) errors.push(requiredField(`${at}.path`))
  else checkProjectedPath(errors, `${at}.path`, token.path)
}
