/**
 * The checks of a hostPath volume's `type`, with Kubernetes' messages.
 * Invariant: creates only for the …OrCreate types, and nothing above the path itself. `''` checks nothing.
 */
import type { Stats } from 'node:fs'
import { mkdir, open, stat } from 'node:fs/promises'
import { realPathBelow } from './real-path.ts'
import { VolumeError } from './volumes.ts'

const CHECKS: Record<string, { is(found: Stats): boolean; what: string }> = {
  Directory: { is: (found) => found.isDirectory(), what: 'a directory' },
  DirectoryOrCreate: { is: (found) => found.isDirectory(), what: 'a directory' },
  File: { is: (found) => found.isFile(), what: 'a file' },
  FileOrCreate: { is: (found) => found.isFile(), what: 'a file' },
  Socket: { is: (found) => found.isSocket(), what: 'a socket file' },
  CharDevice: { is: (found) => found.isCharacterDevice(), what: 'a character device' },
  BlockDevice: { is: (found) => found.isBlockDevice(), what: 'a block device' },
}

const create = async (path: string, type: string) => {
  if (type === 'DirectoryOrCreate') await mkdir(path, { recursive: true, mode: 0o755 })
  else if (type === 'FileOrCreate') await (await open(path, 'a', 0o644)).close()
}

/** `root` comes before the path, where the host's files are seen elsewhere. */
export const checkHostPath = async (path: string, type: string, root: string): Promise<string> => {
  if (type === '') return path
  const check = CHECKS[type]
  if (!check) throw new VolumeError(`hostPath type check failed: ${type} is an invalid volume type`)
  const real = root === '' ? path : root + (await realPathBelow(root, path))
  const look = () => stat(real).catch(() => undefined)
  let found = await look()
  if (!found && type.endsWith('OrCreate')) {
    await create(real, type).catch((error: Error) => {
      throw new VolumeError(`hostPath type check failed: ${error.message}`)
    })
    found = await look()
  }
  if (!found || !check.is(found))
    throw new VolumeError(`hostPath type check failed: ${path} is not ${check.what}`)
  return path
}
