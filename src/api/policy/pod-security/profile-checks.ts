/**
 * The baseline's checks of AppArmor, seccomp and SELinux: their defaults may be narrowed, not switched off.
 *
 * After Kubernetes 1.36 (`pod-security-admission/policy`), with its reasons and details. Pure.
 */
import {
  type CheckPod,
  type Container,
  containersOf,
  namesOf,
  plural,
  quoted,
  type SecurityCheck,
  settersText,
  sorted,
} from './security-check.ts'

const PROFILES = ['RuntimeDefault', 'Localhost']
const APP_ARMOR = 'container.apparmor.security.beta.kubernetes.io/'

interface Profiled {
  appArmorProfile?: { type?: string } | undefined
  seccompProfile?: { type?: string } | undefined
}

/** The type that is set and not allowed. */
const badProfile = (
  context: Profiled | undefined,
  field: 'appArmorProfile' | 'seccompProfile',
): string | undefined => {
  const profile = context?.[field]
  if (!profile || PROFILES.includes(profile.type ?? '')) return undefined
  return profile.type ?? ''
}

const appArmorProfile: CheckPod = (spec, annotations) => {
  const ofPod = badProfile(spec.securityContext, 'appArmorProfile')
  const ofContainer = ({ securityContext }: Container) =>
    badProfile(securityContext, 'appArmorProfile')
  const bad = namesOf(spec, (container) => ofContainer(container) !== undefined)
  const annotated = Object.entries(annotations)
    .filter(([key, value]) => key.startsWith(APP_ARMOR) && !isAllowedAnnotation(value))
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
  const setters = settersText(ofPod !== undefined, bad)
  const values = [
    ...sorted([
      ...(ofPod === undefined ? [] : [ofPod]),
      ...containersOf(spec).flatMap((each) => ofContainer(each) ?? []),
    ]),
    ...sorted(annotated),
  ]
  const said = [
    ...(setters ? [setters] : []),
    ...(annotated.length > 0 ? [plural(annotated.length, 'annotation')] : []),
  ]
  if (said.length === 0) return undefined
  return {
    reason: plural(values.length, 'forbidden AppArmor profile'),
    detail: `${said.join(' and ')} must not set AppArmor profile type to ${quoted(values)}`,
  }
}

const isAllowedAnnotation = (profile: string): boolean =>
  profile === '' || profile === 'runtime/default' || profile.startsWith('localhost/')

const SECCOMP_POD = 'seccomp.security.alpha.kubernetes.io/pod'
const SECCOMP_CONTAINER = 'container.seccomp.security.alpha.kubernetes.io/'

/** Before seccomp had fields. */
const seccompAnnotations: CheckPod = (spec, annotations) => {
  const keys = [SECCOMP_POD, ...namesOf(spec, () => true).map((name) => SECCOMP_CONTAINER + name)]
  const bad = sorted(
    keys.flatMap((key) => {
      const value = annotations[key]
      return value === undefined || isAllowedSeccomp(value)
        ? []
        : [`${key}=${JSON.stringify(value)}`]
    }),
  )
  if (bad.length === 0) return undefined
  const detail = `forbidden ${plural(bad.length, 'annotation')} ${bad.join(', ')}`
  return { reason: 'seccompProfile', detail }
}

const isAllowedSeccomp = (value: string): boolean =>
  value === 'runtime/default' || value === 'docker/default' || value.startsWith('localhost/')

/** What is set explicitly, and wrong; both levels have it. */
export const seccompProfile: CheckPod = (spec) => {
  const ofPod = badProfile(spec.securityContext, 'seccompProfile')
  const ofContainer = ({ securityContext }: Container) =>
    badProfile(securityContext, 'seccompProfile')
  const bad = namesOf(spec, (container) => ofContainer(container) !== undefined)
  if (ofPod === undefined && bad.length === 0) return undefined
  const values = sorted([
    ...(ofPod === undefined ? [] : [ofPod]),
    ...containersOf(spec).flatMap((each) => ofContainer(each) ?? []),
  ])
  const detail = `${settersText(ofPod !== undefined, bad)} must not set securityContext.seccompProfile.type to ${quoted(values)}`
  return { reason: 'seccompProfile', detail }
}

const TYPES = ['', 'container_t', 'container_init_t', 'container_kvm_t']

interface SelinuxOptions {
  type?: string | undefined
  user?: string | undefined
  role?: string | undefined
}

const seLinuxOptions =
  (allowed: readonly string[]): CheckPod =>
  (spec) => {
    const isBad = (options: SelinuxOptions | undefined): boolean =>
      Boolean(options && (!allowed.includes(options.type ?? '') || options.user || options.role))
    const ofPod = spec.securityContext?.seLinuxOptions
    const bad = namesOf(spec, ({ securityContext }) => isBad(securityContext?.seLinuxOptions))
    const setters = settersText(isBad(ofPod), bad)
    if (!setters) return undefined
    const all: SelinuxOptions[] = [
      ofPod,
      ...containersOf(spec).map((each) => each.securityContext?.seLinuxOptions),
    ].filter((options) => options != null)
    const types = sorted(all.map(({ type = '' }) => type).filter((type) => !allowed.includes(type)))
    const faults = [
      ...(types.length > 0 ? [`${plural(types.length, 'type')} ${quoted(types)}`] : []),
      ...(all.some(({ user }) => user) ? ['user may not be set'] : []),
      ...(all.some(({ role }) => role) ? ['role may not be set'] : []),
    ]
    return {
      reason: 'seLinuxOptions',
      detail: `${setters} set forbidden securityContext.seLinuxOptions: ${faults.join('; ')}`,
    }
  }

export const profileChecks: readonly SecurityCheck[] = [
  { id: 'appArmorProfile', versions: [[0, appArmorProfile]] },
  {
    id: 'seLinuxOptions',
    versions: [
      [0, seLinuxOptions(TYPES)],
      [31, seLinuxOptions([...TYPES, 'container_engine_t'])],
    ],
  },
  {
    id: 'seccompProfile_baseline',
    versions: [
      [0, seccompAnnotations],
      [19, seccompProfile],
    ],
  },
]
