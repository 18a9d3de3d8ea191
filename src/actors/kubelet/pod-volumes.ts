/**
 * Brings a pod's volumes into place, keeps their files fresh, and says what a container mounts.
 *
 * Invariant: mounting twice changes nothing; a volume that cannot be had fails with the message Kubernetes
 * puts into FailedMount. Which files a volume holds is decided in `volume-content.ts`.
 */
import type { Pod } from '../../api/core/pod.ts'
import { value as quantityValue } from '../../api/quantity.ts'
import type { Mount } from '../../node/runtime.ts'
import { type FileContent, type FilesOptions, VolumeError } from '../../node/volumes.ts'
import { ConfigError, expand, type PodFacts } from './environment.ts'
import type { Host } from './host.ts'
import { allContainersOf, type PodContainer, type PodSpec } from './pod-view.ts'
import { type GetToken, type Volume, volumeFiles, volumeReferences } from './volume-content.ts'

/** Host paths by volume name. */
export type VolumePaths = ReadonlyMap<string, string>

export const factsOf = (host: Host, podIP: string): PodFacts => ({
  hostIP: host.facts.hostIP,
  podIP,
  allocatable: host.allocatable,
})

/** Mounts every volume of the pod; throws VolumeError naming the first that failed. */
export const mountVolumes = async (host: Host, pod: Pod, podIP: string): Promise<VolumePaths> => {
  const wanted = pod.spec?.volumes ?? []
  const paths = new Map<string, string>()
  if (wanted.length === 0) return paths
  const sources = await host.configs.load(pod.metadata.namespace ?? '', volumeReferences(pod))
  await Promise.all(
    wanted.map(async (volume) => {
      try {
        const files = volumeFiles(pod, volume, sources, factsOf(host, podIP), tokensOf(host, pod))
        paths.set(volume.name, await place(host, pod, volume, files))
      } catch (error) {
        const text = error instanceof Error ? error.message : String(error)
        throw new VolumeError(`MountVolume.SetUp failed for volume "${volume.name}" : ${text}`)
      }
    }),
  )
  return paths
}

const tokensOf =
  ({ tokens }: Host, pod: Pod): GetToken =>
  (query) =>
    tokens.of(pod, query)

const place = (
  { volumes }: Host,
  pod: Pod,
  volume: Volume,
  files: ReturnType<typeof volumeFiles>,
): Promise<string> => {
  const { uid } = pod.metadata
  const fsGroup = pod.spec?.securityContext?.fsGroup
  const group = fsGroup === undefined ? {} : { fsGroup }
  if (files) return volumes.files(uid, volume.name, files, { ...group, ...pluginOf(volume) })
  if (volume.hostPath) return volumes.hostPath(volume.hostPath.path, volume.hostPath.type ?? '')
  if (volume.emptyDir) {
    const { medium, sizeLimit } = volume.emptyDir
    return volumes.emptyDir(uid, volume.name, {
      memory: medium === 'Memory',
      ...(sizeLimit ? { sizeLimitBytes: quantityValue(sizeLimit) } : {}),
      ...group,
    })
  }
  throw new VolumeError('no volume plugin matched')
}

const pluginOf = (volume: Volume): FilesOptions => {
  if (volume.configMap) return { plugin: 'configmap' }
  if (volume.secret) return { plugin: 'secret', memory: true }
  if (volume.downwardAPI) return { plugin: 'downward-api' }
  const isSecret = volume.projected?.sources?.some(
    ({ secret, serviceAccountToken }) => secret ?? serviceAccountToken,
  )
  return { plugin: 'projected', ...(isSecret ? { memory: true } : {}) }
}

/** What the container sees of the pod's volumes; throws ConfigError for a mount of nothing. */
export const containerMounts = async (
  host: Host,
  pod: Pod,
  container: PodContainer,
  paths: VolumePaths,
  environment: ReadonlyMap<string, string>,
): Promise<Mount[]> => {
  const mounts: Mount[] = []
  for (const mount of container.volumeMounts ?? []) {
    const path = paths.get(mount.name)
    if (path === undefined)
      throw new ConfigError(
        `cannot find volume "${mount.name}" to mount into container "${container.name}"`,
      )
    const subPath = mount.subPathExpr
      ? expand(mount.subPathExpr, (name) => environment.get(name))
      : mount.subPath
    mounts.push({
      hostPath: subPath ? await host.volumes.subPath(path, subPath) : path,
      containerPath: mount.mountPath.startsWith('/') ? mount.mountPath : `/${mount.mountPath}`,
      readOnly: (mount.readOnly ?? false) || isReadOnlyVolume(pod.spec, mount.name),
      ...propagationOf(mount.mountPropagation),
    })
  }
  return mounts
}

/** Files that Kubus writes are not the container's to change. */
const isReadOnlyVolume = (spec: PodSpec | undefined, name: string): boolean => {
  const volume = spec?.volumes?.find((other) => other.name === name)
  return !!(volume?.configMap ?? volume?.secret ?? volume?.downwardAPI ?? volume?.projected)
}

const propagationOf = (propagation: string | undefined): Pick<Mount, 'propagation'> =>
  propagation === 'HostToContainer'
    ? { propagation: 'rslave' }
    : propagation === 'Bidirectional'
      ? { propagation: 'rshared' }
      : {}

/**
 * What a volume of content holds at a path of the container, made up as it would be written now; undefined where
 * none is mounted. For runtimes whose containers have no files.
 */
export const mountedFile = async (
  host: Host,
  pod: Pod | undefined,
  containerName: string,
  path: string,
): Promise<FileContent | undefined> => {
  if (!pod) return undefined
  const container = allContainersOf(pod).find(({ name }) => name === containerName)
  for (const { name, mountPath, subPath } of container?.volumeMounts ?? []) {
    const folder = mountPath.replace(/\/*$/, '')
    if (path !== folder && !path.startsWith(`${folder}/`)) continue
    const volume = pod.spec?.volumes?.find((one) => one.name === name)
    if (!volume) continue
    const sources = await host.configs.load(pod.metadata.namespace ?? '', volumeReferences(pod))
    const files = volumeFiles(pod, volume, sources, factsOf(host, ''), tokensOf(host, pod))
    const wanted = [subPath, path.slice(folder.length + 1)].filter(Boolean).join('/')
    const file = files?.find((one) => one.path === wanted)
    if (file) return typeof file.data === 'function' ? file.data() : file.data
  }
  return undefined
}
