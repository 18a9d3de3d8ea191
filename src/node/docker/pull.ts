/**
 * Images: their status, and pulling them.
 *
 * Invariant: concurrent pulls of one image are one; every failure carries the engine's own sentence. It keeps no
 * policy (Always, IfNotPresent) and no back-off; those are the kubelet's.
 */
import type Docker from 'dockerode'
import { type ImageInfo, type RegistryCredentials, RuntimeError } from '../runtime.ts'
import { ask, engineMessage, isNotFound, runtimeError } from './engine.ts'
import { imageFrom, normalReference } from './inspection.ts'

export const imageStatus = async (
  docker: Docker,
  image: string,
): Promise<ImageInfo | undefined> => {
  const info = await ask('Unknown', () => docker.getImage(image).inspect(), isNotFound)
  return info && imageFrom(info)
}

const NOT_FOUND = /not found|does not exist|manifest unknown|name unknown/i

const pullError = (error: unknown): RuntimeError => {
  const known = runtimeError(error, 'ImagePullFailed')
  if (known.reason === 'Unavailable') return known
  const message = engineMessage(error)
  return new RuntimeError(NOT_FOUND.test(message) ? 'ImageNotFound' : 'ImagePullFailed', message)
}

const pullOnce = async (docker: Docker, image: string, credentials?: RegistryCredentials) => {
  const authconfig = credentials && {
    username: credentials.username,
    password: credentials.password,
    serveraddress: credentials.serverAddress,
    identitytoken: credentials.identityToken,
  }
  const progress = await docker.pull(image, authconfig ? { authconfig } : {})
  await new Promise<void>((resolve, reject) => {
    docker.modem.followProgress(progress, (error) => (error ? reject(error) : resolve()))
  })
}

/** Tries the credentials in order, then none; the last error counts. */
const pullImage = async (
  docker: Docker,
  image: string,
  credentials: readonly RegistryCredentials[],
): Promise<ImageInfo> => {
  const reference = normalReference(image)
  let failure: unknown
  for (const candidate of [...credentials, undefined])
    try {
      await pullOnce(docker, reference, candidate)
      failure = undefined
      break
    } catch (error) {
      failure = error
    }
  if (failure !== undefined) throw pullError(failure)
  const info = await imageStatus(docker, reference)
  if (!info) throw new RuntimeError('ImagePullFailed', `${reference} is absent after its pull`)
  return info
}

export const createPuller = (docker: Docker) => {
  const running = new Map<string, Promise<ImageInfo>>()
  return (image: string, credentials: readonly RegistryCredentials[]): Promise<ImageInfo> => {
    const key = JSON.stringify([image, credentials])
    const pull = running.get(key) ?? pullImage(docker, image, credentials)
    if (!running.has(key)) {
      running.set(key, pull)
      const forget = () => running.delete(key)
      pull.then(forget, forget)
    }
    return pull
  }
}
