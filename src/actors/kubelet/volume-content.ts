/**
 * Which files a ConfigMap, Secret, downwardAPI or projected volume holds, and what a pod refers to: pure.
 *
 * Invariant: paths, modes and owners are Kubernetes'; a missing reference that is not optional throws VolumeError
 * with the message of a FailedMount event. Tokens are asked for when their file is read. Nothing is written here.
 */
import type { ConfigMap } from '../../api/core/config-map.ts'
import type { Pod } from '../../api/core/pod.ts'
import type { Secret } from '../../api/core/secret.ts'
import { VolumeError, type VolumeFile } from '../../node/volumes.ts'
import { type ConfigSources, fieldValue, type PodFacts, resourceValue } from './environment.ts'
import type { TokenQuery } from './pod-tokens.ts'
import { allContainersOf, type PodSpec } from './pod-view.ts'

export type Volume = NonNullable<PodSpec['volumes']>[number]
type Projection = NonNullable<NonNullable<Volume['projected']>['sources']>[number]
type TokenProjection = NonNullable<Projection['serviceAccountToken']>
type KeyToPath = NonNullable<NonNullable<Volume['configMap']>['items']>[number]
type DownwardItem = NonNullable<NonNullable<Volume['downwardAPI']>['items']>[number]

/** Gets a token of the pod's account. */
export type GetToken = (query: TokenQuery) => Promise<string>

const DEFAULT_MODE = 0o644
const PRIVATE_MODE = 0o600
const TOKEN_SECONDS = 3600

/** The volume's files; undefined when its kind has none (emptyDir, hostPath …). */
export const volumeFiles = (
  pod: Pod,
  volume: Volume,
  sources: ConfigSources,
  facts: PodFacts,
  token: GetToken,
): VolumeFile[] | undefined => {
  if (volume.configMap) {
    const { name = '', items, optional, defaultMode } = volume.configMap
    return configMapFiles(sources, name, items, optional, defaultMode ?? DEFAULT_MODE)
  }
  if (volume.secret) {
    const { secretName = '', items, optional, defaultMode } = volume.secret
    return secretFiles(sources, secretName, items, optional, defaultMode ?? DEFAULT_MODE)
  }
  if (volume.downwardAPI) {
    const { items, defaultMode } = volume.downwardAPI
    return downwardFiles(pod, items ?? [], facts, defaultMode ?? DEFAULT_MODE)
  }
  if (!volume.projected) return undefined
  return projectedFiles(pod, volume.projected, sources, facts, token)
}

/** Of two sources with a file at one path, the later one counts. */
const projectedFiles = (
  pod: Pod,
  { sources: parts = [], defaultMode = DEFAULT_MODE }: NonNullable<Volume['projected']>,
  sources: ConfigSources,
  facts: PodFacts,
  token: GetToken,
): VolumeFile[] => {
  const files = new Map<string, VolumeFile>()
  const faults: string[] = []
  for (const part of parts)
    try {
      for (const file of projected(pod, part, sources, facts, defaultMode, token))
        files.set(file.path, file)
    } catch (error) {
      faults.push(error instanceof Error ? error.message : String(error))
    }
  if (faults.length === 0) return [...files.values()]
  throw new VolumeError(faults.length === 1 ? faults[0]! : `[${faults.join(', ')}]`)
}

const projected = (
  pod: Pod,
  source: Projection,
  sources: ConfigSources,
  facts: PodFacts,
  mode: number,
  token: GetToken,
): VolumeFile[] => {
  if (source.configMap) {
    const { name = '', items, optional } = source.configMap
    return configMapFiles(sources, name, items, optional, mode)
  }
  if (source.secret) {
    const { name = '', items, optional } = source.secret
    return secretFiles(sources, name, items, optional, mode)
  }
  if (source.downwardAPI) return downwardFiles(pod, source.downwardAPI.items ?? [], facts, mode)
  if (source.serviceAccountToken) return [tokenFile(pod, source.serviceAccountToken, mode, token)]
  throw new VolumeError('unsupported projection')
}

/** Only for the group or the one user of the pod, where it has one. */
const tokenFile = (
  pod: Pod,
  { path, audience, expirationSeconds = TOKEN_SECONDS }: TokenProjection,
  mode: number,
  token: GetToken,
): VolumeFile => {
  const owner = onlyUserOf(pod)
  const isPrivate = owner !== undefined || pod.spec?.securityContext?.fsGroup !== undefined
  return {
    path,
    data: () => token({ expirationSeconds, ...(audience ? { audience } : {}) }),
    mode: isPrivate ? PRIVATE_MODE : mode,
    ...(owner === undefined ? {} : { owner }),
  }
}

/** The user as whom all containers run, if each says it. */
const onlyUserOf = ({ spec }: Pod): number | undefined => {
  const users = new Set(
    [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])].map(
      ({ securityContext }) => securityContext?.runAsUser ?? spec?.securityContext?.runAsUser,
    ),
  )
  return users.size === 1 ? [...users][0] : undefined
}

const pick = (
  data: ReadonlyMap<string, Uint8Array | string>,
  items: readonly KeyToPath[] | undefined,
  optional: boolean | undefined,
  mode: number,
  what: 'config' | 'secret',
): VolumeFile[] => {
  if (!items || items.length === 0)
    return [...data].map(([path, content]) => ({ path, data: content, mode }))
  return items.flatMap((item): VolumeFile[] => {
    const content = data.get(item.key)
    if (content !== undefined) return [{ path: item.path, data: content, mode: item.mode ?? mode }]
    if (optional) return []
    throw new VolumeError(`references non-existent ${what} key: ${item.key}`)
  })
}

const configMapFiles = (
  sources: ConfigSources,
  name: string,
  items: readonly KeyToPath[] | undefined,
  optional: boolean | undefined,
  mode: number,
): VolumeFile[] => {
  const found = sources.configMap(name)
  if (!found && !optional) throw new VolumeError(`configmap "${name}" not found`)
  return pick(configMapData(found), items, optional, mode, 'config')
}

const configMapData = (object: ConfigMap | undefined): Map<string, Uint8Array | string> => {
  const data = new Map<string, Uint8Array | string>(Object.entries(object?.data ?? {}))
  for (const [key, text] of Object.entries(object?.binaryData ?? {}))
    data.set(key, Buffer.from(text, 'base64'))
  return data
}

const secretFiles = (
  sources: ConfigSources,
  name: string,
  items: readonly KeyToPath[] | undefined,
  optional: boolean | undefined,
  mode: number,
): VolumeFile[] => {
  const found = sources.secret(name)
  if (!found && !optional) throw new VolumeError(`secret "${name}" not found`)
  return pick(secretData(found), items, optional, mode, 'secret')
}

const secretData = (object: Secret | undefined): Map<string, Uint8Array> =>
  new Map(
    Object.entries(object?.data ?? {}).map(([key, text]) => [key, Buffer.from(text, 'base64')]),
  )

const downwardFiles = (
  pod: Pod,
  items: readonly DownwardItem[],
  facts: PodFacts,
  mode: number,
): VolumeFile[] =>
  items.map(({ path, fieldRef, resourceFieldRef, mode: own }) => ({
    path,
    data: fieldRef
      ? fieldValue(pod, fieldRef.fieldPath, facts)
      : resourceFieldRef
        ? resourceValue(pod, undefined, resourceFieldRef, facts.allocatable)
        : '',
    mode: own ?? mode,
  }))

export interface References {
  configMaps: Set<string>
  secrets: Set<string>
}

/** What the pod's volumes refer to: followed while the pod runs, so that files stay fresh. */
export const volumeReferences = (pod: Pod): References => {
  const references: References = { configMaps: new Set(), secrets: new Set() }
  const add = (set: Set<string>, name: string | undefined) => name && set.add(name)
  for (const { configMap, secret, projected: projection } of pod.spec?.volumes ?? []) {
    add(references.configMaps, configMap?.name)
    add(references.secrets, secret?.secretName)
    for (const source of projection?.sources ?? []) {
      add(references.configMaps, source.configMap?.name)
      add(references.secrets, source.secret?.name)
    }
  }
  return references
}

/** What the environment of the pod's containers refers to: read when a container starts. */
export const environmentReferences = (pod: Pod): References => {
  const references: References = { configMaps: new Set(), secrets: new Set() }
  for (const { env, envFrom } of allContainersOf(pod)) {
    for (const { configMapRef, secretRef } of envFrom ?? []) {
      if (configMapRef?.name) references.configMaps.add(configMapRef.name)
      if (secretRef?.name) references.secrets.add(secretRef.name)
    }
    for (const { valueFrom } of env ?? []) {
      if (valueFrom?.configMapKeyRef?.name)
        references.configMaps.add(valueFrom.configMapKeyRef.name)
      if (valueFrom?.secretKeyRef?.name) references.secrets.add(valueFrom.secretKeyRef.name)
    }
  }
  return references
}

/** Whether a ConfigMap's or Secret's change must reach files of the pod. */
export const hasFiles = (pod: Pod): boolean =>
  (pod.spec?.volumes ?? []).some(
    ({ configMap, secret, downwardAPI, projected: projection }) =>
      configMap || secret || downwardAPI || projection,
  )

/** What downward API files of the pod show and users may change meanwhile; empty when it has no such files. */
export const metadataShown = ({ metadata, spec }: Pod): string => {
  const shows = spec?.volumes?.some(
    ({ downwardAPI, projected }) =>
      showsMetadata(downwardAPI?.items) ||
      projected?.sources?.some((source) => showsMetadata(source.downwardAPI?.items)),
  )
  return shows ? JSON.stringify([metadata.labels, metadata.annotations]) : ''
}

const showsMetadata = (items: readonly DownwardItem[] | undefined): boolean =>
  items?.some(({ fieldRef }) => CHANGEABLE.test(fieldRef?.fieldPath ?? '')) ?? false

const CHANGEABLE = /^metadata\.(labels|annotations)/
