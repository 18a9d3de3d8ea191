/**
 * Where a path really leads when its root is not this process's, as `realpath` for another mount namespace.
 * Invariant: links are followed within `root`, absolute ones too; the result is a path of that root. Steps that
 * do not exist are taken as they are.
 */
import { lstat, readlink, realpath } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { VolumeError } from './volumes.ts'

/** As the kernel bounds it. */
const LINKS_MAX = 40

export const realPathBelow = async (root: string, path: string): Promise<string> => {
  if (root === '') return realpath(path)
  let links = 0
  let real = '/'
  const pending = path.split('/')
  for (let step = pending.shift(); step !== undefined; step = pending.shift()) {
    if (step === '' || step === '.') continue
    if (step === '..') {
      real = dirname(real)
      continue
    }
    const next = join(real, step)
    const found = await lstat(root + next).catch(() => undefined)
    if (!found?.isSymbolicLink()) {
      real = next
      continue
    }
    if (++links > LINKS_MAX) throw new VolumeError(`too many links in ${path}`)
    const target = await readlink(root + next)
    if (target.startsWith('/')) real = '/'
    pending.unshift(...target.split('/'))
  }
  return real
}
