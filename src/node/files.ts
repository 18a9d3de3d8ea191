/**
 * Files of the state folder, written whole or not at all.
 * Invariant: a reader never sees half a file; secrets are 0600.
 */
import {
  closeSync,
  existsSync,
  type FSWatcher,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  watch,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'
import type { Clock } from '../std/clock.ts'

/** Writes through a temporary file in the same folder, with fsync; creates the folder (0700). */
export const writeFileAtomically = (path: string, text: string | Uint8Array, mode = 0o600) => {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const temporary = `${path}.${process.pid}.new`
  const file = openSync(temporary, 'w', mode)
  try {
    writeSync(file, typeof text === 'string' ? Buffer.from(text) : text)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  renameSync(temporary, path)
}

/** What was written into the folder, and removed from it, is so after a power failure too. */
export const syncFolder = (path: string): void => {
  const folder = openSync(path, 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}

export const readTextIfPresent = (path: string): string | undefined =>
  existsSync(path) ? readFileSync(path, 'utf8') : undefined

const STALE_LOCK_MS = 60_000

/** Runs `act` while it holds the lock file; undefined when somebody else does. An old lock is nobody's. */
export const underLock = async <Result>(
  path: string,
  nowMs: number,
  act: () => Promise<Result>,
): Promise<Result | undefined> => {
  const since = Number(readTextIfPresent(path) ?? nowMs)
  if (Math.abs(nowMs - since) > STALE_LOCK_MS) rmSync(path, { force: true })
  let file: number
  try {
    file = openSync(path, 'wx', 0o600)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return undefined
    throw error
  }
  try {
    writeSync(file, String(nowMs))
    closeSync(file)
    return await act()
  } finally {
    rmSync(path, { force: true })
  }
}

/** Several files are written together. */
const SETTLE_MS = 50
/** Not every file system tells of changes that other hosts made. */
const LOOK_MS = 60_000

/** Calls `onChange` soon after a file of the folders changed, and every minute. The result ends it. */
export const watchFolders = (
  folders: readonly string[],
  clock: Clock,
  onChange: () => void,
): (() => void) => {
  let cancel = (): void => undefined
  const wait = (delayMs: number): void => {
    cancel()
    cancel = clock.after(delayMs, () => {
      wait(LOOK_MS)
      onChange()
    })
  }
  const watchers: FSWatcher[] = folders.map((folder) => {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    const watcher = watch(folder, () => wait(SETTLE_MS))
    watcher.on('error', () => undefined)
    return watcher
  })
  wait(LOOK_MS)
  return () => {
    cancel()
    for (const watcher of watchers) watcher.close()
  }
}
