/**
 * Validation of what a pod's status may become: conditions, nominations, containers' states, addresses, claims.
 *
 * Wording follows Kubernetes 1.36 (`ValidatePodStatusUpdate`). The kubelet and the scheduler write it.
 */
import type { V1ContainerStatus, V1PodStatus } from '@kubernetes/client-node'
import type { Wire } from '../meta.ts'
import {
  duplicateField,
  type FieldError,
  forbiddenField,
  invalidField,
  requiredField,
  tooLongField,
} from '../status-error.ts'
import {
  checkDnsLabel,
  checkDnsSubdomain,
  checkIp,
  checkNumericId,
  checkQualifiedName,
  FIELD_IMMUTABLE,
  isIPv6Text,
  isOneOf,
} from './field-rules.ts'
import type { Pod } from './pod.ts'
import type { Container, PodSpec } from './pod-spec-defaults.ts'
import { checkFixedAnnotations } from './pod-validation.ts'

const SYSTEM_CONDITIONS = new Set(['PodScheduled', 'Ready', 'Initialized'])
const HEALTHS = ['Healthy', 'Unhealthy', 'Unknown']
const HEALTH_MESSAGE_MAX = 1024
const LISTS = ['containerStatuses', 'initContainerStatuses', 'ephemeralContainerStatuses'] as const

export const validatePodStatusUpdate = (pod: Pod, old: Pod): FieldError[] => {
  const errors: FieldError[] = []
  const status = pod.status ?? {}
  const last = old.status ?? {}
  checkFixedAnnotations(errors, pod, old)
  checkConditions(errors, status)
  const nominated = status.nominatedNodeName
  if (nominated && nominated !== last.nominatedNodeName) {
    checkDnsSubdomain(errors, 'status.nominatedNodeName', nominated)
    if (old.spec?.nodeName) {
      const why = 'may not be set on pods that are already bound to a node'
      errors.push(forbiddenField('status.nominatedNodeName', why))
    }
  }
  checkGeneration(errors, 'status.observedGeneration', status.observedGeneration)
  if (status.qosClass !== last.qosClass) {
    errors.push(invalidField('status.qosClass', status.qosClass ?? '', FIELD_IMMUTABLE))
  }
  for (const field of LISTS) checkTransitions(errors, field, status, last, old.spec)
  checkClaims(errors, status, pod.spec)
  checkExtendedClaim(errors, status.extendedResourceClaimStatus, pod.spec)
  checkAddresses(errors, 'status.podIPs', status.podIPs, last.podIPs)
  const first = status.hostIPs?.[0]
  if (first && first.ip !== status.hostIP) {
    errors.push(invalidField('status.hostIPs[0].ip', first.ip, 'must be equal to `hostIP`'))
  }
  checkAddresses(errors, 'status.hostIPs', status.hostIPs, last.hostIPs)
  for (const field of LISTS) checkUsers(errors, field, status, pod.spec)
  for (const field of LISTS) checkHealth(errors, field, status, pod.spec)
  return errors
}

const checkGeneration = (errors: FieldError[], path: string, generation = 0): void => {
  if (generation >= 0) return
  errors.push(invalidField(path, generation, 'must be a non-negative integer'))
}

const checkConditions = (errors: FieldError[], { conditions }: Wire<V1PodStatus>): void => {
  for (const [index, { type, observedGeneration }] of (conditions ?? []).entries()) {
    const at = `status.conditions[${index}]`
    checkGeneration(errors, `${at}.observedGeneration`, observedGeneration)
    if (!SYSTEM_CONDITIONS.has(type)) checkQualifiedName(errors, `${at}.Type`, type)
  }
}

/** Claims that were made for the pod belong to entries of its spec. */
const checkClaims = (
  errors: FieldError[],
  { resourceClaimStatuses = [] }: Wire<V1PodStatus>,
  spec: PodSpec | undefined,
): void => {
  const names = new Set<string>()
  for (const [index, { name, resourceClaimName }] of resourceClaimStatuses.entries()) {
    const at = `status.resourceClaimStatuses[${index}]`
    if (!spec?.resourceClaims?.some((claim) => claim.name === name)) {
      const why = 'must match the name of an entry in `spec.resourceClaims`'
      errors.push(invalidField(`${at}.name`, name, why))
    }
    if (names.has(name)) errors.push(duplicateField(`${at}.name`, name))
    names.add(name)
    if (resourceClaimName == null) continue
    checkDnsSubdomain(errors, `${at}.resourceClaimName`, resourceClaimName)
  }
}

const checkExtendedClaim = (
  errors: FieldError[],
  claim: Wire<V1PodStatus>['extendedResourceClaimStatus'],
  spec: PodSpec | undefined,
): void => {
  if (!claim) return
  const path = 'status.extendedResourceClaimStatus'
  const mappings = claim.requestMappings ?? []
  if (mappings.length === 0) {
    const why = 'at least one request mapping is required'
    errors.push(requiredField(`${path}.requestMappings`, why))
  }
  const containers = [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])]
  const seen = new Set<string>()
  for (const [index, { containerName, resourceName, requestName }] of mappings.entries()) {
    const at = `${path}.requestMappings[${index}]`
    const container = containers.findLast(({ name }) => name === containerName)
    if (!container) {
      const why =
        'must match the name of an entry in spec.initContainers.name or spec.containers.name'
      errors.push(invalidField(`${at}.containerName`, containerName, why))
    } else if (container.resources?.requests?.[resourceName] === undefined) {
      const why =
        'must match the extended resource name of an entry in spec.initContainers.resources.requests or spec.containers.resources.requests'
      errors.push(invalidField(`${at}.resourceName`, resourceName, why))
    }
    checkDnsLabel(errors, `${path}.requestName`, requestName ?? '')
    const identity = `${containerName}/${resourceName}/${requestName}`
    if (seen.has(identity)) {
      errors.push(
        duplicateField(`${at}.containerName`, containerName),
        duplicateField(`${at}.resourceName`, resourceName),
        duplicateField(`${at}.requestName`, requestName),
      )
    }
    seen.add(identity)
  }
  if (!claim.resourceClaimName) errors.push(requiredField(`${path}.resourceClaimName`))
  else checkDnsSubdomain(errors, `${path}.resourceClaimName`, claim.resourceClaimName)
}

/** Whose processes run in the containers. */
const checkUsers = (
  errors: FieldError[],
  field: StatusList,
  status: Wire<V1PodStatus>,
  spec: PodSpec | undefined,
): void => {
  for (const [index, { user }] of (status[field] ?? []).entries()) {
    if (!user?.linux) continue
    const at = `status.${field}[${index}].user.linux`
    if (spec?.os?.name === 'windows') {
      errors.push(forbiddenField(at, 'cannot be set for a windows pod'))
      continue
    }
    checkNumericId(errors, `${at}.uid`, user.linux.uid)
    checkNumericId(errors, `${at}.gid`, user.linux.gid)
    for (const [position, group] of (user.linux.supplementalGroups ?? []).entries()) {
      checkNumericId(errors, `${at}.supplementalGroups[${position}]`, group)
    }
  }
}

/** How the devices are that containers were given. */
const checkHealth = (
  errors: FieldError[],
  field: StatusList,
  status: Wire<V1PodStatus>,
  spec: PodSpec | undefined,
): void => {
  for (const [index, { name, allocatedResourcesStatus }] of (status[field] ?? []).entries()) {
    if (!allocatedResourcesStatus?.length) continue
    const path = `status.${field}[${index}].allocatedResourcesStatus`
    if (field === 'ephemeralContainerStatuses') {
      errors.push(forbiddenField(path, 'must not be specified in container status'))
      continue
    }
    const list = field === 'containerStatuses' ? spec?.containers : spec?.initContainers
    const container = list?.find((candidate) => candidate.name === name)
    for (const [position, resource] of allocatedResourcesStatus.entries()) {
      const at = `${path}[${position}]`
      if (container) checkIsAsked(errors, `${at}.name`, resource.name, container)
      checkDevices(errors, `${at}.resources`, resource.resources ?? [])
    }
  }
}

const checkIsAsked = (
  errors: FieldError[],
  path: string,
  name: string,
  { resources }: Container,
): void => {
  const isClaim = name.startsWith('claim:')
  const isAsked = isClaim
    ? resources?.claims?.some((claim) => {
        return name === `claim:${claim.name}${claim.request ? `/${claim.request}` : ''}`
      })
    : resources?.requests?.[name] !== undefined
  if (isAsked) return
  const why = isClaim
    ? "must match one of the container's resource claims in a format 'claim:<claimName>/<request>' or 'claim:<claimName>' if request is empty"
    : "must match one of the container's resource requests"
  errors.push(invalidField(path, name, why))
}

const checkDevices = (
  errors: FieldError[],
  path: string,
  devices: readonly { resourceID: string; health?: string; message?: string }[],
): void => {
  const seen = new Set<string>()
  for (const [index, { resourceID, health = '', message }] of devices.entries()) {
    const at = `${path}[${index}]`
    isOneOf(errors, `${at}.health`, health, HEALTHS)
    if (message === '') {
      errors.push(requiredField(`${at}.message`, 'must be non-empty if specified'))
    } else if (message && Buffer.byteLength(message) > HEALTH_MESSAGE_MAX) {
      errors.push(tooLongField(`${at}.message`, HEALTH_MESSAGE_MAX))
    }
    if (seen.has(resourceID)) errors.push(duplicateField(`${at}.resourceID`, resourceID))
    seen.add(resourceID)
  }
}

type StatusList = (typeof LISTS)[number]

/** A container that ended for good stays ended. */
const checkTransitions = (
  errors: FieldError[],
  field: StatusList,
  status: Wire<V1PodStatus>,
  last: Wire<V1PodStatus>,
  spec: PodSpec | undefined,
): void => {
  for (const [index, old] of (last[field] ?? []).entries()) {
    const ended = old.state?.terminated
    if (!ended) continue
    const fresh = status[field]?.find(({ name }) => name === old.name)
    if (!fresh || fresh.state?.terminated || mayRestart(field, old, spec)) continue
    const at = `status.${field}[${index}].state`
    errors.push(forbiddenField(at, 'may not be transitioned to non-terminated state'))
  }
}

const mayRestart = (
  field: StatusList,
  { name, state }: Wire<V1ContainerStatus>,
  spec: PodSpec | undefined,
): boolean => {
  if (field === 'ephemeralContainerStatuses') return false
  const all = [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])]
  const rules = all.flatMap(({ restartPolicyRules }) => restartPolicyRules ?? [])
  if (rules.some(({ action }) => action === 'RestartAllContainers')) return true
  const list = field === 'containerStatuses' ? spec?.containers : spec?.initContainers
  const container = list?.find((candidate) => candidate.name === name)
  if (!container) return false
  const exitCode = state?.terminated?.exitCode ?? 0
  const matched = container.restartPolicyRules?.some(({ exitCodes }) => {
    const listed = exitCodes?.values?.includes(exitCode) ?? false
    return exitCodes?.operator === 'In' ? listed : exitCodes?.operator === 'NotIn' && !listed
  })
  if (matched) return true
  const policy = container.restartPolicy ?? spec?.restartPolicy
  return policy === 'OnFailure' ? exitCode !== 0 : policy !== 'Never'
}

const checkAddresses = (
  errors: FieldError[],
  path: string,
  addresses: { ip: string }[] | undefined,
  known: { ip: string }[] | undefined,
): void => {
  if (!addresses) return
  const old = (known ?? []).map(({ ip }) => ip)
  for (const [index, { ip }] of addresses.entries()) checkIp(errors, `${path}[${index}]`, ip, old)
  if (addresses.length < 2) return
  const dualStack = new Set(addresses.map(({ ip }) => isIPv6Text(ip))).size === 2
  if (dualStack && addresses.length === 2) return
  errors.push(invalidField(path, addresses, 'may specify no more than one IP for each IP family'))
}
