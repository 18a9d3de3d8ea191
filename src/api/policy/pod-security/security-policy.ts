/**
 * Pod Security levels and versions, and the policy that a namespace's labels state.
 *
 * After Kubernetes 1.36 (`pod-security-admission/api`). Pure. A label that cannot be read fails closed where pods
 * would be refused, and open where they would only be warned of.
 */
import { type FieldError, invalidField } from '../../status-error.ts'

export const LEVELS = ['privileged', 'baseline', 'restricted'] as const
/** From the loosest to the strictest. */
export type SecurityLevel = (typeof LEVELS)[number]

/** A minor version of 1, or the newest. */
export type SecurityVersion = number | 'latest'

export interface LevelVersion {
  level: SecurityLevel
  version: SecurityVersion
}

export interface SecurityPolicy {
  enforce: LevelVersion
  audit: LevelVersion
  warn: LevelVersion
}

export type SecurityMode = keyof SecurityPolicy

/** Before labels and audit annotations. */
export const SECURITY_PREFIX = 'pod-security.kubernetes.io/'

/** As messages show it: `baseline:v1.30`. */
export const levelText = ({ level, version }: LevelVersion): string =>
  `${level}:${version === 'latest' ? version : `v1.${version}`}`

export const isSameLevel = (one: LevelVersion, other: LevelVersion): boolean =>
  one.level === other.level && one.version === other.version

/** Above 0 when `one` is the stricter. */
export const compareLevels = (one: SecurityLevel, other: SecurityLevel): number =>
  LEVELS.indexOf(one) - LEVELS.indexOf(other)

export const isAllPrivileged = ({ enforce, audit, warn }: SecurityPolicy): boolean =>
  [enforce, audit, warn].every(({ level }) => level === 'privileged')

/** Whether both come to the same: versions of `privileged` say nothing. */
export const isEquivalent = (one: SecurityPolicy, other: SecurityPolicy): boolean =>
  (['enforce', 'audit', 'warn'] as const).every(
    (mode) =>
      isSameLevel(one[mode], other[mode]) ||
      (one[mode].level === 'privileged' && other[mode].level === 'privileged'),
  )

const LEVEL_FAULT = `must be one of ${LEVELS.join(', ')}`
const VERSION_FAULT = 'must be "latest" or "v1.x"'
const VERSION = /^v1\.(0|[1-9]\d*)$/

const parseLevel = (text: string): SecurityLevel | undefined =>
  LEVELS.find((level) => level === text)

const parseVersion = (text: string): SecurityVersion | undefined => {
  if (text === 'latest') return text
  const minor = VERSION.exec(text)?.[1]
  return minor === undefined ? undefined : Number(minor)
}

type Labels = Readonly<Record<string, string>>

/** What the labels of a namespace ask for where `defaults` would hold, and what is wrong with them. */
export const policyOf = (
  labels: Labels | undefined,
  defaults: SecurityPolicy,
): { policy: SecurityPolicy; errors: readonly FieldError[] } => {
  if (!labels || !hasPolicyLabel(labels)) return { policy: defaults, errors: NO_ERRORS }
  const errors: FieldError[] = []
  const policy: SecurityPolicy = {
    enforce: levelVersionOf(labels, 'enforce', defaults, errors),
    audit: levelVersionOf(labels, 'audit', defaults, errors),
    warn: levelVersionOf(labels, 'warn', defaults, errors),
  }
  warnAsEnforced(labels, policy)
  return { policy, errors }
}

const NO_ERRORS: readonly FieldError[] = []

const hasPolicyLabel = (labels: Labels): boolean => {
  for (const key in labels) if (key.startsWith(SECURITY_PREFIX)) return true
  return false
}

const levelVersionOf = (
  labels: Labels,
  mode: SecurityMode,
  defaults: SecurityPolicy,
  errors: FieldError[],
): LevelVersion => {
  let { level, version } = defaults[mode]
  const levelLabel = SECURITY_PREFIX + mode
  const levelGiven = labels[levelLabel]
  if (levelGiven !== undefined) {
    const parsed = parseLevel(levelGiven)
    if (!parsed) errors.push(labelFault(levelLabel, levelGiven, LEVEL_FAULT))
    level = parsed ?? (mode === 'enforce' ? 'restricted' : 'privileged')
  }
  const versionLabel = `${levelLabel}-version`
  const versionGiven = labels[versionLabel]
  if (versionGiven !== undefined) {
    const parsed = parseVersion(versionGiven)
    if (parsed === undefined) errors.push(labelFault(versionLabel, versionGiven, VERSION_FAULT))
    version = parsed ?? 'latest'
  }
  return { level, version }
}

const labelFault = (label: string, value: string, fault: string): FieldError =>
  invalidField(`metadata.labels[${label}]`, value, fault)

/** Whoever only says what is enforced is warned of as much, in place. */
const warnAsEnforced = (labels: Labels, policy: SecurityPolicy): void => {
  const { enforce, warn } = policy
  if (labels[`${SECURITY_PREFIX}warn`] !== undefined) return
  if (parseLevel(labels[`${SECURITY_PREFIX}enforce`] ?? '') === undefined) return
  if (compareLevels(enforce.level, warn.level) <= 0) return
  const hasVersion = labels[`${SECURITY_PREFIX}warn-version`] !== undefined
  policy.warn = { level: enforce.level, version: hasVersion ? warn.version : enforce.version }
}

/** The policy of an operator's defaults, as PodSecurityConfiguration has them. Throws an Error. */
export const policyOfDefaults = (defaults: Readonly<Record<string, string>>): SecurityPolicy => {
  const modeOf = (mode: SecurityMode): LevelVersion => {
    const { [mode]: level = 'privileged', [`${mode}-version`]: version = 'latest' } = defaults
    const parsed = parseLevel(level)
    const parsedVersion = parseVersion(version)
    if (!parsed) throw new Error(`defaults.${mode}: Invalid value: "${level}": ${LEVEL_FAULT}`)
    if (parsedVersion === undefined)
      throw new Error(`defaults.${mode}-version: Invalid value: "${version}": ${VERSION_FAULT}`)
    return { level: parsed, version: parsedVersion }
  }
  return { enforce: modeOf('enforce'), audit: modeOf('audit'), warn: modeOf('warn') }
}
