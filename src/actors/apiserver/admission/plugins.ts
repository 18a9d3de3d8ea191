/**
 * The admission plug-ins in the order in which they run, and which of them are on.
 *
 * After Kubernetes 1.36 (`pkg/kubeapiserver/options/plugins.go`). A new plug-in is a file beside this one and a line
 * in the list, where Kubernetes has it.
 */
import { alwaysPullImages } from './always-pull-images.ts'
import { certificateApproval } from './certificate-approval.ts'
import { certificateSigning } from './certificate-signing.ts'
import { certificateSubjectRestriction } from './certificate-subject-restriction.ts'
import { defaultIngressClass } from './default-ingress-class.ts'
import { defaultStorageClass } from './default-storage-class.ts'
import { defaultTolerationSeconds } from './default-toleration-seconds.ts'
import { denyServiceExternalIPs } from './deny-service-external-ips.ts'
import { deviceAdminAccess } from './device-admin-access.ts'
import { eventRateLimit } from './event-rate-limit.ts'
import { extendedResourceToleration } from './extended-resource-toleration.ts'
import { limitPodHardAntiAffinityTopology } from './limit-pod-hard-anti-affinity-topology.ts'
import { limitRanger } from './limit-ranger.ts'
import { mutatingAdmissionPolicy } from './mutating-admission-policy.ts'
import { mutatingAdmissionWebhook } from './mutating-admission-webhook.ts'
import { namespaceLifecycle } from './namespace-lifecycle.ts'
import { nodeDeclaredFeatureValidator } from './node-declared-feature-validator.ts'
import { nodeRestriction } from './node-restriction.ts'
import { ownerReferencesPermissionEnforcement } from './owner-references-permission-enforcement.ts'
import { persistentVolumeClaimResize } from './persistent-volume-claim-resize.ts'
import type { AdmissionPlugin } from './plugin.ts'
import { podNodeSelector } from './pod-node-selector.ts'
import { podResizeValidator } from './pod-resize-validator.ts'
import { podSecurity } from './pod-security.ts'
import { podTolerationRestriction } from './pod-toleration-restriction.ts'
import { podTopologyLabels } from './pod-topology-labels.ts'
import { policyParameterRights } from './policy-parameter-rights.ts'
import { priority } from './priority.ts'
import { resourceQuota } from './resource-quota.ts'
import { roleEscalation } from './role-escalation.ts'
import { runtimeClass } from './runtime-class.ts'
import { serviceAccount } from './service-account.ts'
import { storageObjectInUseProtection } from './storage-object-in-use-protection.ts'
import { taintNodesByCondition } from './taint-nodes-by-condition.ts'
import { validatingAdmissionPolicy } from './validating-admission-policy.ts'
import { validatingAdmissionWebhook } from './validating-admission-webhook.ts'

/** As kube-apiserver's `--enable-admission-plugins`, `--disable-admission-plugins` and its AdmissionConfiguration. */
export interface AdmissionOptions {
  enable?: readonly string[]
  disable?: readonly string[]
  /** By the plug-in's name. */
  configuration?: Readonly<Record<string, unknown>>
}

/** A plug-in that is made from its configuration; `{}` where there is none. Throws an Error for one it cannot use. */
interface ConfigurablePlugin {
  name: string
  configured(configuration: object): AdmissionPlugin
}

/** In Kubernetes' order. */
const PLUGINS: readonly (AdmissionPlugin | ConfigurablePlugin)[] = [
  namespaceLifecycle,
  limitPodHardAntiAffinityTopology,
  limitRanger,
  serviceAccount,
  nodeRestriction,
  taintNodesByCondition,
  alwaysPullImages,
  { name: 'PodSecurity', configured: podSecurity },
  { name: 'PodNodeSelector', configured: podNodeSelector },
  priority,
  defaultTolerationSeconds,
  { name: 'PodTolerationRestriction', configured: podTolerationRestriction },
  { name: 'EventRateLimit', configured: eventRateLimit },
  extendedResourceToleration,
  defaultStorageClass,
  storageObjectInUseProtection,
  ownerReferencesPermissionEnforcement,
  persistentVolumeClaimResize,
  runtimeClass,
  certificateApproval,
  certificateSigning,
  certificateSubjectRestriction,
  defaultIngressClass,
  denyServiceExternalIPs,
  podTopologyLabels,
  nodeDeclaredFeatureValidator,
  podResizeValidator,
  deviceAdminAccess,
  mutatingAdmissionPolicy,
  mutatingAdmissionWebhook,
  roleEscalation,
  policyParameterRights,
  validatingAdmissionPolicy,
  validatingAdmissionWebhook,
  resourceQuota,
]

/** Those that run only where they are asked for. */
const OFF_BY_DEFAULT = new Set([
  'LimitPodHardAntiAffinityTopology',
  'AlwaysPullImages',
  'PodNodeSelector',
  'PodTolerationRestriction',
  'EventRateLimit',
  'ExtendedResourceToleration',
  'OwnerReferencesPermissionEnforcement',
  'DenyServiceExternalIPs',
])

/** What Kubernetes does in its registries: nobody switches it off. */
const ALWAYS_ON = new Set(['DeviceAdminAccess', 'PolicyParameterRights', 'RoleEscalation'])

/** The plug-ins that run. Throws an Error for a name that is not known, as kube-apiserver ends with one. */
export const pluginsOf = (options: AdmissionOptions): AdmissionPlugin[] => {
  const { enable = [], disable = [], configuration = {} } = options
  checkKnown('enable', enable)
  checkKnown('disable', disable)
  const both = enable.filter((name) => disable.includes(name))
  if (both.length > 0)
    throw new Error(
      `[${both.join(' ')}] in enable-admission-plugins and disable-admission-plugins overlapped`,
    )
  return PLUGINS.filter(
    ({ name }) => !disable.includes(name) && (enable.includes(name) || !OFF_BY_DEFAULT.has(name)),
  ).map((plugin) =>
    'configured' in plugin ? plugin.configured(configuration[plugin.name] ?? {}) : plugin,
  )
}

const checkKnown = (list: string, names: readonly string[]): void => {
  const isKnown = (name: string) =>
    !ALWAYS_ON.has(name) && PLUGINS.some((plugin) => plugin.name === name)
  const unknown = names.find((name) => !isKnown(name))
  if (unknown !== undefined)
    throw new Error(`${list}-admission-plugins plugin "${unknown}" is unknown`)
}
