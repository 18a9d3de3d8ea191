/**
 * Validation of a PersistentVolume, of its changes, and of a volume described inside a VolumeAttachment.
 *
 * Order, paths and wording follow Kubernetes 1.36 (`ValidatePersistentVolumeSpec`). A volume has exactly one
 * source, which never changes.
 */

import { posix } from 'node:path'
import type { V1PersistentVolumeSpec } from '@kubernetes/client-node'
import { deepCopy, deepEqual } from '../equality.ts'
import { internalValue } from '../internal-struct.ts'
import type { Wire } from '../meta.ts'
import {
  type FieldError,
  forbiddenField,
  invalidField,
  requiredField,
  unsupportedField,
} from '../status-error.ts'
import {
  checkDnsSubdomain,
  checkNonNegativeQuantity,
  checkPositiveQuantity,
  checkUnchanged,
  FIELD_IMMUTABLE,
  isOneOf,
} from './field-rules.ts'
import type { PersistentVolume } from './persistent-volume.ts'
import { checkSources, sourcesOf } from './persistent-volume-sources.ts'
import { checkNodeSelector } from './scheduling-validation.ts'
import { specDifference } from './spec-difference.ts'

type Spec = Wire<V1PersistentVolumeSpec>

export const ACCESS_MODES = ['ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOnce', 'ReadWriteOncePod']
export const VOLUME_MODES = ['Block', 'Filesystem']
const RECLAIM_POLICIES = ['Delete', 'Recycle', 'Retain']
const MOUNT_OPTIONS = 'volume.beta.kubernetes.io/mount-options'
/** Sources whose mounts can be given options by annotation. */
const WITH_MOUNT_OPTIONS = [
  'gcePersistentDisk',
  'awsElasticBlockStore',
  'glusterfs',
  'nfs',
  'rbd',
  'quobyte',
  'iscsi',
  'cinder',
  'cephfs',
  'azureFile',
  'vsphereVolume',
  'azureDisk',
  'photonPersistentDisk',
] as const

export const validatePersistentVolume = (volume: PersistentVolume): FieldError[] => {
  const errors: FieldError[] = []
  const spec = volume.spec ?? {}
  checkVolumeSpec(errors, 'spec', spec, volume.metadata.name)
  const annotated = volume.metadata.annotations?.[MOUNT_OPTIONS] !== undefined
  if (annotated && !WITH_MOUNT_OPTIONS.some((field) => spec[field])) {
    const why = 'may not specify mount options for this volume type'
    errors.push(forbiddenField(`metadata.annotations.${MOUNT_OPTIONS}`, why))
  }
  return errors
}

export const validatePersistentVolumeUpdate = (
  volume: PersistentVolume,
  old: PersistentVolume,
): FieldError[] => {
  const errors: FieldError[] = []
  const spec = volume.spec ?? {}
  const last = old.spec ?? {}
  const before = sourcesOf(last)
  const after = sourcesOf(spec)
  // The secret for growing a volume may be added later.
  if (last.csi && !last.csi.controllerExpandSecretRef && spec.csi?.controllerExpandSecretRef) {
    const { controllerExpandSecretRef: _, ...csi } = spec.csi
    after.csi = csi
  }
  if (!deepEqual(after, before)) {
    const why = `spec.persistentvolumesource is immutable after creation\n${specDifference(before, after)}`
    errors.push(forbiddenField('spec.persistentvolumesource', why))
  }
  checkUnchanged(errors, 'volumeMode', spec.volumeMode, last.volumeMode)
  if (last.nodeAffinity && !isSameAffinity(spec.nodeAffinity, last.nodeAffinity)) {
    const why = `${FIELD_IMMUTABLE}, except for updating from beta label to GA`
    const shown = internalValue('*core.VolumeNodeAffinity', spec.nodeAffinity)
    errors.push(invalidField('nodeAffinity', shown, why))
  }
  if (last.volumeAttributesClassName != null && spec.volumeAttributesClassName == null) {
    const why = 'update from non-nil value to nil is forbidden'
    errors.push(forbiddenField('spec.volumeAttributesClassName', why))
  }
  return errors
}

/** Labels of nodes that were renamed when they left beta. */
const RENAMED_LABELS: Readonly<Record<string, string>> = {
  'failure-domain.beta.kubernetes.io/zone': 'topology.kubernetes.io/zone',
  'failure-domain.beta.kubernetes.io/region': 'topology.kubernetes.io/region',
  'beta.kubernetes.io/os': 'kubernetes.io/os',
  'beta.kubernetes.io/arch': 'kubernetes.io/arch',
  'beta.kubernetes.io/instance-type': 'node.kubernetes.io/instance-type',
}

/** Whether nothing changed but old names of labels into their new ones. */
const isSameAffinity = (after: Spec['nodeAffinity'], before: Spec['nodeAffinity']): boolean => {
  const renamed = deepCopy(before)
  for (const [index, term] of (renamed?.required?.nodeSelectorTerms ?? []).entries()) {
    const other = after?.required?.nodeSelectorTerms?.[index]
    for (const field of ['matchExpressions', 'matchFields'] as const) {
      for (const [position, requirement] of (term[field] ?? []).entries()) {
        const key = RENAMED_LABELS[requirement.key]
        if (key !== undefined && other?.[field]?.[position]?.key === key) requirement.key = key
      }
    }
  }
  return deepEqual(after, renamed)
}

/** The spec of a volume inside a VolumeAttachment. */
export const checkInlineVolumeSpec = (errors: FieldError[], path: string, spec: Spec): void =>
  checkVolumeSpec(errors, path, spec, undefined)

/** `name`: undefined inside another object, where only CSI volumes may be described. */
const checkVolumeSpec = (
  errors: FieldError[],
  path: string,
  spec: Spec,
  name: string | undefined,
): void => {
  const isInline = name === undefined
  const inline = 'in the context of inline volumes'
  if (isInline) {
    const why = `may not be specified ${inline}`
    if (spec.claimRef) errors.push(forbiddenField(`${path}.claimRef`, why))
    if (spec.capacity) errors.push(forbiddenField(`${path}.capacity`, why))
    if (!spec.csi) errors.push(requiredField(`${path}.csi`, `has to be specified ${inline}`))
  }
  checkAccessModes(errors, `${path}.accessModes`, spec.accessModes, '')
  if (!isInline) checkCapacity(errors, `${path}.capacity`, spec.capacity)
  checkReclaimPolicy(errors, `${path}.persistentVolumeReclaimPolicy`, spec, isInline)
  checkNodeAffinity(errors, `${path}.nodeAffinity`, spec.nodeAffinity, isInline)
  checkSources(errors, path, spec, name ?? '')
  const isRoot = spec.hostPath?.path && posix.normalize(spec.hostPath.path) === '/'
  if (isRoot && spec.persistentVolumeReclaimPolicy === 'Recycle') {
    const why = "may not be 'recycle' for a hostPath mount of '/'"
    errors.push(forbiddenField(`${path}.persistentVolumeReclaimPolicy`, why))
  }
  checkClasses(errors, path, spec, isInline)
}

/** `missing`: what is said when there are none. */
export const checkAccessModes = (
  errors: FieldError[],
  path: string,
  modes: readonly string[] = [],
  missing: string,
): void => {
  if (modes.length === 0) errors.push(requiredField(path, missing))
  for (const mode of modes) isOneOf(errors, path, mode, ACCESS_MODES)
  const others = modes.filter((mode) => mode !== 'ReadWriteOncePod' && ACCESS_MODES.includes(mode))
  if (others.length === 0 || !modes.includes('ReadWriteOncePod')) return
  errors.push(forbiddenField(path, 'may not use ReadWriteOncePod with other access modes'))
}

const checkCapacity = (
  errors: FieldError[],
  path: string,
  capacity: { [name: string]: string } = {},
): void => {
  const names = Object.keys(capacity)
  if (names.length === 0) errors.push(requiredField(path))
  if (names.length !== 1 || names[0] !== 'storage') {
    errors.push(unsupportedField(path, capacity, ['storage']))
  }
  for (const name of names) {
    checkNonNegativeQuantity(errors, `${path}[${name}]`, capacity[name])
    checkPositiveQuantity(errors, `${path}[${name}]`, capacity[name]!)
  }
}

const checkReclaimPolicy = (
  errors: FieldError[],
  path: string,
  { persistentVolumeReclaimPolicy: policy }: Spec,
  isInline: boolean,
): void => {
  if (!policy) return
  if (!isInline) isOneOf(errors, path, policy, RECLAIM_POLICIES)
  else if (policy !== 'Retain') {
    errors.push(forbiddenField(path, 'may only be Retain in the context of inline volumes'))
  }
}

const checkNodeAffinity = (
  errors: FieldError[],
  path: string,
  affinity: Spec['nodeAffinity'],
  isInline: boolean,
): void => {
  if (!affinity) return
  if (isInline) {
    errors.push(forbiddenField(path, 'may not be specified in the context of inline volumes'))
  } else if (affinity.required) checkNodeSelector(errors, `${path}.required`, affinity.required)
  else errors.push(requiredField(`${path}.required`, 'must specify required node constraints'))
}

const checkClasses = (
  errors: FieldError[],
  path: string,
  { storageClassName, volumeMode, volumeAttributesClassName, csi }: Spec,
  isInline: boolean,
): void => {
  const inline = 'in the context of inline volumes'
  if (storageClassName) {
    const at = `${path}.storageClassName`
    if (isInline) errors.push(forbiddenField(at, `may not be specified ${inline}`))
    else checkDnsSubdomain(errors, at, storageClassName)
  }
  if (volumeMode != null) {
    const at = `${path}.volumeMode`
    if (!isInline) isOneOf(errors, at, volumeMode, VOLUME_MODES)
    else if (volumeMode !== 'Filesystem') {
      errors.push(forbiddenField(at, `may not specify volumeMode other than Filesystem ${inline}`))
    }
  }
  if (volumeAttributesClassName == null || isInline) return
  const at = `${path}.volumeAttributesClassName`
  if (!volumeAttributesClassName) {
    errors.push(requiredField(at, 'an empty string is disallowed'))
  } else checkDnsSubdomain(errors, at, volumeAttributesClassName)
  if (csi) return
  const why = 'has to be specified when using volumeAttributesClassName'
  errors.push(requiredField(`${path}.csi`, why))
}
