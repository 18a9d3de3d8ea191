/**
 * Validation of where the content of a volume comes from, for the sources that pods and persistent volumes
 * share: host paths, network file systems, disks of clouds.
 *
 * Paths and wording follow Kubernetes 1.36. It judges the description only: no node of this system mounts
 * what needs a cloud or a storage system of its own.
 */
import type {
  V1AzureDiskVolumeSource,
  V1FCVolumeSource,
  V1FlockerVolumeSource,
  V1HostPathVolumeSource,
  V1ISCSIPersistentVolumeSource,
  V1NFSVolumeSource,
  V1QuobyteVolumeSource,
} from '@kubernetes/client-node'
import type { Wire } from '../meta.ts'
import { rangeMessage } from '../names.ts'
import { type FieldError, invalidField, requiredField, unsupportedField } from '../status-error.ts'
import { checkDnsLabel, checkNoBacksteps, isOneOf } from './field-rules.ts'

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

/** Fields that may not be missing or empty, in this order. */
export const checkRequired = <Source extends object>(
  errors: FieldError[],
  at: string,
  source: Source,
  ...fields: (keyof Source & string)[]
): void => {
  for (const field of fields) {
    const value = source[field]
    const isEmpty = Array.isArray(value) ? value.length === 0 : !value
    if (isEmpty) errors.push(requiredField(`${at}.${field}`))
  }
}

interface SecretReference {
  name?: string
  namespace?: string
}

/** A Secret by name; a persistent volume belongs to no namespace and must name one. */
export const checkSecretNamed = (
  errors: FieldError[],
  path: string,
  secret: SecretReference | undefined,
  needsNamespace: boolean,
): void => {
  if (!secret) return
  if (!secret.name) errors.push(requiredField(`${path}.name`))
  if (needsNamespace && !secret.namespace) errors.push(requiredField(`${path}.namespace`))
}

export const checkHostPath = (
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

export const checkNfs = (
  errors: FieldError[],
  at: string,
  source: Wire<V1NFSVolumeSource>,
): void => {
  checkRequired(errors, at, source, 'server', 'path')
  if (source.path?.startsWith('/')) return
  errors.push(invalidField(`${at}.path`, source.path ?? '', 'must be an absolute path'))
}

/** A disk of GCE or AWS. */
export const checkDisk = <Source extends { partition?: number }>(
  errors: FieldError[],
  at: string,
  source: Source,
  id: keyof Source & string,
): void => {
  checkRequired(errors, at, source, id)
  const { partition = 0 } = source
  if (partition >= 0 && partition <= 255) return
  errors.push(invalidField(`${at}.partition`, partition, rangeMessage(1, 255)))
}

const ISCSI_NAMES: Readonly<Record<string, RegExp>> = {
  iqn: /^iqn\.\d{4}-\d{2}\.([A-Za-z0-9-.]+)(:[^,;*&$|\s]+)$/,
  eui: /^eui\.[A-Za-z0-9]{16}$/,
  naa: /^naa\.[A-Za-z0-9]{32}$/,
}

/** Undefined for a good name; else what Kubernetes says of it. */
const iscsiNameFault = (name: string, unknown: string): string | undefined => {
  const form = ISCSI_NAMES[name.slice(0, 3)]
  if (!form) return unknown
  return form.test(name) ? undefined : 'must be valid format'
}

/** `unknown`: what is said of a name with a prefix that is none of iSCSI's. */
export const checkIscsi = (
  errors: FieldError[],
  at: string,
  source: Wire<V1ISCSIPersistentVolumeSource>,
  { pvName, unknown }: { pvName?: string; unknown: string },
): void => {
  const { targetPortal, iqn, lun = 0, initiatorName, secretRef } = source
  checkRequired(errors, at, source, 'targetPortal')
  if (pvName !== undefined && initiatorName != null && isLongIscsi(pvName, targetPortal)) {
    errors.push(invalidField(`${at}.targetportal`, targetPortal, ISCSI_TOO_LONG))
  }
  if (!iqn) errors.push(requiredField(`${at}.iqn`))
  else {
    const fault = iscsiNameFault(iqn, unknown)
    if (fault) errors.push(invalidField(`${at}.iqn`, iqn, fault))
  }
  if (lun < 0 || lun > 255) errors.push(invalidField(`${at}.lun`, lun, rangeMessage(0, 255)))
  if ((source.chapAuthDiscovery || source.chapAuthSession) && !secretRef) {
    errors.push(requiredField(`${at}.secretRef`))
  }
  if (pvName !== undefined) checkSecretNamed(errors, `${at}.secretRef`, secretRef, false)
  if (initiatorName == null) return
  const fault = iscsiNameFault(initiatorName, unknown)
  if (fault) errors.push(invalidField(`${at}.initiatorname`, initiatorName, fault))
}

export const ISCSI_TOO_LONG =
  'Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName is specified.'

export const isLongIscsi = (volumeName: string, targetPortal: string | undefined): boolean =>
  `${volumeName}:${targetPortal ?? ''}`.length > 64

export const checkFibreChannel = (
  errors: FieldError[],
  at: string,
  { targetWWNs = [], wwids = [], lun }: Wire<V1FCVolumeSource>,
): void => {
  if (targetWWNs.length === 0 && wwids.length === 0) {
    const why = 'must specify either targetWWNs or wwids, but not both'
    errors.push(requiredField(`${at}.targetWWNs`, why))
  }
  if (targetWWNs.length === 0) return
  if (wwids.length > 0) {
    const why = 'targetWWNs and wwids can not be specified simultaneously'
    errors.push(invalidField(`${at}.targetWWNs`, targetWWNs, why))
  }
  if (lun == null) {
    errors.push(requiredField(`${at}.lun`, 'lun is required if targetWWNs is specified'))
  } else if (lun < 0 || lun > 255) {
    errors.push(invalidField(`${at}.lun`, lun, rangeMessage(0, 255)))
  }
}

const HOST_AND_PORT = /^(?:\[[^\]]*\]|[^:[\]]*):[^:[\]]*$/

export const checkQuobyte = (
  errors: FieldError[],
  at: string,
  { registry, tenant = '', volume }: Wire<V1QuobyteVolumeSource>,
): void => {
  const why = 'must be a host:port pair or multiple pairs separated by commas'
  if (!registry) errors.push(requiredField(`${at}.registry`, why))
  else if (tenant.length >= 65) {
    const limit = 'must be a UUID and may not exceed a length of 64 characters'
    errors.push(requiredField(`${at}.tenant`, limit))
  } else {
    for (const pair of registry.split(',')) {
      if (!HOST_AND_PORT.test(pair)) errors.push(invalidField(`${at}.registry`, registry, why))
    }
  }
  if (!volume) errors.push(requiredField(`${at}.volume`))
}

export const checkFlocker = (
  errors: FieldError[],
  at: string,
  { datasetName = '', datasetUUID }: Wire<V1FlockerVolumeSource>,
): void => {
  if (!datasetName && !datasetUUID) {
    errors.push(requiredField(at, 'one of datasetName and datasetUUID is required'))
  }
  if (datasetName && datasetUUID) {
    const why = 'datasetName and datasetUUID can not be specified simultaneously'
    errors.push(invalidField(at, 'resource', why))
  }
  if (datasetName.includes('/')) {
    errors.push(invalidField(`${at}.datasetName`, datasetName, "must not contain '/'"))
  }
}

/** Options in the namespaces of Kubernetes are its own. */
export const checkFlexVolume = (
  errors: FieldError[],
  at: string,
  source: { driver: string; options?: { [key: string]: string } },
): void => {
  checkRequired(errors, at, source, 'driver')
  for (const key of Object.keys(source.options ?? {})) {
    const namespace = `.${key.split('/', 1)[0]!.toLowerCase()}`
    if (!namespace.endsWith('.kubernetes.io') && !namespace.endsWith('.k8s.io')) continue
    const why = 'kubernetes.io and k8s.io namespaces are reserved'
    errors.push(invalidField(`${at}.options[${key}]`, key, why))
  }
}

const CACHING_MODES = ['None', 'ReadOnly', 'ReadWrite']
const AZURE_KINDS = ['Dedicated', 'Managed', 'Shared']
const MANAGED_URI =
  '/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}'
const BLOB_URI = 'https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd'

export const checkAzureDisk = (
  errors: FieldError[],
  at: string,
  source: Wire<V1AzureDiskVolumeSource>,
): void => {
  checkRequired(errors, at, source, 'diskName', 'diskURI')
  const { cachingMode, kind, diskURI = '' } = source
  if (cachingMode != null) isOneOf(errors, `${at}.cachingMode`, cachingMode, CACHING_MODES)
  if (kind == null) return
  isOneOf(errors, `${at}.kind`, kind, AZURE_KINDS)
  const [prefix, form] =
    kind === 'Managed' ? ['/subscriptions/', MANAGED_URI] : ['https://', BLOB_URI]
  if (!diskURI.startsWith(prefix)) errors.push(unsupportedField(`${at}.diskURI`, diskURI, [form]))
}

export const checkStorageOs = (
  errors: FieldError[],
  at: string,
  source: { volumeName?: string; volumeNamespace?: string; secretRef?: SecretReference },
  isPersistent: boolean,
): void => {
  if (!source.volumeName) errors.push(requiredField(`${at}.volumeName`))
  else checkDnsLabel(errors, `${at}.volumeName`, source.volumeName)
  if (source.volumeNamespace) {
    checkDnsLabel(errors, `${at}.volumeNamespace`, source.volumeNamespace)
  }
  checkSecretNamed(errors, `${at}.secretRef`, source.secretRef, isPersistent)
}
