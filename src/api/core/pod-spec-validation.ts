/**
 * Validation of a pod's spec, in a Pod and in a template: the order and wording of Kubernetes 1.36.
 *
 * This file holds the order and the spec's own fields; containers, volumes, scheduling and security have
 * files of their own. Defaults have been applied before. What changes may be made to a pod is in
 * `pod-validation.ts`.
 */
import type { V1PodDNSConfig } from '@kubernetes/client-node'
import type { ObjectMeta, Wire } from '../meta.ts'
import { dns1123SubdomainErrors, patternMessage, rangeMessage } from '../names.ts'
import { validateAnnotations } from '../object-meta.ts'
import {
  duplicateField,
  type FieldError,
  forbiddenField,
  invalidField,
  notFoundField,
  requiredField,
  tooLongField,
} from '../status-error.ts'
import {
  checkContainers,
  checkEphemeralContainers,
  checkInitContainers,
  type PodScope,
} from './container-validation.ts'
import {
  checkDnsLabel,
  checkDnsSubdomain,
  checkIp,
  checkLabels,
  checkQualifiedName,
  isOneOf,
  MAX_INT32,
} from './field-rules.ts'
import type { PodSpec, PodTemplate } from './pod-spec-defaults.ts'
import { checkProfileAnnotations } from './profile-annotations.ts'
import { checkOverhead, checkPodResources } from './resource-validation.ts'
import { checkAffinity, checkTolerations, checkTopologySpread } from './scheduling-validation.ts'
import { checkPodSecurity } from './security-validation.ts'
import { checkVolumes } from './volume-validation.ts'
import {
  checkForLinux,
  checkForWindows,
  checkHostProcesses,
  eachContainer,
} from './windows-validation.ts'

const RESTART_POLICIES = ['Always', 'OnFailure', 'Never']
const DNS_POLICIES = ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None']
const PREEMPTION_POLICIES = ['PreemptLowerPriority', 'Never']
const MAX_NAMESERVERS = 3
const MAX_SEARCHES = 32
const MAX_SEARCH_CHARACTERS = 2048
const MAX_HOSTNAME = 64
const DELETION_COST = 'controller.kubernetes.io/pod-deletion-cost'
const MIRROR = 'kubernetes.io/config.mirror'

/** `pod` is undefined in a template. */
export const checkPodSpec = (
  errors: FieldError[],
  path: string,
  spec: PodSpec,
  pod: Pick<ObjectMeta, 'name' | 'annotations'> | undefined,
): void => {
  if (spec.terminationGracePeriodSeconds == null) {
    errors.push(requiredField(`${path}.terminationGracePeriodSeconds`))
  }
  const volumes = checkVolumes(errors, `${path}.volumes`, spec.volumes, pod?.name)
  checkResourceClaims(errors, `${path}.resourceClaims`, spec, pod?.annotations)
  const scope: PodScope = { spec, volumes, hostUsers: spec.hostUsers !== false }
  checkContainers(errors, `${path}.containers`, scope)
  checkInitContainers(errors, `${path}.initContainers`, scope)
  checkEphemeralContainers(errors, `${path}.ephemeralContainers`, scope)
  checkPodResources(errors, `${path}.resources`, spec)
  if (spec.hostNetwork) checkHostNetworkPorts(errors, `${path}.containers`, spec, pod !== undefined)
  checkChoice(errors, `${path}.restartPolicy`, spec.restartPolicy, RESTART_POLICIES)
  checkChoice(errors, `${path}.dnsPolicy`, spec.dnsPolicy, DNS_POLICIES)
  checkLabels(errors, `${path}.nodeSelector`, spec.nodeSelector)
  checkPodSecurity(errors, `${path}.securityContext`, spec)
  if (spec.affinity) checkAffinity(errors, `${path}.affinity`, spec.affinity)
  checkDnsConfig(errors, `${path}.dnsConfig`, spec.dnsConfig, spec.dnsPolicy)
  for (const [index, { conditionType }] of (spec.readinessGates ?? []).entries()) {
    checkQualifiedName(errors, `${path}.readinessGates[${index}].conditionType`, conditionType)
  }
  checkSchedulingGates(errors, `${path}.schedulingGates`, spec)
  checkTopologySpread(errors, `${path}.topologySpreadConstraints`, spec.topologySpreadConstraints)
  checkHostProcesses(errors, path, spec)
  if (spec.hostUsers === false) checkHostUsers(errors, path, spec)
  if (spec.hostnameOverride != null) checkHostname(errors, path, spec, spec.hostnameOverride)
  checkNames(errors, path, spec)
  if (spec.preemptionPolicy != null) {
    const at = `${path}.preemptionPolicy`
    checkChoice(errors, at, spec.preemptionPolicy, PREEMPTION_POLICIES)
  }
  if (spec.overhead) checkOverhead(errors, `${path}.overhead`, spec.overhead)
  if (spec.os) checkOs(errors, path, spec)
  checkFileKeyVolumes(errors, path, spec)
}

/** A template of a workload: its labels, annotations and spec. */
export const checkPodTemplate = (
  errors: FieldError[],
  path: string,
  { metadata, spec }: PodTemplate,
): void => {
  checkLabels(errors, `${path}.labels`, metadata?.labels)
  errors.push(...validateAnnotations(metadata?.annotations, `${path}.annotations`))
  checkPodAnnotations(errors, `${path}.annotations`, metadata?.annotations, spec ?? ({} as PodSpec))
  checkPodSpec(errors, `${path}.spec`, spec ?? ({} as PodSpec), undefined)
  if (spec?.ephemeralContainers?.length) {
    const why = 'ephemeral containers not allowed in pod template'
    errors.push(forbiddenField(`${path}.spec.ephemeralContainers`, why))
  }
}

/** Annotations that Kubernetes reads: profiles, a mirror pod's and the cost of deletion. */
export const checkPodAnnotations = (
  errors: FieldError[],
  path: string,
  annotations: { [key: string]: string } | undefined,
  spec: PodSpec,
): void => {
  if (!annotations) return
  checkProfileAnnotations(errors, path, annotations, spec)
  const mirror = annotations[MIRROR]
  if (mirror !== undefined && !spec.nodeName) {
    const why = 'must set spec.nodeName if mirror pod annotation is set'
    errors.push(invalidField(`${path}[${MIRROR}]`, mirror, why))
  }
  const cost = annotations[DELETION_COST]
  if (cost === undefined) return
  const whole = /^(?:0|-?[1-9]\d*)$/.test(cost)
  if (whole && Number(cost) <= MAX_INT32 && Number(cost) >= -MAX_INT32 - 1) return
  errors.push(invalidField(`${path}[${DELETION_COST}]`, cost, 'must be a 32bit integer'))
}

const checkChoice = (
  errors: FieldError[],
  path: string,
  value: string | undefined,
  supported: readonly string[],
): void => {
  if (!value) errors.push(requiredField(path))
  else isOneOf(errors, path, value, supported)
}

const checkNames = (errors: FieldError[], path: string, spec: PodSpec): void => {
  const subdomain = (field: 'serviceAccountName' | 'nodeName' | 'priorityClassName') => {
    const name = spec[field]
    if (name) checkDnsSubdomain(errors, `${path}.${field}`, name)
  }
  subdomain('serviceAccountName')
  subdomain('nodeName')
  const seconds = spec.activeDeadlineSeconds
  if (seconds != null && (seconds < 1 || seconds > MAX_INT32)) {
    const why = rangeMessage(1, MAX_INT32)
    errors.push(invalidField(`${path}.activeDeadlineSeconds`, seconds, why))
  }
  if (spec.hostname) checkDnsLabel(errors, `${path}.hostname`, spec.hostname)
  if (spec.subdomain) checkDnsLabel(errors, `${path}.subdomain`, spec.subdomain)
  checkTolerations(errors, `${path}.tolerations`, spec.tolerations)
  for (const [index, { ip, hostnames }] of (spec.hostAliases ?? []).entries()) {
    const at = `${path}.hostAliases[${index}]`
    checkIp(errors, `${at}.ip`, ip)
    for (const [position, hostname] of (hostnames ?? []).entries()) {
      checkDnsSubdomain(errors, `${at}.hostnames[${position}]`, hostname)
    }
  }
  subdomain('priorityClassName')
  if (spec.runtimeClassName != null) {
    checkDnsSubdomain(errors, `${path}.runtimeClassName`, spec.runtimeClassName)
  }
}

const checkResourceClaims = (
  errors: FieldError[],
  path: string,
  spec: PodSpec,
  annotations: { [key: string]: string } | undefined,
): void => {
  const names = new Set<string>()
  for (const [index, claim] of (spec.resourceClaims ?? []).entries()) {
    if (annotations?.[MIRROR] !== undefined) {
      errors.push(forbiddenField('[]', 'static pods do not support resource claims'))
      continue
    }
    const at = `${path}[${index}]`
    if (!claim.name) errors.push(requiredField(`${at}.name`))
    else if (names.has(claim.name)) errors.push(duplicateField(`${at}.name`, claim.name))
    else checkDnsLabel(errors, `${at}.name`, claim.name)
    names.add(claim.name)
    const { resourceClaimName, resourceClaimTemplateName } = claim
    if (resourceClaimName != null && resourceClaimTemplateName != null) {
      const why =
        'at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified'
      errors.push(invalidField(at, claim, why))
    }
    if (resourceClaimName == null && resourceClaimTemplateName == null) {
      const why = 'must specify one of: `resourceClaimName`, `resourceClaimTemplateName`'
      errors.push(invalidField(at, claim, why))
    }
    if (resourceClaimName != null) {
      checkDnsSubdomain(errors, `${at}.resourceClaimName`, resourceClaimName)
    }
    if (resourceClaimTemplateName != null) {
      checkDnsSubdomain(errors, `${at}.resourceClaimTemplateName`, resourceClaimTemplateName)
    }
  }
}

const checkHostNetworkPorts = (
  errors: FieldError[],
  path: string,
  spec: PodSpec,
  isPod: boolean,
): void => {
  for (const [index, { ports }] of (spec.containers ?? []).entries()) {
    for (const [position, { hostPort = 0, containerPort }] of (ports ?? []).entries()) {
      // A template may leave the host port out: the pod's defaults fill it in.
      if ((!isPod && hostPort === 0) || hostPort === containerPort) continue
      const why = 'must match `containerPort` when `hostNetwork` is true'
      errors.push(invalidField(`${path}[${index}].ports[${position}].hostPort`, hostPort, why))
    }
  }
}

const UNDERSCORE_LABEL = '_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?'
const SEARCH_DOMAIN = `${UNDERSCORE_LABEL}(\\.${UNDERSCORE_LABEL})*`
const searchDomain = new RegExp(`^${SEARCH_DOMAIN}$`)

const checkDnsConfig = (
  errors: FieldError[],
  path: string,
  config: Wire<V1PodDNSConfig> | undefined,
  policy: string | undefined,
): void => {
  const nameservers = config?.nameservers ?? []
  if (policy === 'None' && !config) {
    errors.push(requiredField(path, 'must provide `dnsConfig` when `dnsPolicy` is None'))
    return
  }
  if (policy === 'None' && nameservers.length === 0) {
    const why = 'must provide at least one DNS nameserver when `dnsPolicy` is None'
    errors.push(requiredField(`${path}.nameservers`, why))
    return
  }
  if (!config) return
  if (nameservers.length > MAX_NAMESERVERS) {
    const why = `must not have more than ${MAX_NAMESERVERS} nameservers`
    errors.push(invalidField(`${path}.nameservers`, nameservers, why))
  }
  for (const [index, address] of nameservers.entries()) {
    checkIp(errors, `${path}.nameservers[${index}]`, address)
  }
  const searches = config.searches ?? []
  if (searches.length > MAX_SEARCHES) {
    const why = `must not have more than ${MAX_SEARCHES} search paths`
    errors.push(invalidField(`${path}.searches`, searches, why))
  }
  if (searches.join(' ').length > MAX_SEARCH_CHARACTERS) {
    const why = `must not have more than ${MAX_SEARCH_CHARACTERS} characters (including spaces) in the search list`
    errors.push(invalidField(`${path}.searches`, searches, why))
  }
  for (const [index, search] of searches.entries()) {
    if (search !== '.') checkSearch(errors, `${path}.searches[${index}]`, search)
  }
  for (const [index, { name }] of (config.options ?? []).entries()) {
    if (!name) errors.push(requiredField(`${path}.options[${index}]`, 'must not be empty'))
  }
}

const checkSearch = (errors: FieldError[], path: string, search: string): void => {
  const name = search.endsWith('.') ? search.slice(0, -1) : search
  if (searchDomain.test(name)) return
  const rule =
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', and must start and end with an alphanumeric character"
  errors.push(invalidField(path, name, patternMessage(rule, SEARCH_DOMAIN, 'example.com')))
}

const checkSchedulingGates = (errors: FieldError[], path: string, spec: PodSpec): void => {
  const seen = new Set<string>()
  for (const [index, { name }] of (spec.schedulingGates ?? []).entries()) {
    checkQualifiedName(errors, `${path}[${index}]`, name)
    if (seen.has(name)) errors.push(duplicateField(`${path}[${index}]`, name))
    seen.add(name)
  }
}

/** With a user namespace of its own a pod cannot share the host's others. */
const checkHostUsers = (errors: FieldError[], path: string, spec: PodSpec): void => {
  const why = 'when `hostUsers` is false'
  if (spec.hostNetwork) errors.push(forbiddenField(`${path}.hostNetwork`, why))
  if (spec.hostPID) errors.push(forbiddenField(`${path}.HostPID`, why))
  if (spec.hostIPC) errors.push(forbiddenField(`${path}.HostIPC`, why))
  for (const [at, { volumeDevices }] of eachContainer(spec, path)) {
    if (volumeDevices?.length) errors.push(forbiddenField(`${at}.volumeDevices`, why))
  }
}

const checkHostname = (
  errors: FieldError[],
  path: string,
  spec: PodSpec,
  hostname: string,
): void => {
  const at = `${path}.hostnameOverride`
  if (spec.setHostnameAsFQDN) {
    errors.push(forbiddenField(at, 'may not be specified when setHostnameAsFQDN is true'))
  }
  if (spec.hostNetwork) {
    errors.push(forbiddenField(at, 'may not be specified when hostNetwork is true'))
  }
  if (hostname.length > MAX_HOSTNAME) errors.push(tooLongField(at, MAX_HOSTNAME))
  for (const fault of dns1123SubdomainErrors(hostname)) {
    errors.push(invalidField(at, hostname, fault))
  }
}

const checkOs = (errors: FieldError[], path: string, spec: PodSpec): void => {
  const name = spec.os?.name
  if (!name) errors.push(requiredField(`${path}.os.name`))
  else if (name === 'linux') checkForLinux(errors, path, spec)
  else if (name === 'windows') checkForWindows(errors, path, spec)
  else isOneOf(errors, `${path}.os`, name, ['linux', 'windows'])
}

/** An environment variable read from a file needs the emptyDir that holds it. */
const checkFileKeyVolumes = (errors: FieldError[], path: string, spec: PodSpec): void => {
  for (const field of ['initContainers', 'containers', 'ephemeralContainers'] as const) {
    for (const [index, { env }] of (spec[field] ?? []).entries()) {
      for (const [position, { valueFrom }] of (env ?? []).entries()) {
        if (!valueFrom?.fileKeyRef) continue
        const at = `${path}.${field}[${index}].env[${position}].valueFrom.fileKeyRef.volumeName`
        const { volumeName } = valueFrom.fileKeyRef
        const volume = spec.volumes?.findLast(({ name }) => name === volumeName)
        if (!volume) errors.push(notFoundField(at, volumeName))
        else if (!volume.emptyDir) {
          const why = 'referenced volume must be of type emptyDir'
          errors.push(invalidField(at, volumeName, why))
        }
      }
    }
  }
}
