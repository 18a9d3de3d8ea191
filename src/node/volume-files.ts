/**
 * Kubernetes' atomic writer: the files of one volume change together or not at all.
 *
 *   volume/file        → ..data/file
 *   volume/..data      → ..2026_01_31_12_00_00.000000001
 *   volume/..2026_01…  the files
 *
 * Invariant: a reader that follows `..data` once sees one version. Files that did not change are not written.
 */
import {
  chmod,
  chown,
  lstat,
  mkdir,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  symlink,
  unlink,
  writeFile,
} from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { systemClock } from '../std/clock.ts'
import { randomSuffix } from '../std/ids.ts'
import { type FileContent, VolumeError, type VolumeFile } from './volumes.ts'

const DATA = '..data'
const DATA_NEW = '..data_tmp'
/** Files of a volume owned by a group are readable by it; folders can be entered and pass the group on. */
const GROUP_READ = 0o440
const GROUP_FOLDER = 0o2550
/** For chown: leave it as it is. */
const KEPT = -1

/** With its content at hand. */
interface ReadyFile extends VolumeFile {
  data: FileContent
}

const check = ({ path }: VolumeFile) => {
  const steps = path.split('/')
  if (path === '' || path.startsWith('/') || steps.includes('..') || steps[0]?.startsWith('..'))
    throw new VolumeError(`invalid path "${path}" in a volume`)
}

const modeOf = (file: VolumeFile, fsGroup: number | undefined) =>
  fsGroup === undefined ? file.mode : file.mode | GROUP_READ

/** All files below `folder`, relative to it. */
const filesBelow = async (folder: string): Promise<string[]> => {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
}

const isCurrent = async (
  folder: string,
  files: readonly ReadyFile[],
  fsGroup: number | undefined,
): Promise<boolean> => {
  const present = await filesBelow(folder).catch(() => undefined)
  if (!present || present.length !== files.length) return false
  for (const file of files) {
    const path = join(folder, file.path)
    const found = await lstat(path).catch(() => undefined)
    if (!found || (found.mode & 0o7777) !== modeOf(file, fsGroup)) return false
    if (fsGroup !== undefined && found.gid !== fsGroup) return false
    if (file.owner !== undefined && found.uid !== file.owner) return false
    if (!(await readFile(path)).equals(Buffer.from(file.data))) return false
  }
  return true
}

const writeVersion = async (
  folder: string,
  files: readonly ReadyFile[],
  fsGroup: number | undefined,
) => {
  const own = async (path: string, mode: number) => {
    if (fsGroup !== undefined) await chown(path, -1, fsGroup)
    await chmod(path, mode)
  }
  const folderMode = fsGroup === undefined ? 0o755 : 0o755 | GROUP_FOLDER
  await mkdir(folder)
  await own(folder, folderMode)
  for (const below of foldersOf(files)) {
    await mkdir(join(folder, below))
    await own(join(folder, below), folderMode)
  }
  for (const file of files) {
    const path = join(folder, file.path)
    await writeFile(path, file.data)
    await own(path, modeOf(file, fsGroup))
    if (file.owner !== undefined) await chown(path, file.owner, fsGroup ?? KEPT)
  }
}

/** Every folder the files need, outer ones first. */
const foldersOf = (files: readonly VolumeFile[]): string[] => {
  const folders = new Set<string>()
  for (const { path } of files)
    for (let above = dirname(path); above !== '.'; above = dirname(above)) folders.add(above)
  return [...folders].sort((a, b) => a.length - b.length)
}

/** The visible names: the first step of every path. */
const linkVisible = async (volume: string, files: readonly VolumeFile[]) => {
  const wanted = new Set(files.map(({ path }) => path.split('/')[0] ?? path))
  for (const name of wanted)
    if ((await readlink(join(volume, name)).catch(() => undefined)) === undefined)
      await symlink(join(DATA, name), join(volume, name))
  for (const name of await readdir(volume))
    if (!name.startsWith('..') && !wanted.has(name)) await unlink(join(volume, name))
}

const versionName = () => {
  const stamp = new Date(systemClock.now()).toISOString().slice(0, 19).replace(/[-:T]/g, '_')
  return `..${stamp}.${randomSuffix(9)}`
}

const ready = async (file: VolumeFile): Promise<ReadyFile> => ({
  ...file,
  data: typeof file.data === 'function' ? await file.data() : file.data,
})

export const writeVolumeFiles = async (
  volume: string,
  described: readonly VolumeFile[],
  fsGroup?: number,
): Promise<void> => {
  described.forEach(check)
  const files = await Promise.all(described.map(ready))
  const current = await readlink(join(volume, DATA)).catch(() => undefined)
  if (current && (await isCurrent(join(volume, current), files, fsGroup)))
    return linkVisible(volume, files)
  const version = versionName()
  await writeVersion(join(volume, version), files, fsGroup)
  await rm(join(volume, DATA_NEW), { force: true })
  await symlink(version, join(volume, DATA_NEW))
  await rename(join(volume, DATA_NEW), join(volume, DATA))
  await linkVisible(volume, files)
  if (current) await rm(join(volume, current), { recursive: true, force: true })
}
