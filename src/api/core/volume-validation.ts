/**
 * Validation of a pod's volumes: unique names, exactly one source, and each source this system mounts.
 *
 * Wording follows Kubernetes 1.36 (`ValidateVolumes`). Sources that need a cloud or a storage system are
 * checked for being the only one and stored as given.
 */
import type {
  V1DownwardAPIVolumeFile,
  V1HostPathVolumeSource,
  V1KeyToPath,
  V1ProjectedVolumeSource,
} from '@kubernetes/client-node'
import type { Wire } from '../meta.ts'
import {
  duplicateField,
  type FieldError,
  forbiddenField,
  invalidField,
  requiredField,
} from '../status-error.ts'
import { checkFieldSelector, checkResourceSelector } from './env-validation.ts'
import {
  checkDnsLabel,
  checkFileMode,
  checkNoBacksteps,
  checkProjectedPath,
  isOneOf,
} from './field-rules.ts'
import type { Volume } from './pod-spec-defaults.ts'
import { isKnownQuantity } from './resource-list.ts'

const VOLUME_FIELD_PATHS = [
  'metadata.annotations',
  'metadata.labels',
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
]
const HOST_PATH_TYPES = [
  '',
  'BlockDevice',
  'CharDevice',
  'Directory',
  'DirectoryOrCreate',
  'File',
  'FileOrCreate',
  'Socket',
]
const MIN_TOKEN_SECONDS = 600
const MAX_TOKEN_SECONDS = 2 ** 32

/** In the order Kubernetes looks at them: the first counts, a further one is reported. */
const SOURCES = [
  'emptyDir',
  'hostPath',
  'gitRepo',
  'gcePersistentDisk',
  'awsElasticBlockStore',
  'secret',
  'nfs',
  'iscsi',
  'glusterfs',
  'flocker',
  'persistentVolumeClaim',
  'rbd',
  'cinder',
  'cephfs',
  'quobyte',
  'downwardAPI',
  'fc',
  'flexVolume',
  'configMap',
  'azureFile',
  'vsphereVolume',
  'photonPersistentDisk',
  'portworxVolume',
  'azureDisk',
  'storageos',
  'projected',
  'scaleIO',
  'csi',
  'ephemeral',
  'image',
] as const

/** Returns the valid volumes by name: what mounts may refer to. */
export const checkVolumes = (
  errors: FieldError[],
  path: string,
  volumes: Volume[] | undefined,
): Map<string, Volume> => {
  const valid = new Map<string, Volume>()
  if (!volumes) return valid
  for (let index = 0; index < volumes.length; index++) {
    const volume = volumes[index]!
    const at = `${path}[${index}]`
    const before = errors.length
    checkSource(errors, at, volume)
    if (!volume.name) errors.push(requiredField(`${at}.name`))
    else checkDnsLabel(errors, `${at}.name`, volume.name)
    if (valid.has(volume.name)) errors.push(duplicateField(`${at}.name`, volume.name))
    if (errors.length === before) valid.set(volume.name, volume)
  }
  return valid
}

const checkSource = (errors: FieldError[], at: string, volume: Volume): void => {
  let found = false
  for (const field of SOURCES) {
    if (volume[field] == null) continue
    if (found) {
      errors.push(forbiddenField(`${at}.${field}`, 'may not specify more than 1 volume type'))
    } else checkSourceFields(errors, `${at}.${field}`, volume, field)
    found = true
  }
  if (!found) errors.push(requiredField(at, 'must specify a volume type'))
}

const checkSourceFields = (
  errors: FieldError[],
  at: string,
  volume: Volume,
  field: (typeof SOURCES)[number],
): void => {
  switch (field) {
    case 'emptyDir': {
      const limit = volume.emptyDir?.sizeLimit
      if (limit == null || (isKnownQuantity(limit) && !limit.startsWith('-'))) break
      const why = 'SizeLimit field must be a valid resource quantity'
      errors.push(forbiddenField(`${at}.sizeLimit`, why))
      break
    }
    case 'hostPath':
      checkHostPath(errors, at, volume.hostPath!)
      break
    case 'secret':
      if (!volume.secret?.secretName) errors.push(requiredField(`${at}.secretName`))
      checkFileMode(errors, `${at}.defaultMode`, volume.secret?.defaultMode)
      checkItems(errors, `${at}.items`, volume.secret?.items)
      break
    case 'configMap':
      if (!volume.configMap?.name) errors.push(requiredField(`${at}.name`))
      checkFileMode(errors, `${at}.defaultMode`, volume.configMap?.defaultMode)
      checkItems(errors, `${at}.items`, volume.configMap?.items)
      break
    case 'downwardAPI':
      checkFileMode(errors, `${at}.defaultMode`, volume.downwardAPI?.defaultMode)
      for (const file of volume.downwardAPI?.items ?? []) checkDownwardFile(errors, at, file)
      break
    case 'projected':
      checkProjected(errors, at, volume.projected!)
      break
    case 'persistentVolumeClaim':
      if (!volume.persistentVolumeClaim?.claimName) errors.push(requiredField(`${at}.claimName`))
      break
    case 'nfs':
      if (!volume.nfs?.server) errors.push(requiredField(`${at}.server`))
      if (!volume.nfs?.path) errors.push(requiredField(`${at}.path`))
      else if (!volume.nfs.path.startsWith('/')) {
        errors.push(invalidField(`${at}.path`, volume.nfs.path, 'must be an absolute path'))
      }
      break
    default:
  }
}

const checkHostPath = (
  errors: FieldError[],
  at: string,
  source: Wire<V1HostPathVolumeSource>,
): void => {
  if (!source.path) {
    errors.push(requiredField(`${at}.path`))
    return
  }
  checkNoBacksteps(errors, `${at}.path`, source.path)
  if (source.type != null) isOneOf(errors, `${at}.type`, source.type, HOST_PATH_TYPES)
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
const checkProjected = (
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
    if (source.clusterTrustBundle) count++
    if (source.podCertificate) count++
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
