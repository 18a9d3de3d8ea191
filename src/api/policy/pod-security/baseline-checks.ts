/**
 * The checks of the level `baseline`: nothing by which a pod is known to raise its own rights.
 *
 * After Kubernetes 1.36 (`pod-security-admission/policy`), with its reasons and details. Pure. What concerns
 * profiles and labels of the kernel's security modules is in `profile-checks.ts`.
 */
import { profileChecks } from './profile-checks.ts'
import {
  type CheckPod,
  type Container,
  containersOf,
  containersText,
  hasOwnUsers,
  namesOf,
  plural,
  quoted,
  type SecurityCheck,
  settersText,
  sorted,
  unless,
} from './security-check.ts'

const hostNamespaces: CheckPod = ({ hostNetwork, hostPID, hostIPC }) => {
  const shared = Object.entries({ hostNetwork, hostPID, hostIPC })
    .filter(([, isShared]) => isShared)
    .map(([field]) => `${field}=true`)
  return shared.length > 0 ? { reason: 'host namespaces', detail: shared.join(', ') } : undefined
}

const privileged: CheckPod = (spec) => {
  const bad = namesOf(spec, ({ securityContext }) => securityContext?.privileged === true)
  if (bad.length === 0) return undefined
  const detail = `${containersText(bad)} must not set securityContext.privileged=true`
  return { reason: 'privileged', detail }
}

const DEFAULT_CAPABILITIES = new Set([
  'AUDIT_WRITE',
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'MKNOD',
  'NET_BIND_SERVICE',
  'SETFCAP',
  'SETGID',
  'SETPCAP',
  'SETUID',
  'SYS_CHROOT',
])

const foreignCapabilities = ({ securityContext }: Container): string[] =>
  (securityContext?.capabilities?.add ?? []).filter((name) => !DEFAULT_CAPABILITIES.has(name))

const capabilities: CheckPod = (spec) => {
  const bad = namesOf(spec, (container) => foreignCapabilities(container).length > 0)
  if (bad.length === 0) return undefined
  const added = sorted(containersOf(spec).flatMap(foreignCapabilities))
  const detail = `${containersText(bad)} must not include ${quoted(added)} in securityContext.capabilities.add`
  return { reason: 'non-default capabilities', detail }
}

const hostPathVolumes: CheckPod = ({ volumes = [] }) => {
  const bad = volumes.filter(({ hostPath }) => hostPath).map(({ name }) => name)
  if (bad.length === 0) return undefined
  return { reason: 'hostPath volumes', detail: `${plural(bad.length, 'volume')} ${quoted(bad)}` }
}

const hostPortsOf = ({ ports = [] }: Container): string[] =>
  ports.filter(({ hostPort }) => hostPort).map(({ hostPort }) => String(hostPort))

const hostPorts: CheckPod = (spec) => {
  const bad = namesOf(spec, (container) => hostPortsOf(container).length > 0)
  if (bad.length === 0) return undefined
  const ports = sorted(containersOf(spec).flatMap(hostPortsOf))
  const detail = `${containersText(bad)} ${plural(bad.length, 'uses', 'use')} ${plural(ports.length, 'hostPort')} ${ports.join(', ')}`
  return { reason: 'hostPort', detail }
}

const hostsOf = (container: Container): string[] => {
  const { livenessProbe, readinessProbe, startupProbe, lifecycle } = container
  return [livenessProbe, readinessProbe, startupProbe, lifecycle?.postStart, lifecycle?.preStop]
    .flatMap((handler) => [handler?.httpGet?.host, handler?.tcpSocket?.host])
    .filter((host): host is string => Boolean(host))
}

const hostProbes: CheckPod = (spec) => {
  const bad = sorted(namesOf(spec, (container) => hostsOf(container).length > 0))
  if (bad.length === 0) return undefined
  const hosts = sorted(containersOf(spec).flatMap(hostsOf))
  const what = plural(hosts.length, 'probe or lifecycle host')
  const detail = `${containersText(bad)} ${plural(bad.length, 'uses', 'use')} ${what} ${quoted(hosts)}`
  return { reason: 'probe or lifecycle host', detail }
}

/** A strange one is whatever is not the default. */
const strangeProcMount = ({ securityContext }: Container): string | undefined => {
  const { procMount } = securityContext ?? {}
  return procMount != null && procMount !== 'Default' ? procMount : undefined
}

export const procMount: CheckPod = (spec) => {
  const bad = namesOf(spec, (container) => strangeProcMount(container) !== undefined)
  if (bad.length === 0) return undefined
  const types = sorted(containersOf(spec).flatMap((each) => strangeProcMount(each) ?? []))
  const detail = `${containersText(bad)} must not set securityContext.procMount to ${quoted(types)}`
  return { reason: 'procMount', detail }
}

const SYSCTLS = [
  'kernel.shm_rmid_forced',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.tcp_syncookies',
  'net.ipv4.ping_group_range',
  'net.ipv4.ip_unprivileged_port_start',
]
const SYSCTLS_27 = [...SYSCTLS, 'net.ipv4.ip_local_reserved_ports']
const SYSCTLS_29 = [
  ...SYSCTLS_27,
  'net.ipv4.tcp_keepalive_time',
  'net.ipv4.tcp_fin_timeout',
  'net.ipv4.tcp_keepalive_intvl',
  'net.ipv4.tcp_keepalive_probes',
]
const SYSCTLS_32 = [...SYSCTLS_29, 'net.ipv4.tcp_rmem', 'net.ipv4.tcp_wmem']

const sysctls =
  (allowed: readonly string[]): CheckPod =>
  ({ securityContext }) => {
    const set = (securityContext?.sysctls ?? []).map(({ name }) => name)
    const bad = set.filter((name) => !allowed.includes(name))
    return bad.length > 0 ? { reason: 'forbidden sysctls', detail: bad.join(', ') } : undefined
  }

const windowsHostProcess: CheckPod = (spec) => {
  const isPod = spec.securityContext?.windowsOptions?.hostProcess === true
  const bad = namesOf(
    spec,
    ({ securityContext }) => securityContext?.windowsOptions?.hostProcess === true,
  )
  if (!isPod && bad.length === 0) return undefined
  const detail = `${settersText(isPod, bad)} must not set securityContext.windowsOptions.hostProcess=true`
  return { reason: 'hostProcess', detail }
}

export const baselineChecks: readonly SecurityCheck[] = [
  ...profileChecks,
  { id: 'capabilities_baseline', versions: [[0, capabilities]] },
  { id: 'hostNamespaces', versions: [[0, hostNamespaces]] },
  { id: 'hostPathVolumes', versions: [[0, hostPathVolumes]] },
  { id: 'hostPorts', versions: [[0, hostPorts]] },
  { id: 'hostProbesAndHostLifecycle', versions: [[34, hostProbes]] },
  { id: 'privileged', versions: [[0, privileged]] },
  {
    id: 'procMount',
    versions: [
      [0, procMount],
      [35, unless(hasOwnUsers, procMount)],
    ],
  },
  {
    id: 'sysctls',
    versions: [
      [0, sysctls(SYSCTLS)],
      [27, sysctls(SYSCTLS_27)],
      [29, sysctls(SYSCTLS_29)],
      [32, sysctls(SYSCTLS_32)],
    ],
  },
  { id: 'windowsHostProcess', versions: [[0, windowsHostProcess]] },
]
