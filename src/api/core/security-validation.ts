/**
 * Validation of security contexts, of a pod and of its containers.
 *
 * Wording follows Kubernetes 1.36 (`ValidateSecurityContext`, `validatePodSpecSecurityContext`). What concerns
 * Windows is in `windows-validation.ts`.
 */

import type {
  V1AppArmorProfile,
  V1SeccompProfile,
  V1SecurityContext,
  V1Sysctl,
} from '@kubernetes/client-node'
import { internalValue } from '../internal-struct.ts'
import type { Wire } from '../meta.ts'
import {
  duplicateField,
  type FieldError,
  invalidField,
  requiredField,
  tooLongField,
} from '../status-error.ts'
import { checkNumericId, checkRelativePath, isOneOf } from './field-rules.ts'
import type { PodSpec } from './pod-spec-defaults.ts'
import { checkWindowsOptions } from './windows-validation.ts'

const PROFILE_TYPES = ['Localhost', 'RuntimeDefault', 'Unconfined']
const FS_GROUP_POLICIES = ['Always', 'OnRootMismatch']
const GROUP_POLICIES = ['Merge', 'Strict']
/** `MountOption` waits for a feature that Kubernetes 1.36 keeps off. */
const SELINUX_POLICIES = ['Recursive']
const PROC_MOUNTS = ['Default', 'Unmasked']
const PATH_MAX = 4095
const SYSCTL_MAX = 253
const SYSCTL_SEGMENT = '[a-z0-9]([-_a-z0-9]*[a-z0-9])?'
const SYSCTL_PATTERN = `^(${SYSCTL_SEGMENT}[\\./])*${SYSCTL_SEGMENT}$`
const sysctlPattern = new RegExp(SYSCTL_PATTERN)

export const checkContainerSecurity = (
  errors: FieldError[],
  path: string,
  context: Wire<V1SecurityContext> | undefined,
  hostUsers: boolean,
): void => {
  if (!context) return
  checkNumericId(errors, `${path}.runAsUser`, context.runAsUser)
  checkNumericId(errors, `${path}.runAsGroup`, context.runAsGroup)
  if (context.procMount != null) {
    isOneOf(errors, `${path}.procMount`, context.procMount, PROC_MOUNTS)
    if (hostUsers && context.procMount === 'Unmasked') {
      const why = '`hostUsers` must be false to use `Unmasked`'
      errors.push(invalidField(`${path}.procMount`, context.procMount, why))
    }
  }
  checkSeccomp(errors, `${path}.seccompProfile`, context.seccompProfile)
  if (context.allowPrivilegeEscalation === false) {
    const clash = 'cannot set `allowPrivilegeEscalation` to false and'
    if (context.privileged) {
      errors.push(invalidField(path, shownContext(context), `${clash} \`privileged\` to true`))
    }
    if (context.capabilities?.add?.includes('CAP_SYS_ADMIN')) {
      const why = `${clash} \`capabilities.Add\` CAP_SYS_ADMIN`
      errors.push(invalidField(path, shownContext(context), why))
    }
  }
  checkWindowsOptions(errors, `${path}.windowsOptions`, context.windowsOptions)
  checkAppArmor(errors, `${path}.appArmorProfile`, context.appArmorProfile)
}

export const checkPodSecurity = (errors: FieldError[], path: string, spec: PodSpec): void => {
  const context = spec.securityContext
  if (context) {
    checkNumericId(errors, `${path}.fsGroup`, context.fsGroup)
    checkNumericId(errors, `${path}.runAsUser`, context.runAsUser)
    checkNumericId(errors, `${path}.runAsGroup`, context.runAsGroup)
    for (const [index, group] of (context.supplementalGroups ?? []).entries()) {
      checkNumericId(errors, `${path}.supplementalGroups[${index}]`, group)
    }
  }
  // Kubernetes holds this flag in the security context and reports it there.
  if (spec.shareProcessNamespace && spec.hostPID) {
    const why = 'ShareProcessNamespace and HostPID cannot both be enabled'
    errors.push(invalidField(`${path}.shareProcessNamespace`, true, why))
  }
  if (!context) return
  checkSysctls(errors, `${path}.sysctls`, context.sysctls, spec)
  if (context.fsGroupChangePolicy != null) {
    isOneOf(errors, `${path}.fsGroupChangePolicy`, context.fsGroupChangePolicy, FS_GROUP_POLICIES)
  }
  checkSeccomp(errors, `${path}.seccompProfile`, context.seccompProfile)
  checkWindowsOptions(errors, `${path}.windowsOptions`, context.windowsOptions)
  checkAppArmor(errors, `${path}.appArmorProfile`, context.appArmorProfile)
  const { supplementalGroupsPolicy, seLinuxChangePolicy } = context
  if (supplementalGroupsPolicy != null) {
    isOneOf(errors, `${path}.supplementalGroupsPolicy`, supplementalGroupsPolicy, GROUP_POLICIES)
  }
  if (seLinuxChangePolicy != null) {
    isOneOf(errors, `${path}.seLinuxChangePolicy`, seLinuxChangePolicy, SELINUX_POLICIES)
  }
}

const checkSysctls = (
  errors: FieldError[],
  path: string,
  sysctls: Wire<V1Sysctl>[] | undefined,
  spec: PodSpec,
): void => {
  const seen = new Set<string>()
  for (const [index, { name }] of (sysctls ?? []).entries()) {
    const at = `${path}[${index}].name`
    if (!name) errors.push(requiredField(at))
    else if (name.length > SYSCTL_MAX || !sysctlPattern.test(name)) {
      const why = `must have at most ${SYSCTL_MAX} characters and match regex ${SYSCTL_PATTERN}`
      errors.push(invalidField(at, name, why))
    } else if (seen.has(name)) errors.push(duplicateField(at, name))
    seen.add(name)
    const dotted = name.replaceAll('/', '.')
    if (spec.hostNetwork && dotted.startsWith('net.')) {
      errors.push(invalidField(at, name, "may not be specified when 'hostNetwork' is true"))
    } else if (spec.hostIPC && /^(?:kernel\.(?:shm|msg|sem)|fs\.mqueue\.)/.test(dotted)) {
      errors.push(invalidField(at, name, "may not be specified when 'hostIPC' is true"))
    }
  }
}

const checkSeccomp = (
  errors: FieldError[],
  path: string,
  profile: Wire<V1SeccompProfile> | undefined,
): void => {
  if (!profile) return
  if (!profile.type) {
    errors.push(requiredField(`${path}.type`, 'type is required when seccompProfile is set'))
  } else isOneOf(errors, `${path}.type`, profile.type, PROFILE_TYPES)
  const at = `${path}.localhostProfile`
  if (profile.type === 'Localhost') {
    if (profile.localhostProfile == null) {
      errors.push(requiredField(at, 'must be set when seccomp type is Localhost'))
    } else checkRelativePath(errors, at, profile.localhostProfile)
  } else if (profile.localhostProfile != null) {
    errors.push(invalidField(at, profile, 'can only be set when seccomp type is Localhost'))
  }
}

const checkAppArmor = (
  errors: FieldError[],
  path: string,
  profile: Wire<V1AppArmorProfile> | undefined,
): void => {
  if (!profile) return
  const at = `${path}.localhostProfile`
  const local = profile.localhostProfile
  if (!profile.type) {
    errors.push(requiredField(`${path}.type`, 'type is required when appArmorProfile is set'))
  } else if (profile.type !== 'Localhost') {
    const before = errors.length
    isOneOf(errors, `${path}.type`, profile.type, PROFILE_TYPES)
    if (errors.length === before && local != null) {
      errors.push(invalidField(at, local, 'can only be set when AppArmor type is Localhost'))
    }
  } else if (local == null || local === '') {
    errors.push(requiredField(at, 'must be set when AppArmor type is Localhost'))
  } else {
    if (local.trim() !== local) {
      errors.push(invalidField(at, local, 'must not be padded with whitespace'))
    }
    if (local.length > PATH_MAX) errors.push(tooLongField(at, PATH_MAX))
  }
}

const shownContext = (context: unknown) => internalValue('*core.SecurityContext', context)
