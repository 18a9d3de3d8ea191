/**
 * Mounts of this host: memory file systems for volumes, and ending whatever is mounted below a folder.
 * Invariant: what is mounted is read from the kernel each time; nothing is remembered.
 */
import { readFile, realpath } from 'node:fs/promises'
import { runCommand } from './command.ts'
import { VolumeError } from './volumes.ts'

const TIMEOUT_MS = 15_000

export const parseMountPoints = (mountInfo: string): string[] =>
  mountInfo
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((path) => path !== '')
    .map(unescapeMountPoint)

/** The kernel writes blanks and backslashes of paths in octal. */
export const unescapeMountPoint = (path: string): string =>
  path.replace(/\\(\d{3})/g, (_, code) => String.fromCharCode(parseInt(code, 8)))

const mountPoints = async () => parseMountPoints(await readFile('/proc/self/mountinfo', 'utf8'))

const real = (path: string) => realpath(path).catch(() => path)

export const isMountPoint = async (path: string): Promise<boolean> =>
  (await mountPoints()).includes(await real(path))

/** `sizeBytes` bounds it; the kernel's half of the memory unless given. */
export const mountMemory = async (path: string, sizeBytes?: number): Promise<void> => {
  const options = sizeBytes ? ['-o', `size=${sizeBytes}`] : []
  const { code, stderr } = await runCommand('mount', ['-t', 'tmpfs', ...options, 'tmpfs', path], {
    timeoutMs: TIMEOUT_MS,
  })
  if (code !== 0) throw new VolumeError(`mount failed: ${stderr.trim()}`)
}

/** The mounts at or below a folder, innermost first. */
export const mountsBelow = async (folder: string): Promise<string[]> => {
  const root = await real(folder)
  return (await mountPoints())
    .filter((path) => path === root || path.startsWith(`${root}/`))
    .sort((one, other) => other.length - one.length)
}

/** Innermost first; returns what is still mounted. A mount in use is taken out of sight. */
export const unmountBelow = async (folder: string): Promise<string[]> => {
  for (const path of await mountsBelow(folder)) {
    const { code } = await runCommand('umount', [path], { timeoutMs: TIMEOUT_MS })
    if (code !== 0) await runCommand('umount', ['-l', path], { timeoutMs: TIMEOUT_MS })
  }
  return mountsBelow(folder)
}
