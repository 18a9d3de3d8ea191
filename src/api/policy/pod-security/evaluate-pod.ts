/**
 * Judges a pod by a level of the Pod Security Standards, as a version of Kubernetes had them.
 *
 * After Kubernetes 1.36 (`pod-security-admission/policy/registry.go`). Pure. Which checks apply is worked out once
 * a level and version. Violations come in Kubernetes' order: the baseline's by name, then the others by name.
 */
import { baselineChecks } from './baseline-checks.ts'
import { restrictedChecks } from './restricted-checks.ts'
import {
  type Annotations,
  type CheckPod,
  type PodSpec,
  type SecurityCheck,
  sorted,
  type Violation,
} from './security-check.ts'
import type { LevelVersion } from './security-policy.ts'

/** No check has changed since; later versions, and the newest, are as this one. */
const NEWEST_MINOR = Math.max(
  ...[...baselineChecks, ...restrictedChecks].flatMap(({ versions }) =>
    versions.map(([minor]) => minor),
  ),
)

export const evaluatePod = (
  { level, version }: LevelVersion,
  spec: PodSpec,
  annotations: Annotations | undefined,
): Violation[] => {
  if (level === 'privileged') return []
  const minor = version === 'latest' ? NEWEST_MINOR : Math.min(version, NEWEST_MINOR)
  return checksOf(level === 'restricted', minor).flatMap(
    (check) => check(spec, annotations ?? {}) ?? [],
  )
}

/** `hostPort (container "a" uses hostPort 80), privileged (…)`. */
export const violationsText = (violations: readonly Violation[]): string =>
  violations.map(({ reason, detail }) => (detail ? `${reason} (${detail})` : reason)).join(', ')

export const reasonsText = (violations: readonly Violation[]): string =>
  violations.map(({ reason }) => reason).join(', ')

const known = new Map<string, readonly CheckPod[]>()

const checksOf = (isRestricted: boolean, minor: number): readonly CheckPod[] => {
  const key = `${isRestricted} ${minor}`
  const found = known.get(key)
  if (found) return found
  const own = isRestricted ? restrictedChecks.filter((each) => atMinor(each, minor)) : []
  const overridden = own.flatMap(({ overrides = [] }) => overrides)
  const checks = [
    ...inOrder(baselineChecks.filter(({ id }) => !overridden.includes(id))),
    ...inOrder(own),
  ].flatMap((check) => atMinor(check, minor) ?? [])
  known.set(key, checks)
  return checks
}

const inOrder = (checks: readonly SecurityCheck[]): readonly SecurityCheck[] =>
  sorted(checks.map(({ id }) => id)).map((id) => checks.find((check) => check.id === id)!)

const atMinor = ({ versions }: SecurityCheck, minor: number): CheckPod | undefined =>
  versions.findLast(([from]) => from <= minor)?.[1]
