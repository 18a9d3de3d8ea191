/**
 * What a pod may and may not say about Windows: options of its own, and fields that mean nothing there.
 *
 * Wording follows Kubernetes 1.36. No node of this system runs Windows; such pods are stored and wait.
 */
import type { V1WindowsSecurityContextOptions } from '@kubernetes/client-node'
import type { Wire } from '../meta.ts'
import { dns1123SubdomainErrors } from '../names.ts'
import { type FieldError, forbiddenField, invalidField } from '../status-error.ts'
import type { Container, PodSpec } from './pod-spec-defaults.ts'

type Options = Wire<V1WindowsSecurityContextOptions>

const SPEC_KIB_MAX = 64
const DOMAIN_MAX = 256
const USER_MAX = 104
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it looks for
const CONTROL = /[\u0000-\u001f\u007f]/
const NET_BIOS = /^[^\\/:*?"<>|.][^\\/:*?"<>|]{0,14}$/
const DNS_LABEL = '[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?'
const DNS_DOMAIN = new RegExp(`^${DNS_LABEL}(?:\\.${DNS_LABEL})*$`)

/** Containers with their paths, in the order Kubernetes visits them. */
export const eachContainer = (spec: PodSpec, path: string): [string, Container][] =>
  (['initContainers', 'containers', 'ephemeralContainers'] as const).flatMap((field) =>
    (spec[field] ?? []).map((container, index): [string, Container] => [
      `${path}.${field}[${index}]`,
      container,
    ]),
  )

export const checkWindowsOptions = (
  errors: FieldError[],
  path: string,
  options: Options | undefined,
): void => {
  if (!options) return
  const { gmsaCredentialSpecName: name, gmsaCredentialSpec: spec, runAsUserName } = options
  for (const fault of name == null ? [] : dns1123SubdomainErrors(name)) {
    errors.push(invalidField(`${path}.gmsaCredentialSpecName`, name, fault))
  }
  if (spec === '') {
    const why = 'gmsaCredentialSpec cannot be an empty string'
    errors.push(invalidField(`${path}.gmsaCredentialSpec`, spec, why))
  } else if (spec != null && Buffer.byteLength(spec) > SPEC_KIB_MAX * 1024) {
    const why = `gmsaCredentialSpec size must be under ${SPEC_KIB_MAX} KiB`
    errors.push(invalidField(`${path}.gmsaCredentialSpec`, spec, why))
  }
  for (const fault of runAsUserName == null ? [] : userNameFaults(runAsUserName)) {
    errors.push(invalidField(`${path}.runAsUserName`, runAsUserName, `runAsUserName${fault}`))
  }
}

/** Faults of `user` or `domain\user`. */
const userNameFaults = (name: string): string[] => {
  if (name === '') return [' cannot be an empty string']
  if (CONTROL.test(name)) return [' cannot contain control characters']
  const parts = name.split('\\')
  if (parts.length > 2) return [' cannot contain more than one backslash']
  const faults: string[] = []
  const user = parts.at(-1) ?? ''
  const domain = parts.length === 2 ? parts[0]! : undefined
  if (domain !== undefined && domain.length >= DOMAIN_MAX) {
    faults.push(`'s Domain length must be under ${DOMAIN_MAX} characters`)
  }
  if (domain !== undefined && !NET_BIOS.test(domain) && !DNS_DOMAIN.test(domain)) {
    faults.push("'s Domain doesn't match the NetBios nor the DNS format")
  }
  if (user === '') faults.push("'s User cannot be empty")
  else if (user.length > USER_MAX) {
    faults.push(`'s User length must not be longer than ${USER_MAX} characters`)
  }
  if (/^[. ]+$/.test(user)) faults.push("'s User cannot contain only periods or spaces")
  if (/["/\\:;|=,+*?<>@[\]]/.test(user)) {
    faults.push(`'s User cannot contain the following characters: "/\\:;|=,+*?<>@[]`)
  }
  return faults
}

/** Containers that are processes of the host: all of a pod's or none, and with the host's network. */
export const checkHostProcesses = (errors: FieldError[], path: string, spec: PodSpec): void => {
  const ofPod = spec.securityContext?.windowsOptions?.hostProcess
  if (ofPod == null && !hasOwnOptions(spec)) return
  let all = 0
  let count = 0
  for (const [at, { securityContext }] of eachContainer(spec, path)) {
    all++
    const own = securityContext?.windowsOptions?.hostProcess
    if (ofPod != null && own != null && ofPod !== own) {
      const why = `pod hostProcess value must be identical if both are specified, was ${ofPod}`
      errors.push(invalidField(`${at}.securityContext.windowsOptions.hostProcess`, own, why))
    }
    if (own ?? ofPod) count++
  }
  if (count === 0) return
  if (count !== all) {
    const why =
      'If pod contains any hostProcess containers then all containers must be HostProcess containers'
    errors.push(invalidField(path, '', why))
  }
  if (spec.hostNetwork) return
  const why = 'hostNetwork must be true if pod contains any hostProcess containers'
  errors.push(invalidField(`${path}.hostNetwork`, false, why))
}

/** Whether a container has options for Windows: nearly none has, and this allocates nothing. */
const hasOwnOptions = ({ containers, initContainers, ephemeralContainers }: PodSpec): boolean =>
  containers?.some(isForWindows) ||
  initContainers?.some(isForWindows) ||
  ephemeralContainers?.some(isForWindows) ||
  false

const isForWindows = ({ securityContext }: Pick<Container, 'securityContext'>): boolean =>
  securityContext?.windowsOptions !== undefined

/** A pod that says it is for Linux has no options for Windows. */
export const checkForLinux = (errors: FieldError[], path: string, spec: PodSpec): void => {
  const why = 'windows options cannot be set for a linux pod'
  const contexts = [
    [`${path}.securityContext`, spec.securityContext] as const,
    ...eachContainer(spec, path).map(
      ([at, { securityContext }]) => [`${at}.securityContext`, securityContext] as const,
    ),
  ]
  for (const [at, context] of contexts) {
    if (context?.windowsOptions) errors.push(forbiddenField(`${at}.windowsOptions`, why))
  }
}

const NOT_OF_WINDOWS_PODS = [
  'securityContext.appArmorProfile',
  'securityContext.seLinuxOptions',
  'hostUsers',
  'hostPID',
  'hostIPC',
  'securityContext.seccompProfile',
  'securityContext.fsGroup',
  'securityContext.fsGroupChangePolicy',
  'securityContext.sysctls',
  'shareProcessNamespace',
  'securityContext.runAsUser',
  'securityContext.runAsGroup',
  'securityContext.supplementalGroups',
  'securityContext.supplementalGroupsPolicy',
  'securityContext.seLinuxChangePolicy',
]
const NOT_OF_WINDOWS_CONTAINERS = [
  'appArmorProfile',
  'seLinuxOptions',
  'seccompProfile',
  'capabilities',
  'readOnlyRootFilesystem',
  'privileged',
  'allowPrivilegeEscalation',
  'procMount',
  'runAsUser',
  'runAsGroup',
] as const

/** A pod that says it is for Windows has nothing of Linux. */
export const checkForWindows = (errors: FieldError[], path: string, spec: PodSpec): void => {
  const why = 'cannot be set for a windows pod'
  for (const field of NOT_OF_WINDOWS_PODS) {
    const holder = (field.includes('.') ? spec.securityContext : spec) as
      | Record<string, unknown>
      | undefined
    const value = holder?.[field.slice(field.indexOf('.') + 1)]
    // The flags of the host's namespaces count when they are true.
    const isSet = field.startsWith('hostP') || field === 'hostIPC' ? value : value != null
    if (isSet) errors.push(forbiddenField(`${path}.${field}`, why))
  }
  for (const [at, { securityContext }] of eachContainer(spec, path)) {
    for (const field of NOT_OF_WINDOWS_CONTAINERS) {
      if (securityContext?.[field] == null) continue
      errors.push(forbiddenField(`${at}.securityContext.${field}`, why))
    }
  }
}
