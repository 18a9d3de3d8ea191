/**
 * The annotations by which pods once chose profiles of seccomp and AppArmor, and how they go with the fields
 * that took their place.
 *
 * Wording follows Kubernetes 1.36. Fields decide; an annotation beside one must say the same in a new pod.
 */
import type { V1AppArmorProfile, V1SeccompProfile } from '@kubernetes/client-node'
import { deepEqual } from '../equality.ts'
import { type FieldError, forbiddenField, invalidField } from '../status-error.ts'
import { checkRelativePath } from './field-rules.ts'
import type { PodSpec } from './pod-spec-defaults.ts'
import { eachContainer } from './windows-validation.ts'

type Annotations = { [key: string]: string }

const SECCOMP_POD = 'seccomp.security.alpha.kubernetes.io/pod'
const SECCOMP_CONTAINER = 'container.seccomp.security.alpha.kubernetes.io/'
/** The prefix of a key that ends with a container's name. */
export const APP_ARMOR_CONTAINER = 'container.apparmor.security.beta.kubernetes.io/'
const LOCALHOST = 'localhost/'
/** Bytes of a path on Linux. */
const PATH_MAX = 4095

/** Whether any annotation is about profiles: nearly no pod has one. */
const hasProfiles = (annotations: Annotations): boolean => {
  for (const key in annotations) {
    if (key.startsWith('container.') || key === SECCOMP_POD) return true
  }
  return false
}

/** The form of the annotations, in a pod and in a template. */
export const checkProfileAnnotations = (
  errors: FieldError[],
  path: string,
  annotations: Annotations,
  spec: PodSpec,
): void => {
  if (!hasProfiles(annotations)) return
  for (const [key, profile] of Object.entries(annotations)) {
    if (key !== SECCOMP_POD && !key.startsWith(SECCOMP_CONTAINER)) continue
    checkSeccompProfile(errors, `${path}.${key}`, profile)
  }
  const names = new Set(eachContainer(spec, '').map(([, { name }]) => name))
  for (const [key, profile] of Object.entries(annotations)) {
    if (!key.startsWith(APP_ARMOR_CONTAINER)) continue
    const name = key.slice(APP_ARMOR_CONTAINER.length)
    const at = `${path}[${key}]`
    if (!names.has(name)) errors.push(invalidField(at, name, 'container not found'))
    const isKnown = ['', 'runtime/default', 'unconfined'].includes(profile)
    if (isKnown || profile.startsWith(LOCALHOST)) continue
    const why = `invalid AppArmor profile name: ${JSON.stringify(profile)}`
    errors.push(invalidField(at, profile, why))
  }
}

const checkSeccompProfile = (errors: FieldError[], at: string, profile: string): void => {
  if (['runtime/default', 'docker/default', 'unconfined'].includes(profile)) return
  if (profile.startsWith(LOCALHOST)) {
    checkRelativePath(errors, at, profile.slice(LOCALHOST.length))
  } else errors.push(invalidField(at, profile, 'must be a valid seccomp profile'))
}

/** In a new pod, in place: an annotation about AppArmor becomes the field it stands for. */
export const applyAppArmorAnnotations = (spec: PodSpec, annotations: Annotations): void => {
  if (!hasProfiles(annotations) || spec.os?.name === 'windows') return
  for (const [, container] of eachContainer(spec, '')) {
    const annotation = annotations[`${APP_ARMOR_CONTAINER}${container.name}`]
    if (annotation === undefined || container.securityContext?.appArmorProfile) continue
    const profile = appArmorProfileOf(annotation)
    if (!profile || deepEqual(profile, spec.securityContext?.appArmorProfile)) continue
    container.securityContext ??= {}
    container.securityContext.appArmorProfile = profile
  }
}

/** Undefined: no field says the same. */
const appArmorProfileOf = (annotation: string): V1AppArmorProfile | undefined => {
  if (annotation === 'unconfined') return { type: 'Unconfined' }
  if (annotation === 'runtime/default') return { type: 'RuntimeDefault' }
  const localhostProfile = annotation.slice(LOCALHOST.length)
  const isValid =
    annotation.startsWith(LOCALHOST) &&
    localhostProfile !== '' &&
    localhostProfile.trim() === localhostProfile &&
    localhostProfile.length <= PATH_MAX
  return isValid ? { type: 'Localhost', localhostProfile } : undefined
}

/** In a new pod annotations and fields agree. */
export const checkProfilesAgree = (
  errors: FieldError[],
  path: string,
  annotations: Annotations | undefined,
  spec: PodSpec,
): void => {
  if (!annotations || !hasProfiles(annotations)) return
  const containers = eachContainer(spec, path)
  const ofPod = spec.securityContext
  const seccomp = (at: string, key: string, profile: V1SeccompProfile | undefined) =>
    checkAgreement(errors, 'seccomp', `${at}.securityContext.seccompProfile`, annotations[key], {
      profile,
      defaults: ['runtime/default', 'docker/default'],
    })
  seccomp(path, SECCOMP_POD, ofPod?.seccompProfile)
  for (const [at, { name, securityContext }] of containers) {
    seccomp(at, `${SECCOMP_CONTAINER}${name}`, securityContext?.seccompProfile)
  }
  if (spec.os?.name === 'windows') return
  for (const [at, { name, securityContext }] of containers) {
    const annotation = annotations[`${APP_ARMOR_CONTAINER}${name}`]
    const profile = securityContext?.appArmorProfile ?? ofPod?.appArmorProfile
    checkAgreement(errors, 'apparmor', `${at}.securityContext.appArmorProfile`, annotation, {
      profile,
      defaults: ['runtime/default'],
    })
  }
}

const checkAgreement = (
  errors: FieldError[],
  what: string,
  path: string,
  annotation: string | undefined,
  field: {
    profile: V1SeccompProfile | V1AppArmorProfile | undefined
    /** Annotations that mean the runtime's own profile. */
    defaults: readonly string[]
  },
): void => {
  const { profile, defaults } = field
  if (annotation === undefined || !profile) return
  const isSameType =
    profile.type === 'Unconfined'
      ? annotation === 'unconfined'
      : profile.type === 'RuntimeDefault'
        ? defaults.includes(annotation)
        : profile.type !== 'Localhost' || annotation.startsWith(LOCALHOST)
  if (!isSameType) {
    const why = `${what} type in annotation and field must match`
    errors.push(forbiddenField(`${path}.type`, why))
  } else if (
    profile.type === 'Localhost' &&
    annotation.slice(LOCALHOST.length) !== profile.localhostProfile
  ) {
    const why = `${what} profile in annotation and field must match`
    errors.push(forbiddenField(`${path}.localhostProfile`, why))
  }
}
