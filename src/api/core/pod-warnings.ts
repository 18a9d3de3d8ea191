/**
 * What users are warned of in a pod or a template, though it is accepted: fields that do nothing, entries that
 * hide each other, labels and annotations of old.
 *
 * Order and wording follow Kubernetes 1.36 (`pkg/api/pod/warnings.go`). A plain pod costs a few comparisons: most
 * rules look at fields that are rarely there.
 */
import type { V1ContainerPort } from '@kubernetes/client-node'
import type { ObjectMeta, Wire } from '../meta.ts'
import { dns1123LabelErrors } from '../names.ts'
import type { Container, PodSpec, PodTemplate } from './pod-spec-defaults.ts'
import { volumeWarnings } from './volume-warnings.ts'
import {
  addressWarnings,
  fractionWarnings,
  labelDeprecation,
  termWarnings,
  workloadNameWarnings,
} from './warning-rules.ts'

type Annotations = ObjectMeta['annotations']

type Metadata = Pick<ObjectMeta, 'name' | 'generation' | 'annotations'>

interface Workload {
  metadata: Metadata
  spec?: { template?: PodTemplate }
}

const BYTES = ['memory', 'ephemeral-storage']
const DEPRECATED_ANNOTATIONS: readonly (readonly [string, string])[] = [
  [
    'scheduler.alpha.kubernetes.io/critical-pod',
    'non-functional in v1.16+; use the "priorityClassName" field instead',
  ],
  [
    'security.alpha.kubernetes.io/sysctls',
    'non-functional in v1.11+; use the "sysctls" field instead',
  ],
  [
    'security.alpha.kubernetes.io/unsafe-sysctls',
    'non-functional in v1.11+; use the "sysctls" field instead',
  ],
]
const SECCOMP_POD = 'seccomp.security.alpha.kubernetes.io/pod'
const SECCOMP_CONTAINER = 'container.seccomp.security.alpha.kubernetes.io/'
const APPARMOR_CONTAINER = 'container.apparmor.security.beta.kubernetes.io/'
const USE_SECCOMP = 'non-functional in v1.27+; use the "seccompProfile" field instead'
const USE_APPARMOR = 'deprecated since v1.30; use the "appArmorProfile" field instead'

export const podWarnings = ({
  metadata,
  spec,
}: {
  metadata: Metadata
  spec?: PodSpec
}): string[] => {
  const faults = dns1123LabelErrors(metadata.name)
  const why = 'which can result in surprising behavior; a DNS label is recommended'
  const named =
    faults.length > 0
      ? [`metadata.name: this is used in the Pod's hostname, ${why}: [${faults.join(' ')}]`]
      : []
  return spec ? [...named, ...specWarnings('', spec, metadata.annotations, false)] : named
}

export const podTemplateWarnings = (path: string, template: PodTemplate | undefined): string[] =>
  template?.spec
    ? specWarnings(`${path}.`, template.spec, template.metadata?.annotations, true)
    : []

/** Of what keeps pods by a template: a name is looked at when it is given, a template whenever the spec changes. */
export const workloadWarnings = (workload: Workload, old?: Workload): string[] => {
  const { metadata, spec } = workload
  if (old && metadata.generation === old.metadata.generation) return []
  const named = old ? [] : workloadNameWarnings(metadata.name)
  return [...named, ...podTemplateWarnings('spec.template', spec?.template)]
}

/** `prefix` is empty or ends in a dot. */
const specWarnings = (
  prefix: string,
  spec: PodSpec,
  annotations: Annotations,
  isTemplate: boolean,
): string[] => {
  const path = `${prefix}spec`
  const warnings = schedulingWarnings(path, spec)
  const noted = annotations ?? {}
  for (const [key, why] of annotations ? DEPRECATED_ANNOTATIONS : []) {
    if (key in noted) warnings.push(`${prefix}metadata.annotations[${key}]: ${why}`)
  }
  if (spec.volumes) warnings.push(...volumeWarnings(`${path}.volumes`, spec.volumes))
  warnings.push(
    ...duplicates(`${path}.hostAliases`, 'ip', spec.hostAliases),
    ...duplicates(`${path}.imagePullSecrets`, 'name', spec.imagePullSecrets),
  )
  for (const [index, { name }] of (spec.imagePullSecrets ?? []).entries()) {
    if (!name) warnings.push(`${path}.imagePullSecrets[${index}].name: invalid empty name ""`)
  }
  warnings.push(...fractionWarnings(`${path}.overhead`, spec.overhead, BYTES))
  if (SECCOMP_POD in noted && !spec.securityContext?.seccompProfile) {
    warnings.push(`${prefix}metadata.annotations[${SECCOMP_POD}]: ${USE_SECCOMP}`)
  }
  const containers = containersOf(path, spec)
  for (const [at, container] of containers) {
    if (annotations) {
      const where = `${prefix}metadata.annotations`
      warnings.push(...profileWarnings(where, spec, container, annotations, isTemplate))
    }
    warnings.push(...containerWarnings(at, container))
  }
  warnings.push(...portWarnings(containers), ...portNameWarnings(containers))
  if ((spec.terminationGracePeriodSeconds ?? 0) < 0) {
    const why = 'must be >= 0; negative values are invalid and will be treated as 1'
    warnings.push(`${path}.terminationGracePeriodSeconds: ${why}`)
  }
  if (spec.affinity) warnings.push(...podAffinityWarnings(`${path}.affinity`, spec.affinity))
  for (const [index, address] of (spec.dnsConfig?.nameservers ?? []).entries()) {
    warnings.push(...addressWarnings(`${path}.dnsConfig.nameservers[${index}]`, address))
  }
  for (const [index, { ip }] of (spec.hostAliases ?? []).entries()) {
    warnings.push(...addressWarnings(`${path}.hostAliases[${index}].ip`, ip))
  }
  return warnings
}

const schedulingWarnings = (path: string, spec: PodSpec): string[] => {
  const warnings: string[] = []
  for (const label in spec.nodeSelector) {
    const why = labelDeprecation(label)
    if (why) warnings.push(`${path}.nodeSelector[${label}]: ${why}`)
  }
  const nodes = spec.affinity?.nodeAffinity
  if (nodes) {
    const at = `${path}.affinity.nodeAffinity`
    const required = nodes.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? []
    for (const [index, term] of required.entries()) {
      const terms = `${at}.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms`
      warnings.push(...termWarnings(`${terms}[${index}]`, term))
    }
    const preferred = nodes.preferredDuringSchedulingIgnoredDuringExecution ?? []
    for (const [index, { preference }] of preferred.entries()) {
      const terms = `${at}.preferredDuringSchedulingIgnoredDuringExecution[${index}].preference`
      warnings.push(...termWarnings(terms, preference, true))
    }
  }
  const constraints = spec.topologySpreadConstraints ?? []
  for (const [index, { topologyKey, labelSelector }] of constraints.entries()) {
    const at = `${path}.topologySpreadConstraints[${index}]`
    const why = labelDeprecation(topologyKey)
    if (why) warnings.push(`${at}.topologyKey: ${topologyKey} is ${why}`)
    if (!labelSelector) warnings.push(matchesNothing(at))
  }
  return warnings
}

const matchesNothing = (path: string): string =>
  `${path}.labelSelector: a null labelSelector results in matching no pod`

const duplicates = <Item extends object>(
  path: string,
  field: keyof Item & string,
  items: readonly Item[] | undefined,
): string[] => {
  if (!items || items.length < 2) return []
  const seen = new Set<unknown>()
  return items.flatMap((item, index) => {
    const value = item[field]
    if (!seen.has(value)) {
      seen.add(value)
      return []
    }
    return [`${path}[${index}].${field}: duplicate ${field} ${JSON.stringify(value ?? '')}`]
  })
}

type Located = readonly [path: string, container: Container]

const containersOf = (path: string, spec: PodSpec): Located[] =>
  (['initContainers', 'containers', 'ephemeralContainers'] as const).flatMap((list) =>
    ((spec[list] ?? []) as Container[]).map(
      (container, index): Located => [`${path}.${list}[${index}]`, container],
    ),
  )

const profileWarnings = (
  path: string,
  spec: PodSpec,
  { name, securityContext }: Container,
  annotations: NonNullable<Annotations>,
  isTemplate: boolean,
): string[] => {
  const warnings: string[] = []
  const seccomp = `${SECCOMP_CONTAINER}${name}`
  if (seccomp in annotations && !securityContext?.seccompProfile) {
    warnings.push(`${path}[${seccomp}]: ${USE_SECCOMP}`)
  }
  const key = `${APPARMOR_CONTAINER}${name}`
  const annotation = annotations[key]
  if (!isTemplate || annotation === undefined || securityContext?.appArmorProfile) return warnings
  const { type, localhostProfile } = spec.securityContext?.appArmorProfile ?? {}
  const same: Readonly<Record<string, string>> = {
    Unconfined: 'unconfined',
    RuntimeDefault: 'runtime/default',
    Localhost: `localhost/${localhostProfile}`,
  }
  if (!type || same[type] !== annotation) warnings.push(`${path}[${key}]: ${USE_APPARMOR}`)
  return warnings
}

const containerWarnings = (path: string, { resources, env }: Container): string[] => {
  const warnings = [
    ...fractionWarnings(`${path}.resources.limits`, resources?.limits, BYTES),
    ...fractionWarnings(`${path}.resources.requests`, resources?.requests, BYTES),
  ]
  if (!env || env.length < 2) return warnings
  const seen = new Set<string>()
  for (const [index, { name, value = '', valueFrom }] of env.entries()) {
    const reference = `$(${name})`
    // A variable may be defined anew by means of itself: that is how lists in paths grow.
    const isHiding = valueFrom || value === reference || !value.includes(reference)
    if (seen.has(name) && isHiding) {
      const why = `hides previous definition of ${JSON.stringify(name)}`
      warnings.push(`${path}.env[${index}]: ${why}, which may be dropped when using apply`)
    }
    seen.add(name)
  }
  return warnings
}

type Port = Wire<V1ContainerPort>

const portWarnings = (containers: readonly Located[]): string[] => {
  const warnings: string[] = []
  const known = new Map<string, { at: string; port: Port }[]>()
  for (const [path, { ports }] of containers) {
    for (const [index, port] of (ports ?? []).entries()) {
      const at = `${path}.ports[${index}]`
      if (port.hostIP && !port.hostPort) {
        warnings.push(`${at}: hostIP set without hostPort: ${goPort(port)}`)
      }
      const key = `${port.containerPort}/${port.protocol}`
      const others = known.get(key) ?? []
      for (const other of others) {
        const kind = conflictOf(port, other.port)
        if (kind) warnings.push(`${at}: ${kind} port definition with ${other.at}`)
      }
      known.set(key, [...others, { at, port }])
    }
  }
  return warnings
}

const conflictOf = (one: Port, other: Port): string | undefined => {
  const [port = 0, otherPort = 0] = [one.hostPort, other.hostPort]
  const [ip = '', otherIp = ''] = [one.hostIP, other.hostIP]
  if (ip === otherIp && port === otherPort) return 'duplicate'
  if (port === 0 || otherPort === 0) return 'overlapping'
  const isOneOpen = (ip === '') !== (otherIp === '')
  return port === otherPort && isOneOpen ? 'dangerously ambiguous' : undefined
}

/** As Go prints the struct with `%+v`. */
const goPort = ({ name = '', hostPort = 0, containerPort, protocol = '', hostIP = '' }: Port) =>
  `{Name:${name} HostPort:${hostPort} ContainerPort:${containerPort} Protocol:${protocol} HostIP:${hostIP}}`

const portNameWarnings = (containers: readonly Located[]): string[] => {
  const warnings: string[] = []
  const known = new Map<string, string>()
  for (const [path, { ports }] of containers) {
    for (const [index, { name }] of (ports ?? []).entries()) {
      if (!name) continue
      const at = `${path}.ports[${index}]`
      const other = known.get(name)
      if (other === undefined) known.set(name, at)
      else {
        const why = `services and probes that select ports by name will use ${other}`
        warnings.push(`${at}: duplicate port name ${JSON.stringify(name)} with ${other}, ${why}`)
      }
    }
  }
  return warnings
}

const podAffinityWarnings = (
  path: string,
  { podAffinity, podAntiAffinity }: NonNullable<PodSpec['affinity']>,
): string[] =>
  Object.entries({ podAffinity, podAntiAffinity }).flatMap(([kind, affinity]) => {
    const required = affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []
    const preferred = affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []
    const at = `${path}.${kind}`
    return [
      ...required.flatMap(({ labelSelector }, index) =>
        labelSelector
          ? []
          : [matchesNothing(`${at}.requiredDuringSchedulingIgnoredDuringExecution[${index}]`)],
      ),
      ...preferred.flatMap(({ podAffinityTerm }, index) => {
        const term = `preferredDuringSchedulingIgnoredDuringExecution[${index}].podAffinityTerm`
        return podAffinityTerm?.labelSelector ? [] : [matchesNothing(`${at}.${term}`)]
      }),
    ]
  })
