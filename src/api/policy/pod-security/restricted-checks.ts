/**
 * The checks of the level `restricted`: what hardening pods is known to take, at the price of some workloads.
 *
 * After Kubernetes 1.36 (`pod-security-admission/policy`), with its reasons and details. Pure. The baseline's
 * checks apply, too, but for those that are overridden here.
 */
import { procMount } from './baseline-checks.ts'
import { seccompProfile } from './profile-checks.ts'
import {
  type CheckPod,
  type Container,
  containersOf,
  containersText,
  hasOwnUsers,
  isWindows,
  namesOf,
  type PodSpec,
  plural,
  quoted,
  type SecurityCheck,
  settersText,
  sorted,
  unless,
} from './security-check.ts'

const allowPrivilegeEscalation: CheckPod = (spec) => {
  const bad = namesOf(
    spec,
    ({ securityContext }) => securityContext?.allowPrivilegeEscalation !== false,
  )
  if (bad.length === 0) return undefined
  const detail = `${containersText(bad)} must set securityContext.allowPrivilegeEscalation=false`
  return { reason: 'allowPrivilegeEscalation != false', detail }
}

const dropsAll = ({ securityContext }: Container): boolean =>
  securityContext?.capabilities?.drop?.includes('ALL') ?? false

const addedCapabilities = ({ securityContext }: Container): string[] =>
  (securityContext?.capabilities?.add ?? []).filter((name) => name !== 'NET_BIND_SERVICE')

const capabilities: CheckPod = (spec) => {
  const keeping = namesOf(spec, (container) => !dropsAll(container))
  const adding = namesOf(spec, (container) => addedCapabilities(container).length > 0)
  const added = sorted(containersOf(spec).flatMap(addedCapabilities))
  const details = [
    ...(keeping.length > 0
      ? [`${containersText(keeping)} must set securityContext.capabilities.drop=["ALL"]`]
      : []),
    ...(adding.length > 0
      ? [
          `${containersText(adding)} must not include ${quoted(added)} in securityContext.capabilities.add`,
        ]
      : []),
  ]
  if (details.length === 0) return undefined
  return { reason: 'unrestricted capabilities', detail: details.join('; ') }
}

const ALLOWED_VOLUMES = [
  'configMap',
  'csi',
  'downwardAPI',
  'emptyDir',
  'ephemeral',
  'image',
  'persistentVolumeClaim',
  'projected',
  'secret',
]
/** In the order in which one is looked for. */
const RESTRICTED_VOLUMES = [
  'hostPath',
  'gcePersistentDisk',
  'awsElasticBlockStore',
  'gitRepo',
  'nfs',
  'iscsi',
  'glusterfs',
  'rbd',
  'flexVolume',
  'cinder',
  'cephfs',
  'flocker',
  'fc',
  'azureFile',
  'vsphereVolume',
  'quobyte',
  'azureDisk',
  'photonPersistentDisk',
  'portworxVolume',
  'scaleIO',
  'storageos',
]

type Volume = NonNullable<PodSpec['volumes']>[number]

const restrictedVolumes: CheckPod = ({ volumes = [] }) => {
  const has = (volume: Volume, field: string) =>
    (volume as unknown as Record<string, unknown>)[field] != null
  const bad = volumes.filter((volume) => !ALLOWED_VOLUMES.some((field) => has(volume, field)))
  if (bad.length === 0) return undefined
  const types = sorted(
    bad.map((volume) => RESTRICTED_VOLUMES.find((field) => has(volume, field)) ?? 'unknown'),
  )
  const what = plural(types.length, 'restricted volume type')
  const detail = `${plural(bad.length, 'volume')} ${quoted(bad.map(({ name }) => name))} ${plural(bad.length, 'uses', 'use')} ${what} ${quoted(types)}`
  return { reason: 'restricted volume types', detail }
}

const runAsNonRoot: CheckPod = (spec) => {
  const ofPod = spec.securityContext?.runAsNonRoot
  const reason = 'runAsNonRoot != true'
  const refusing = namesOf(spec, ({ securityContext }) => securityContext?.runAsNonRoot === false)
  const setters = settersText(ofPod === false, refusing)
  if (setters)
    return { reason, detail: `${setters} must not set securityContext.runAsNonRoot=false` }
  if (ofPod) return undefined
  const silent = namesOf(spec, ({ securityContext }) => securityContext?.runAsNonRoot == null)
  if (silent.length === 0) return undefined
  const detail = `pod or ${containersText(silent)} must set securityContext.runAsNonRoot=true`
  return { reason, detail }
}

const runAsUser: CheckPod = (spec) => {
  const bad = namesOf(spec, ({ securityContext }) => securityContext?.runAsUser === 0)
  const setters = settersText(spec.securityContext?.runAsUser === 0, bad)
  return setters
    ? { reason: 'runAsUser=0', detail: `${setters} must not set runAsUser=0` }
    : undefined
}

/** It must be set, and not to a bad value. */
const seccompIsSet: CheckPod = (spec, annotations) => {
  const bad = seccompProfile(spec, annotations)
  if (bad || spec.securityContext?.seccompProfile) return bad
  const silent = namesOf(spec, ({ securityContext }) => !securityContext?.seccompProfile)
  if (silent.length === 0) return undefined
  const detail = `pod or ${containersText(silent)} must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"`
  return { reason: 'seccompProfile', detail }
}

export const restrictedChecks: readonly SecurityCheck[] = [
  {
    id: 'allowPrivilegeEscalation',
    versions: [
      [8, allowPrivilegeEscalation],
      [25, unless(isWindows, allowPrivilegeEscalation)],
    ],
  },
  {
    id: 'capabilities_restricted',
    versions: [
      [22, capabilities],
      [25, unless(isWindows, capabilities)],
    ],
    overrides: ['capabilities_baseline'],
  },
  { id: 'procMount_restricted', versions: [[35, procMount]], overrides: ['procMount'] },
  {
    id: 'restrictedVolumes',
    versions: [[0, restrictedVolumes]],
    overrides: ['hostPathVolumes'],
  },
  {
    id: 'runAsNonRoot',
    versions: [
      [0, runAsNonRoot],
      [35, unless(hasOwnUsers, runAsNonRoot)],
    ],
  },
  {
    id: 'runAsUser',
    versions: [
      [23, runAsUser],
      [35, unless(hasOwnUsers, runAsUser)],
    ],
  },
  {
    id: 'seccompProfile_restricted',
    versions: [
      [19, seccompIsSet],
      [25, unless(isWindows, seccompIsSet)],
    ],
    overrides: ['seccompProfile_baseline'],
  },
]
