/**
 * What a pod gets from its service account, and what it may not refer to: pure.
 *
 * After Kubernetes 1.36 (`plugin/pkg/admission/serviceaccount`): the token's volume and mounts, pull secrets, the
 * annotation that limits secrets, mirror pods. Faults are the text behind `is forbidden: `. It looks nothing up.
 */
import type { Pod } from './pod.ts'
import { environmentSecrets, podSecrets } from './pod-secrets.ts'
import type { Container, PodSpec, Volume } from './pod-spec-defaults.ts'
import type { ServiceAccount } from './service-account.ts'

export const DEFAULT_ACCOUNT = 'default'
/** Where client libraries look for the token, the certificate and the namespace. */
export const TOKEN_MOUNT_PATH = '/var/run/secrets/kubernetes.io/serviceaccount'
export const TOKEN_VOLUME_PREFIX = 'kube-api-access-'
/** What is asked for the default token; it tells that it is one, and is honoured for a year. */
export const DEFAULT_TOKEN_SECONDS = 3607
const DEFAULT_FILE_MODE = 0o644
const MIRROR = 'kubernetes.io/config.mirror'
const ENFORCE_MOUNTABLE = 'kubernetes.io/enforce-mountable-secrets'
/** What Go's `strconv.ParseBool` takes for true. */
const TRUTHS: ReadonlySet<string> = new Set(['1', 't', 'T', 'true', 'TRUE', 'True'])

export const isMirrorPod = ({ metadata }: Pod): boolean =>
  metadata.annotations?.[MIRROR] !== undefined

/** The pod's wish counts before its account's; without either it is yes. */
export const wantsToken = (spec: PodSpec, account: ServiceAccount): boolean =>
  spec.automountServiceAccountToken ?? account.automountServiceAccountToken ?? true

/** Completes the pod, in place. `newVolumeName` makes a name for the token's volume if one is needed. */
export const completeFromAccount = (
  spec: PodSpec,
  account: ServiceAccount,
  newVolumeName: () => string,
): void => {
  if (wantsToken(spec, account)) mountToken(spec, newVolumeName)
  const pullSecrets = account.imagePullSecrets ?? []
  if (!spec.imagePullSecrets?.length && pullSecrets.length > 0)
    spec.imagePullSecrets = pullSecrets.map(({ name }) => (name ? { name } : {}))
}

/** A container that mounts something there keeps that. */
const mountToken = (spec: PodSpec, newVolumeName: () => string): void => {
  const present = spec.volumes?.find(({ name }) => name.startsWith(TOKEN_VOLUME_PREFIX))
  let name = present?.name
  for (const containers of [spec.initContainers, spec.containers])
    for (const container of containers ?? []) {
      if (container.volumeMounts?.some(({ mountPath }) => mountPath === TOKEN_MOUNT_PATH)) continue
      name ??= newVolumeName()
      container.volumeMounts ??= []
      container.volumeMounts.push({ name, readOnly: true, mountPath: TOKEN_MOUNT_PATH })
    }
  if (present || name === undefined) return
  spec.volumes ??= []
  spec.volumes.push({ name, projected: tokenSource() })
}

/** The content of the token's volume, made anew. */
export const tokenSource = (): NonNullable<Volume['projected']> => ({
  sources: [
    { serviceAccountToken: { expirationSeconds: DEFAULT_TOKEN_SECONDS, path: 'token' } },
    { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
    {
      downwardAPI: {
        items: [
          { path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } },
        ],
      },
    },
  ],
  defaultMode: DEFAULT_FILE_MODE,
})

/** A pod that only mirrors one of a kubelet's own may use nothing of the cluster. */
export const mirrorPodFault = ({ spec }: Pod): string | undefined => {
  if (spec?.serviceAccountName) return 'a mirror pod may not reference service accounts'
  if (spec && podSecrets(spec).size > 0) return 'a mirror pod may not reference secrets'
  const projects = spec?.volumes?.some(({ projected }) =>
    projected?.sources?.some(({ serviceAccountToken }) => serviceAccountToken),
  )
  return projects ? 'a mirror pod may not use ServiceAccountToken volume projections' : undefined
}

const limitsSecrets = ({ metadata }: ServiceAccount): boolean =>
  TRUTHS.has(metadata.annotations?.[ENFORCE_MOUNTABLE] ?? '')

/** Why a new pod may not use a secret that it refers to; undefined: it may use all of them. */
export const secretFault = (spec: PodSpec, account: ServiceAccount): string | undefined => {
  if (!limitsSecrets(account)) return undefined
  const { name } = account.metadata
  const mountable = namesOf(account.secrets)
  for (const { secret } of spec.volumes ?? [])
    if (secret && !mountable.has(secret.secretName))
      return `volume with secret.secretName="${secret.secretName ?? ''}" is not allowed because service account ${name} does not reference that secret`
  const fault =
    environmentFault('init container', spec.initContainers, account) ??
    environmentFault('container', spec.containers, account)
  if (fault) return fault
  const pullable = namesOf(account.imagePullSecrets)
  for (const [index, pull] of (spec.imagePullSecrets ?? []).entries())
    if (!pullable.has(pull.name))
      return `imagePullSecrets[${index}].name="${pull.name ?? ''}" is not allowed because service account ${name} does not reference that imagePullSecret`
  return undefined
}

/** The same of ephemeral containers, which join a pod later. */
export const ephemeralSecretFault = (spec: PodSpec, account: ServiceAccount): string | undefined =>
  limitsSecrets(account)
    ? environmentFault('ephemeral container', spec.ephemeralContainers, account)
    : undefined

const environmentFault = (
  word: string,
  containers: readonly Pick<Container, 'name' | 'env' | 'envFrom'>[] | undefined,
  account: ServiceAccount,
): string | undefined => {
  const mountable = namesOf(account.secrets)
  for (const container of containers ?? [])
    for (const { secret, variable } of environmentSecrets(container)) {
      if (mountable.has(secret)) continue
      const where = variable === undefined ? 'envFrom' : `envVar ${variable}`
      return `${word} ${container.name} with ${where} referencing secret.secretName="${secret}" is not allowed because service account ${account.metadata.name} does not reference that secret`
    }
  return undefined
}

const namesOf = (
  references: readonly { name?: string | undefined }[] | undefined,
): ReadonlySet<string | undefined> => new Set(references?.map(({ name }) => name))
