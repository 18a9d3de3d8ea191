/**
 * The source of a PersistentVolume: exactly one, checked by the rules of its sort.
 *
 * Order, paths and wording follow Kubernetes 1.36 (`ValidatePersistentVolumeSpec`). Sources that pods have,
 * too, are checked in `volume-sources.ts`.
 */
import type {
  V1AzureFilePersistentVolumeSource,
  V1CSIPersistentVolumeSource,
  V1GlusterfsPersistentVolumeSource,
  V1LocalVolumeSource,
  V1PersistentVolumeSpec,
  V1SecretReference,
} from '@kubernetes/client-node'
import type { Wire } from '../meta.ts'
import { type FieldError, forbiddenField, invalidField, requiredField } from '../status-error.ts'
import {
  checkCsiDriverName,
  checkDnsLabel,
  checkDnsSubdomain,
  checkNoBacksteps,
} from './field-rules.ts'
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
} from './volume-sources.ts'

type Spec = Wire<V1PersistentVolumeSpec>

type SourceField =
  | 'hostPath'
  | 'gcePersistentDisk'
  | 'awsElasticBlockStore'
  | 'glusterfs'
  | 'flocker'
  | 'nfs'
  | 'rbd'
  | 'quobyte'
  | 'cephfs'
  | 'iscsi'
  | 'cinder'
  | 'fc'
  | 'flexVolume'
  | 'azureFile'
  | 'vsphereVolume'
  | 'photonPersistentDisk'
  | 'portworxVolume'
  | 'azureDisk'
  | 'scaleIO'
  | 'local'
  | 'storageos'
  | 'csi'

/** Around the source: where it stands, in which spec, of a volume of which name. */
interface Surroundings {
  path: string
  spec: Spec
  name: string
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

/** In the order Kubernetes looks at them. */
const CHECKS: { readonly [Field in SourceField]: Check<NonNullable<Spec[Field]>> } = {
  hostPath: checkHostPath,
  gcePersistentDisk: (errors, _, source, { path }) =>
    checkDisk(errors, `${path}.persistentDisk`, source, 'pdName'),
  awsElasticBlockStore: (errors, at, source) => checkDisk(errors, at, source, 'volumeID'),
  glusterfs: (errors, at, source) => checkGlusterfs(errors, at, source),
  flocker: checkFlocker,
  nfs: checkNfs,
  rbd: needs('monitors', 'image'),
  quobyte: checkQuobyte,
  cephfs: needs('monitors'),
  iscsi: (errors, at, source, { name }) =>
    checkIscsi(errors, at, source, { pvName: name, unknown: 'must be valid format' }),
  cinder: (errors, at, source) => {
    checkRequired(errors, at, source, 'volumeID')
    checkSecretNamed(errors, `${at}.secretRef`, source.secretRef, true)
  },
  fc: checkFibreChannel,
  flexVolume: checkFlexVolume,
  azureFile: (errors, at, source) => checkAzureFile(errors, at, source),
  vsphereVolume: needs('volumePath'),
  photonPersistentDisk: needs('pdID'),
  portworxVolume: needs('volumeID'),
  azureDisk: checkAzureDisk,
  scaleIO: needs('gateway', 'system', 'volumeName'),
  local: (errors, at, source, rest) => checkLocal(errors, at, source, rest),
  storageos: (errors, at, source) => checkStorageOs(errors, at, source, true),
  csi: (errors, at, source) => checkCsi(errors, at, source),
}

const SOURCES = Object.keys(CHECKS) as SourceField[]

/** Only the source of `spec`. */
export const sourcesOf = (spec: Spec): Pick<Spec, SourceField> =>
  Object.fromEntries(
    SOURCES.filter((field) => spec[field]).map((field) => [field, spec[field]]),
  ) as Pick<Spec, SourceField>

/** `name`: the volume's; empty when it is described inside another object. */
export const checkSources = (
  errors: FieldError[],
  path: string,
  spec: Spec,
  name: string,
): void => {
  let count = 0
  for (const field of SOURCES) {
    const source = spec[field]
    if (!source) continue
    // A flex volume beside another source is let through.
    if (count > 0 && field !== 'flexVolume') {
      const at = `${path}.${field === 'cephfs' ? 'cephFS' : field}`
      errors.push(forbiddenField(at, 'may not specify more than 1 volume type'))
      continue
    }
    count++
    const check = CHECKS[field] as Check<object>
    check(errors, `${path}.${field}`, source, { path, spec, name })
  }
  if (count === 0) errors.push(requiredField(path, 'must specify a volume type'))
}

const checkGlusterfs = (
  errors: FieldError[],
  at: string,
  source: Wire<V1GlusterfsPersistentVolumeSource>,
): void => {
  checkRequired(errors, at, source, 'endpoints', 'path')
  const namespace = source.endpointsNamespace
  if (namespace == null) return
  if (namespace) checkDnsLabel(errors, `${at}.endpointsNamespace`, namespace)
  else {
    const why = 'if the endpointnamespace is set, it must be a valid namespace name'
    errors.push(invalidField(`${at}.endpointsNamespace`, namespace, why))
  }
}

const checkAzureFile = (
  errors: FieldError[],
  at: string,
  source: Wire<V1AzureFilePersistentVolumeSource>,
): void => {
  checkRequired(errors, at, source, 'secretName', 'shareName')
  if (source.secretNamespace === '') errors.push(requiredField(`${at}.secretNamespace`))
}

const checkLocal: Check<Wire<V1LocalVolumeSource>> = (errors, at, source, { path, spec }) => {
  if (source.path) checkNoBacksteps(errors, `${at}.path`, source.path)
  else errors.push(requiredField(`${at}.path`))
  if (spec.nodeAffinity) return
  errors.push(requiredField(`${path}.nodeAffinity`, 'Local volume requires node affinity'))
}

const CSI_SECRETS = [
  'controllerPublishSecretRef',
  'controllerExpandSecretRef',
  'nodePublishSecretRef',
  'nodeExpandSecretRef',
] as const

const checkCsi = (
  errors: FieldError[],
  at: string,
  source: Wire<V1CSIPersistentVolumeSource>,
): void => {
  checkCsiDriverName(errors, `${at}.driver`, source.driver)
  checkRequired(errors, at, source, 'volumeHandle')
  for (const field of CSI_SECRETS) {
    const secret = source[field]
    if (secret) checkSecret(errors, `${at}.${field}`, secret)
  }
}

const checkSecret = (
  errors: FieldError[],
  path: string,
  { name, namespace }: V1SecretReference,
): void => {
  if (name) checkDnsSubdomain(errors, `${path}.name`, name)
  else errors.push(requiredField(`${path}.name`))
  if (namespace) checkDnsLabel(errors, `${path}.namespace`, namespace)
  else errors.push(requiredField(`${path}.namespace`))
}
