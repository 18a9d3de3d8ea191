/**
 * Makes sure that a container's image is on the host, by its pull policy.
 *
 * Messages and events are those of Kubernetes' image manager. Invariant: concurrent pulls of one image are
 * one (the runtime sees to it). Back-off is the pod's memory's business, not this file's.
 */
import type { Pod } from '../../api/core/pod.ts'
import type { EventRecorder } from '../../client/event-recorder.ts'
import type { ImageInfo, RegistryCredentials, Runtime } from '../../node/runtime.ts'
import type { Clock } from '../../std/clock.ts'
import type { ConfigSources } from './environment.ts'
import { fieldPathOf, type PodContainer } from './pod-view.ts'

/** Why the image is not there: the waiting reason and message of the container's status. */
export class ImageError extends Error {
  readonly reason: 'ErrImagePull' | 'ErrImageNeverPull' | 'InvalidImageName' | 'ImageInspectError'
  constructor(reason: ImageError['reason'], message: string) {
    super(message)
    this.reason = reason
  }
}

const REFERENCE =
  /^(?:[a-zA-Z0-9](?:[-a-zA-Z0-9.]*[a-zA-Z0-9])?(?::\d+)?\/)?[a-z0-9]+(?:(?:[._]|__|-+|\/)[a-z0-9]+)*(?::\w[\w.-]{0,127})?(?:@[A-Za-z][\w+.-]*:[0-9a-fA-F]{32,})?$/

export interface ImageNeeds {
  pod: Pod
  container: PodContainer
  runtime: Runtime
  recorder: EventRecorder
  clock: Clock
  /** Fetches the pull secrets; called only when something is pulled. */
  credentials(): Promise<readonly RegistryCredentials[]>
}

export const ensureImage = async (needs: ImageNeeds): Promise<ImageInfo> => {
  const { pod, container, runtime, recorder } = needs
  const image = container.image ?? ''
  const path = fieldPathOf(pod, container.name)
  const warn = (reason: string, message: string) =>
    recorder.event(pod, 'Warning', reason, message, path)
  if (!REFERENCE.test(image)) {
    const message = `Failed to apply default image tag "${image}": couldn't parse image name "${image}": invalid reference format`
    warn('InspectFailed', message)
    throw new ImageError('InvalidImageName', message)
  }
  const policy = container.imagePullPolicy ?? 'IfNotPresent'
  const present = await inspect(runtime, image, warn)
  if (present && policy !== 'Always') {
    const message = `Container image "${image}" already present on machine and can be accessed by the pod`
    recorder.event(pod, 'Normal', 'Pulled', message, path)
    return present
  }
  if (policy === 'Never') {
    const message = `Container image "${image}" is not present with pull policy of Never`
    warn('ErrImageNeverPull', message)
    throw new ImageError('ErrImageNeverPull', message)
  }
  return pull(needs, image, path, warn)
}

const inspect = async (
  runtime: Runtime,
  image: string,
  warn: (reason: string, message: string) => void,
): Promise<ImageInfo | undefined> => {
  try {
    return await runtime.imageStatus(image)
  } catch (error) {
    const message = `Failed to inspect image "${image}": ${textOf(error)}`
    warn('InspectFailed', message)
    throw new ImageError('ImageInspectError', message)
  }
}

const pull = async (
  { pod, runtime, recorder, clock, credentials }: ImageNeeds,
  image: string,
  path: string,
  warn: (reason: string, message: string) => void,
): Promise<ImageInfo> => {
  recorder.event(pod, 'Normal', 'Pulling', `Pulling image "${image}"`, path)
  const startedMs = clock.monotonic()
  try {
    const pulled = await runtime.pull(image, await credentials())
    const took = goDuration(clock.monotonic() - startedMs)
    recorder.event(
      pod,
      'Normal',
      'Pulled',
      `Successfully pulled image "${image}" in ${took} (${took} including waiting). Image size: ${pulled.sizeBytes} bytes.`,
      path,
    )
    return pulled
  } catch (error) {
    warn('Failed', `Failed to pull image "${image}": ${textOf(error)}`)
    throw new ImageError('ErrImagePull', textOf(error))
  }
}

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** A short duration as Go prints it, to the millisecond: `85ms`, `1.204s`. */
const goDuration = (durationMs: number): string =>
  durationMs < 1000 ? `${Math.round(durationMs)}ms` : `${Number((durationMs / 1000).toFixed(3))}s`

/** Credentials in the docker config files that a pod's imagePullSecrets hold. */
export const pullCredentials = (
  names: readonly string[],
  sources: ConfigSources,
): RegistryCredentials[] =>
  names.flatMap((name) => {
    const data = sources.secret(name)?.data
    const text = data?.['.dockerconfigjson'] ?? data?.['.dockercfg']
    if (!text) return []
    const parsed = parseJson(Buffer.from(text, 'base64').toString('utf8'))
    const auths = (data?.['.dockerconfigjson'] ? parsed['auths'] : parsed) as Auths | undefined
    return Object.entries(auths ?? {}).map(([serverAddress, entry]) => ({
      serverAddress,
      ...loginOf(entry),
      ...(entry.identitytoken ? { identityToken: entry.identitytoken } : {}),
    }))
  })

type Auths = Record<
  string,
  { auth?: string; username?: string; password?: string; identitytoken?: string }
>

const parseJson = (text: string): Record<string, unknown> => {
  try {
    return JSON.parse(text) as Record<string, unknown>
  } catch {
    return {}
  }
}

const loginOf = ({ auth, username, password }: Auths[string]) => {
  if (username !== undefined || password !== undefined)
    return { username: username ?? '', password: password ?? '' }
  if (!auth) return {}
  const [name = '', ...rest] = Buffer.from(auth, 'base64').toString('utf8').split(':')
  return { username: name, password: rest.join(':') }
}
