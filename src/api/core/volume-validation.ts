/**
 * Validation of a pod's volumes: unique names, exactly one source, and each source by its rules.
 *
 * Wording follows Kubernetes 1.36 (`ValidateVolumes`). What the content of a source must look like is in
 * `projection-validation.ts` and `volume-sources.ts`.
 */
import type {
  V1CSIVolumeSource,
  V1EphemeralVolumeSource,
  V1ImageVolumeSource,
  V1ISCSIVolumeSource,
} from '@kubernetes/client-node'
import type { Wire } from '../meta.ts'
import { dns1123SubdomainErrors } from '../names.ts'
import {
  duplicateField,
  type FieldError,
  forbiddenField,
  invalidField,
  requiredField,
} from '../status-error.ts'
import {
  checkCsiDriverName,
  checkDnsLabel,
  checkDnsSubdomain,
  checkRelativePath,
  isOneOf,
} from './field-rules.ts'
import { checkClaimTemplate } from './persistent-volume-claim-validation.ts'
import type { Volume } from './pod-spec-defaults.ts'
import {
  checkConfigMapVolume,
  checkDownwardVolume,
  checkProjectedVolume,
  checkSecretVolume,
} from './projection-validation.ts'
import { isKnownQuantity } from './resource-list.ts'
import {
  checkAzureDisk,
  checkDisk,
  checkFibreChannel,
  checkFlexVolume,
  checkFlocker,
  checkHostPath,
  checkIscsi,
  checkNfs,
  checkQuobyte,
  checkRequired,
  checkSecretNamed,
  checkStorageOs,
  ISCSI_TOO_LONG,
  isLongIscsi,
} from './volume-sources.ts'

const PULL_POLICIES = ['Always', 'IfNotPresent', 'Never']

type SourceField = Exclude<keyof Volume, 'name'>

/** Around the source: its volume's path and name, and the pod's name where there is a pod. */
interface Surroundings {
  path: string
  volumeName: string
  podName: string | undefined
}

type Check<Source> = (
  errors: FieldError[],
  at: string,
  source: Source,
  surroundings: Surroundings,
) => void

const needs =
  <Source extends object>(...fields: (keyof Source & string)[]): Check<Source> =>
  (errors, at, source) =>
    checkRequired(errors, at, source, ...fields)

/** In the order Kubernetes looks at them: the first counts, a further one is reported. */
const CHECKS: { readonly [Field in SourceField]-?: Check<NonNullable<Volume[Field]>> } = {
  emptyDir: (errors, at, { sizeLimit }) => {
    if (sizeLimit == null || (isKnownQuantity(sizeLimit) && !sizeLimit.startsWith('-'))) return
    const why = 'SizeLimit field must be a valid resource quantity'
    errors.push(forbiddenField(`${at}.sizeLimit`, why))
  },
  hostPath: checkHostPath,
  gitRepo: (errors, at, source) => {
    checkRequired(errors, at, source, 'repository')
    checkRelativePath(errors, `${at}.directory`, source.directory ?? '')
  },
  gcePersistentDisk: (errors, _, source, { path }) =>
    checkDisk(errors, `${path}.persistentDisk`, source, 'pdName'),
  awsElasticBlockStore: (errors, at, source) => checkDisk(errors, at, source, 'volumeID'),
  secret: checkSecretVolume,
  nfs: checkNfs,
  iscsi: (errors, at, source) => checkPodIscsi(errors, at, source),
  glusterfs: needs('endpoints', 'path'),
  flocker: checkFlocker,
  persistentVolumeClaim: needs('claimName'),
  rbd: needs('monitors', 'image'),
  cinder: (errors, at, source) => {
    checkRequired(errors, at, source, 'volumeID')
    checkSecretNamed(errors, `${at}.secretRef`, source.secretRef, false)
  },
  cephfs: needs('monitors'),
  quobyte: checkQuobyte,
  downwardAPI: checkDownwardVolume,
  fc: checkFibreChannel,
  flexVolume: checkFlexVolume,
  configMap: checkConfigMapVolume,
  azureFile: needs('secretName', 'shareName'),
  vsphereVolume: needs('volumePath'),
  photonPersistentDisk: needs('pdID'),
  portworxVolume: needs('volumeID'),
  azureDisk: checkAzureDisk,
  storageos: (errors, at, source) => checkStorageOs(errors, at, source, false),
  projected: checkProjectedVolume,
  scaleIO: needs('gateway', 'system', 'volumeName'),
  csi: (errors, at, source) => checkCsi(errors, at, source),
  ephemeral: (errors, at, source, rest) => checkEphemeral(errors, at, source, rest),
  image: (errors, at, source, rest) => checkImage(errors, at, source, rest),
}

const SOURCES = Object.keys(CHECKS) as SourceField[]

/** How Kubernetes spells a few sources when it refuses them. */
const REFUSED_AS: Readonly<Record<string, string>> = {
  cephfs: 'cephFS',
  downwardAPI: 'downwarAPI',
}

/** Returns the valid volumes by name: what mounts may refer to. `podName` is undefined in a template. */
export const checkVolumes = (
  errors: FieldError[],
  path: string,
  volumes: Volume[] | undefined,
  podName: string | undefined,
): Map<string, Volume> => {
  const valid = new Map<string, Volume>()
  if (!volumes) return valid
  for (let index = 0; index < volumes.length; index++) {
    const volume = volumes[index]!
    const at = `${path}[${index}]`
    const before = errors.length
    checkSource(errors, at, volume, podName)
    if (!volume.name) errors.push(requiredField(`${at}.name`))
    else checkDnsLabel(errors, `${at}.name`, volume.name)
    if (valid.has(volume.name)) errors.push(duplicateField(`${at}.name`, volume.name))
    if (errors.length === before) valid.set(volume.name, volume)
    if (podName && volume.persistentVolumeClaim) {
      checkClaimIsOther(errors, at, volume.persistentVolumeClaim.claimName, volumes, podName)
    }
  }
  return valid
}

/** The claim of an ephemeral volume is the pod's and this volume's alone. */
const checkClaimIsOther = (
  errors: FieldError[],
  at: string,
  claimName: string,
  volumes: readonly Volume[],
  podName: string,
): void => {
  const isMade = volumes.some(({ name, ephemeral }) => {
    return ephemeral && claimName === `${podName}-${name}`
  })
  if (!isMade) return
  const why = 'must not reference a PVC that gets created for an ephemeral volume'
  errors.push(invalidField(`${at}.persistentVolumeClaim.claimName`, claimName, why))
}

const checkSource = (
  errors: FieldError[],
  path: string,
  volume: Volume,
  podName: string | undefined,
): void => {
  const volumeName = volume.name
  let found = false
  for (const field of sourcesOf(volume)) {
    if (found) {
      const at = `${path}.${REFUSED_AS[field] ?? field}`
      errors.push(forbiddenField(at, 'may not specify more than 1 volume type'))
    } else {
      const check = CHECKS[field] as Check<object>
      check(errors, `${path}.${field}`, volume[field]!, { path, volumeName, podName })
    }
    found = true
    const { targetPortal, initiatorName } = volume.iscsi ?? {}
    if (field === 'iscsi' && initiatorName != null && isLongIscsi(volumeName, targetPortal)) {
      errors.push(invalidField(`${path}.name`, volumeName, ISCSI_TOO_LONG))
    }
  }
  if (!found) errors.push(requiredField(path, 'must specify a volume type'))
}

/** Nearly every volume has one source; only several of them need an order. */
const sourcesOf = (volume: Volume): SourceField[] => {
  const found: SourceField[] = []
  for (const field in volume) {
    if (field in CHECKS && volume[field as SourceField] != null) found.push(field as SourceField)
  }
  return found.length < 2 ? found : SOURCES.filter((field) => found.includes(field))
}

const checkPodIscsi = (errors: FieldError[], at: string, source: Wire<V1ISCSIVolumeSource>): void =>
  checkIscsi(errors, at, source, { unknown: ISCSI_PREFIXES })

const ISCSI_PREFIXES = 'must be valid format starting with iqn, eui, or naa'

const checkCsi = (errors: FieldError[], at: string, source: Wire<V1CSIVolumeSource>): void => {
  checkCsiDriverName(errors, `${at}.driver`, source.driver)
  const secret = source.nodePublishSecretRef
  if (!secret) return
  if (!secret.name) errors.push(requiredField(`${at}.nodePublishSecretRef.name`))
  else checkDnsSubdomain(errors, `${at}.name`, secret.name)
}

const checkEphemeral = (
  errors: FieldError[],
  at: string,
  { volumeClaimTemplate }: Wire<V1EphemeralVolumeSource>,
  { path, volumeName, podName }: Surroundings,
): void => {
  const template = `${at}.volumeClaimTemplate`
  if (volumeClaimTemplate) checkClaimTemplate(errors, template, volumeClaimTemplate)
  else errors.push(requiredField(template))
  if (!podName || !volumeName) return
  const claim = `${podName}-${volumeName}`
  for (const fault of dns1123SubdomainErrors(claim)) {
    const why = `PVC name ${JSON.stringify(claim)}: ${fault}`
    errors.push(invalidField(`${path}.name`, volumeName, why))
  }
}

const checkImage = (
  errors: FieldError[],
  at: string,
  { reference, pullPolicy }: Wire<V1ImageVolumeSource>,
  { podName }: Surroundings,
): void => {
  // A template may leave the image to whoever makes pods of it.
  if (podName !== undefined && !reference) errors.push(requiredField(`${at}.reference`))
  if (!pullPolicy) errors.push(requiredField(`${at}.pullPolicy`))
  else isOneOf(errors, `${at}.pullPolicy`, pullPolicy, PULL_POLICIES)
}
