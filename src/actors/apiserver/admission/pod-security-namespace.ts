/**
 * What changing the Pod Security level of a namespace means to the pods in it, as warnings.
 *
 * After Kubernetes 1.36 (`pod-security-admission/admission`). Invariant: at most 3000 pods are looked at, for a
 * second, and others have their turn meanwhile. Nothing is refused.
 */
import { Pod } from '../../../api/core/pod.ts'
import { controllerOf } from '../../../api/meta.ts'
import {
  isAllPrivileged,
  isEquivalent,
  type LevelVersion,
  levelText,
  SECURITY_PREFIX,
  type SecurityMode,
  type SecurityPolicy,
} from '../../../api/policy/pod-security/security-policy.ts'
import { sleep } from '../../../std/clock.ts'
import { warn } from '../request.ts'
import type { AdmissionAttributes } from './plugin.ts'

const PODS_MAX = 3000
const LOOKING_MAX_MS = 1000
/** So many are looked at in one turn of the event loop. */
const PODS_A_TURN = 200

/** Warns of pods in `namespace` that `enforce` would refuse. */
export const warnOfPods = async (
  { services, request }: AdmissionAttributes,
  namespace: string,
  enforce: LevelVersion,
  isExempt: (pod: Pod) => boolean,
): Promise<undefined> => {
  const { evaluatePod, reasonsText } = await import(
    '../../../api/policy/pod-security/evaluate-pod.ts'
  )
  const { storage, clock } = services
  const pods = oneOfEachFirst(
    storage.cache.list(Pod, { namespace }).filter((pod) => !isExempt(pod)),
  )
  const until = clock.monotonic() + LOOKING_MAX_MS
  const named = new Map<string, string[]>()
  let looked = 0
  for (const pod of pods.slice(0, PODS_MAX)) {
    looked++
    if (!pod.spec) continue
    const found = evaluatePod(enforce, pod.spec, pod.metadata.annotations)
    if (found.length > 0) {
      const reasons = reasonsText(found)
      named.set(reasons, [...(named.get(reasons) ?? []), pod.metadata.name])
    }
    if (looked % PODS_A_TURN === 0) {
      await sleep(0, clock)
      if (clock.monotonic() > until) break
    }
  }
  if (looked < pods.length)
    warn(
      request,
      `new PodSecurity enforce level only checked against the first ${looked} of ${pods.length} existing pods`,
    )
  if (named.size === 0) return undefined
  const level = JSON.stringify(levelText(enforce))
  warn(
    request,
    `existing pods in namespace ${JSON.stringify(namespace)} violate the new PodSecurity enforce level ${level}`,
  )
  for (const text of [...named].map(podsText).sort()) warn(request, text)
  return undefined
}

const podsText = ([reasons, names]: [string, string[]]): string => {
  const [first] = names.toSorted()
  const others = names.length - 1
  if (others === 0) return `${first}: ${reasons}`
  return `${first} (and ${others} other pod${others === 1 ? '' : 's'}): ${reasons}`
}

/** Pods of one controller are alike: the others of each come last. */
const oneOfEachFirst = (pods: readonly Pod[]): Pod[] => {
  const seen = new Set<string>()
  const later: Pod[] = []
  const first = pods.filter((pod) => {
    const owner = controllerOf(pod)?.uid
    if (owner === undefined) return true
    if (seen.has(owner)) {
      later.push(pod)
      return false
    }
    seen.add(owner)
    return true
  })
  return [...first, ...later]
}

/** Undefined where the labels of an exempt namespace ask for nothing. */
export const exemptNamespaceWarning = (
  name: string,
  policy: SecurityPolicy,
  defaults: SecurityPolicy,
  labels: Readonly<Record<string, string>> | undefined,
): string | undefined => {
  if (isAllPrivileged(policy) || isEquivalent(policy, defaults)) return undefined
  const modes: readonly SecurityMode[] = ['enforce', 'audit', 'warn']
  const asked = modes.filter((mode) => {
    const label = SECURITY_PREFIX + mode
    const isStated = labels?.[label] !== undefined || labels?.[`${label}-version`] !== undefined
    return policy[mode].level !== 'privileged' && isStated
  })
  const text = asked.map((mode) => `${mode}=${levelText(policy[mode])}`).join(', ')
  return `namespace ${JSON.stringify(name)} is exempt from Pod Security, and the policy (${text}) will be ignored`
}
