/**
 * What one check of the Pod Security Standards is, and what checks share: visiting containers, wording.
 *
 * After Kubernetes 1.36 (`pod-security-admission/policy`). Pure.
 */
import type { Pod } from '../../core/pod.ts'

export type PodSpec = NonNullable<Pod['spec']>
export type Container = PodSpec['containers'][number]
export type SecurityContext = NonNullable<Container['securityContext']>
export type Annotations = Readonly<Record<string, string>>

/** Why a pod is not allowed: what it has, and where. */
export interface Violation {
  reason: string
  detail: string
}

export type CheckPod = (spec: PodSpec, annotations: Annotations) => Violation | undefined

export interface SecurityCheck {
  /** Kubernetes' name of it: results come in the order of these. */
  id: string
  /** The check from a minor version on, in rising order. */
  versions: readonly (readonly [minor: number, check: CheckPod])[]
  /** The checks of the baseline that it takes the place of, where it applies. */
  overrides?: readonly string[]
}

/** Init containers, containers, ephemeral containers. */
export const containersOf = (spec: PodSpec): readonly Container[] => [
  ...(spec.initContainers ?? []),
  ...(spec.containers ?? []),
  ...((spec.ephemeralContainers ?? []) as Container[]),
]

/** Names of the containers for which `isBad` holds. */
export const namesOf = (spec: PodSpec, isBad: (container: Container) => boolean): string[] =>
  containersOf(spec)
    .filter(isBad)
    .map(({ name }) => name)

export const quoted = (texts: readonly string[]): string =>
  texts.map((text) => `"${text}"`).join(', ')

export const plural = (count: number, one: string, many = `${one}s`): string =>
  count === 1 ? one : many

/** `container "a"`, `containers "a", "b"`. */
export const containersText = (names: readonly string[]): string =>
  `${plural(names.length, 'container')} ${quoted(names)}`

/** `pod and container "a"`. */
export const settersText = (isPod: boolean, containers: readonly string[]): string =>
  [...(isPod ? ['pod'] : []), ...(containers.length > 0 ? [containersText(containers)] : [])].join(
    ' and ',
  )

/** In the order of their bytes, each once. */
export const sorted = (texts: Iterable<string>): string[] =>
  [...new Set(texts)].sort((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)))

export const isWindows = ({ os }: PodSpec): boolean => os?.name === 'windows'

/** The root of such a pod is nobody on its node. */
export const hasOwnUsers = ({ hostUsers }: PodSpec): boolean => hostUsers === false

/** `check`, except for pods that `isExcused`. */
export const unless =
  (isExcused: (spec: PodSpec) => boolean, check: CheckPod): CheckPod =>
  (spec, annotations) =>
    isExcused(spec) ? undefined : check(spec, annotations)
