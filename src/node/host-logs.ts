/**
 * The log files of a host, for those who may look at its node: folders and files beneath `/var/log`.
 *
 * Invariant: nothing outside the folder is shown, whatever links lead there; of a large file only its end is read.
 * It writes nothing.
 */
import { open, readdir, realpath, stat } from 'node:fs/promises'
import { join, sep } from 'node:path'
import type { HostLogs } from './runtime.ts'

const FILE_BYTES_MAX = 4 * 1024 * 1024

export const createHostLogs = (root = '/var/log'): HostLogs => ({
  read: async (path) => {
    try {
      const base = await realpath(root)
      const found = await realpath(join(base, path))
      if (found !== base && !found.startsWith(base + sep)) return undefined
      const info = await stat(found)
      if (info.isDirectory()) return { type: 'folder', names: await namesIn(found) }
      return info.isFile() ? { type: 'file', text: await endOf(found, info.size) } : undefined
    } catch {
      return undefined
    }
  },
})

/** Folders end in a slash. */
const namesIn = async (folder: string): Promise<string[]> => {
  const entries = await readdir(folder, { withFileTypes: true })
  return entries.map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name)).sort()
}

const endOf = async (file: string, size: number): Promise<string> => {
  const handle = await open(file, 'r')
  try {
    const length = Math.min(size, FILE_BYTES_MAX)
    const { buffer, bytesRead } = await handle.read({
      buffer: Buffer.alloc(length),
      position: size - length,
    })
    return buffer.toString('utf8', 0, bytesRead)
  } finally {
    await handle.close()
  }
}
