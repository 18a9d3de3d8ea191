/**
 * `Volumes` on this host's file system, laid out as Kubernetes does: `<root>/pods/<uid>/volumes/
 * kubernetes.io~<plugin>/<name>`.
 *
 * Invariant: nothing outside `root` is written, hostPath's …OrCreate types apart, and nothing is deleted through a
 * mount that could not be undone. A path below a volume is followed link by link to where it really is, so that a
 * container cannot lead the host out of its volume.
 */
import {
  chmod,
  chown,
  lstat,
  mkdir,
  open,
  readdir,
  readFile,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises'
import { dirname, join, relative, sep } from 'node:path'
import type { Log } from '../std/log.ts'
import { checkHostPath } from './host-path.ts'
import { isMountPoint, mountMemory, unmountBelow } from './mounts.ts'
import { realPathBelow } from './real-path.ts'
import { writeVolumeFiles } from './volume-files.ts'
import { VolumeError, type Volumes } from './volumes.ts'

const TERMINATION_LOG_BYTES_MAX = 4096
const SETGID = 0o2000
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]*$/

/** One part of a path, from an object's name; anything else would be a defect of validation. */
const part = (name: string): string => {
  if (!NAME.test(name) || name.includes('..')) throw new VolumeError(`invalid name "${name}"`)
  return name
}

export interface VolumesOptions {
  /** Absolute and the kubelet's own; made when missing. The same here and for the runtime. */
  root: string
  /** What comes before other paths of the host, where this process sees its files elsewhere. */
  hostRoot?: () => Promise<string>
  log?: Log
}

export const createVolumes = ({
  root,
  hostRoot = async () => '',
  log,
}: VolumesOptions): Volumes => {
  const podFolder = (uid: string) => join(root, 'pods', part(uid))
  const volumeFolder = (uid: string, plugin: string, name: string) =>
    join(podFolder(uid), 'volumes', `kubernetes.io~${plugin}`, part(name))
  const logFile = (uid: string, container: string, attempt: number) =>
    join(podFolder(uid), 'containers', part(container), String(attempt))

  /** Kubernetes' emptyDir is open to all; a file system group owns it and what is made in it. */
  const openFolder = async (path: string, memory: boolean, size?: number, fsGroup?: number) => {
    await mkdir(path, { recursive: true, mode: 0o750 })
    if (memory && !(await isMountPoint(path))) await mountMemory(path, size)
    const { mode, gid } = await stat(path)
    const wanted = 0o777 | (fsGroup === undefined ? 0 : SETGID)
    if (fsGroup !== undefined && gid !== fsGroup) await chown(path, -1, fsGroup)
    if ((mode & 0o7777) !== wanted) await chmod(path, wanted)
  }

  return {
    emptyDir: async (uid, name, { memory, sizeLimitBytes, fsGroup }) => {
      const path = volumeFolder(uid, 'empty-dir', name)
      await openFolder(path, memory, sizeLimitBytes, fsGroup)
      return path
    },
    hostPath: async (path, type) => checkHostPath(path, type, await hostRoot()),
    files: async (uid, name, files, { fsGroup, plugin = 'projected', memory = false }) => {
      const path = volumeFolder(uid, plugin, name)
      await openFolder(path, memory, undefined, fsGroup)
      await writeVolumeFiles(path, files, fsGroup)
      return path
    },
    subPath: async (volume, subPath) =>
      subPathOf(volume, subPath, volume.startsWith(`${root}/`) ? '' : await hostRoot()),
    podFile: async (uid, name, content) => {
      const path = join(podFolder(uid), part(name))
      await mkdir(dirname(path), { recursive: true, mode: 0o750 })
      // In place: a container that has it mounted would keep seeing a replaced file's old content.
      const present = await readFile(path, 'utf8').catch(() => undefined)
      if (present !== content) await writeFile(path, content, { mode: 0o644 })
      return path
    },
    createTerminationLog: async (uid, container, attempt) => {
      const path = logFile(uid, container, attempt)
      await mkdir(dirname(path), { recursive: true, mode: 0o750 })
      await writeFile(path, '')
      await chmod(path, 0o666)
      return path
    },
    readTerminationLog: (uid, container, attempt) => lastBytes(logFile(uid, container, attempt)),
    removePod: async (uid) => {
      await removeUnmounted(podFolder(uid))
      log?.debug({ uid }, 'removed the folder of a pod')
    },
    listPods: () =>
      readdir(join(root, 'pods')).catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return []
        throw error
      }),
  }
}

/** Ends every mount below a kubelet's root and deletes its pods' folders. Idempotent. */
export const removeAllVolumes = (root: string): Promise<void> => removeUnmounted(join(root, 'pods'))

const removeUnmounted = async (folder: string) => {
  const stuck = await unmountBelow(folder)
  if (stuck.length > 0) throw new VolumeError(`cannot unmount ${stuck.join(', ')}`)
  await rm(folder, { recursive: true, force: true })
}

/** Every existing step is resolved, so a link that leads out of the volume is noticed at that step. */
const subPathOf = async (volumePath: string, subPath: string, root: string): Promise<string> => {
  const parts = subPath.split('/').filter((step) => step !== '' && step !== '.')
  if (subPath.startsWith('/') || parts.includes('..'))
    throw new VolumeError(`invalid subPath "${subPath}"`)
  const volume = await realPathBelow(root, volumePath)
  let path = volume
  for (const step of parts) {
    const next = join(path, step)
    const found = await lstat(root + next).catch(() => undefined)
    if (!found) await mkdir(root + next, { mode: (await stat(root + volume)).mode & 0o7777 })
    path = await realPathBelow(root, next)
    const inside = relative(volume, path)
    if (inside === '..' || inside.startsWith(`..${sep}`))
      throw new VolumeError(
        `failed to prepare subPath for volumeMount: subpath "${subPath}" is outside of the volume`,
      )
  }
  return path
}

const lastBytes = async (path: string): Promise<string> => {
  const file = await open(path).catch(() => undefined)
  if (!file) return ''
  try {
    const { size } = await file.stat()
    const length = Math.min(size, TERMINATION_LOG_BYTES_MAX)
    const { buffer } = await file.read({
      buffer: Buffer.alloc(length),
      position: size - length,
      length,
    })
    return buffer.toString()
  } finally {
    await file.close()
  }
}
