/**
 * Validation of how a container uses its pod's volumes: mounts and raw block devices.
 *
 * Some paths lack the index of the mount: that is how Kubernetes 1.36 reports them (`ValidateVolumeMounts`).
 */
import type { V1VolumeMount } from '@kubernetes/client-node'
import type { Wire } from '../meta.ts'
import {
  type FieldError,
  forbiddenField,
  invalidField,
  notFoundField,
  requiredField,
} from '../status-error.ts'
import { checkNoBacksteps, checkRelativePath, isOneOf } from './field-rules.ts'
import type { Container, Volume } from './pod-spec-defaults.ts'

type Mount = Wire<V1VolumeMount>

const PROPAGATIONS = ['Bidirectional', 'HostToContainer', 'None']
const RECURSIVE_READ_ONLY = ['Disabled', 'Enabled', 'IfPossible']

export const checkVolumeMounts = (
  errors: FieldError[],
  path: string,
  container: Container,
  volumes: ReadonlyMap<string, Volume>,
): void => {
  const { volumeMounts, volumeDevices } = container
  if (!volumeMounts?.length) return
  const targets = new Set<string>()
  for (const [index, mount] of volumeMounts.entries()) {
    const at = `${path}[${index}]`
    if (!mount.name) errors.push(requiredField(`${at}.name`))
    if (!volumes.has(mount.name)) errors.push(notFoundField(`${at}.name`, mount.name))
    if (!mount.mountPath) errors.push(requiredField(`${at}.mountPath`))
    if (targets.has(mount.mountPath)) {
      errors.push(invalidField(`${at}.mountPath`, mount.mountPath, 'must be unique'))
    }
    targets.add(mount.mountPath)
    if (volumeDevices?.some(({ name }) => name === mount.name)) {
      const why = 'must not already exist in volumeDevices'
      errors.push(invalidField(`${at}.name`, mount.name, why))
    }
    if (volumeDevices?.some(({ devicePath }) => devicePath === mount.mountPath)) {
      const why = 'must not already exist as a path in volumeDevices'
      errors.push(invalidField(`${at}.mountPath`, mount.mountPath, why))
    }
    checkSubPaths(errors, path, at, mount)
    checkPropagation(errors, `${path}.mountPropagation`, mount, container)
    checkRecursiveReadOnly(errors, `${path}.recursiveReadOnly`, mount)
  }
}

const checkSubPaths = (errors: FieldError[], path: string, at: string, mount: Mount): void => {
  if (mount.subPath) checkRelativePath(errors, `${path}.subPath`, mount.subPath)
  if (!mount.subPathExpr) return
  if (mount.subPath) {
    const why = 'subPathExpr and subPath are mutually exclusive'
    errors.push(invalidField(`${at}.subPathExpr`, mount.subPathExpr, why))
  }
  checkRelativePath(errors, `${path}.subPathExpr`, mount.subPathExpr)
}

const checkPropagation = (
  errors: FieldError[],
  path: string,
  { mountPropagation }: Mount,
  { securityContext }: Container,
): void => {
  if (!mountPropagation) return
  isOneOf(errors, path, mountPropagation, PROPAGATIONS)
  if (mountPropagation !== 'Bidirectional' || securityContext?.privileged) return
  const why = 'Bidirectional mount propagation is available only to privileged containers'
  errors.push(forbiddenField(path, why))
}

const checkRecursiveReadOnly = (errors: FieldError[], path: string, mount: Mount): void => {
  const mode = mount.recursiveReadOnly
  if (mode == null || mode === 'Disabled') return
  if (mode !== 'Enabled' && mode !== 'IfPossible') {
    isOneOf(errors, path, mode, RECURSIVE_READ_ONLY)
    return
  }
  if (!mount.readOnly) {
    errors.push(forbiddenField(path, 'may only be specified when readOnly is true'))
  }
  if (mount.mountPropagation && mount.mountPropagation !== 'None') {
    const why = 'may only be specified when mountPropagation is None or not specified'
    errors.push(forbiddenField(path, why))
  }
}

export const checkVolumeDevices = (
  errors: FieldError[],
  path: string,
  { volumeDevices, volumeMounts }: Container,
  volumes: ReadonlyMap<string, Volume>,
): void => {
  if (!volumeDevices?.length) return
  const names = new Set<string>()
  const targets = new Set<string>()
  for (const [index, { name, devicePath }] of volumeDevices.entries()) {
    const at = `${path}[${index}]`
    const volume = volumes.get(name)
    if (!name) errors.push(requiredField(`${at}.name`))
    if (names.has(name)) errors.push(invalidField(`${at}.name`, name, 'must be unique'))
    if (!volume) errors.push(notFoundField(`${at}.name`, name))
    else if (!volume.persistentVolumeClaim && !volume.ephemeral) {
      const why =
        'can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode'
      errors.push(invalidField(`${at}.name`, name, why))
    }
    if (!devicePath) errors.push(requiredField(`${at}.devicePath`))
    if (targets.has(devicePath)) {
      errors.push(invalidField(`${at}.devicePath`, devicePath, 'must be unique'))
    }
    const faults: FieldError[] = []
    checkNoBacksteps(faults, at, devicePath ?? '')
    if (faults.length > 0) {
      const why = "can not contain backsteps ('..')"
      errors.push(invalidField(`${at}.devicePath`, devicePath, why))
    } else targets.add(devicePath)
    if (volumeMounts?.some((mount) => mount.name === name)) {
      errors.push(invalidField(`${at}.name`, name, 'must not already exist in volumeMounts'))
    }
    if (volumeMounts?.some(({ mountPath }) => mountPath === devicePath)) {
      const why = 'must not already exist as a path in volumeMounts'
      errors.push(invalidField(`${at}.devicePath`, devicePath, why))
    }
    if (name) names.add(name)
  }
}
