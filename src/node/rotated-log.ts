/**
 * A log file that is begun anew when it is full, with a bounded number of old ones.
 *
 * Old files are named as Kubernetes' own log rotation names them: `audit-2026-01-02T15-04-05.000.log`.
 * Invariant: lines are written whole and in order, at the latest when the event loop's turn ends; a disk that
 * refuses them is told to the log once until it takes them again. It does not compress.
 */
import {
  closeSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { basename, dirname, extname, join } from 'node:path'
import type { Clock } from '../std/clock.ts'
import type { Log } from '../std/log.ts'

export interface RotatedLogOptions {
  path: string
  /** A file is rotated before it grows beyond this. */
  bytesMax: number
  /** Old files that are kept. */
  backups: number
  clock: Clock
  log: Log
}

export interface RotatedLog {
  write(line: string): void
  close(): void
}

export const openRotatedLog = ({
  path,
  bytesMax,
  backups,
  clock,
  log,
}: RotatedLogOptions): RotatedLog => {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  let file = openSync(path, 'a', 0o600)
  let size = fstatSync(file).size
  let waiting: string[] = []
  let isFailing = false

  const rotate = () => {
    closeSync(file)
    renameSync(path, backupName(path, clock.now()))
    file = openSync(path, 'a', 0o600)
    size = 0
    removeOldest(path, backups)
  }

  const flush = () => {
    if (waiting.length === 0) return
    const bytes = Buffer.from(`${waiting.join('\n')}\n`)
    waiting = []
    try {
      if (size > 0 && size + bytes.length > bytesMax) rotate()
      writeSync(file, bytes)
      size += bytes.length
      isFailing = false
    } catch (error) {
      if (!isFailing)
        log.error({ err: error, path }, 'lines of the log are lost: it cannot be written')
      isFailing = true
    }
  }

  return {
    write: (line) => {
      if (waiting.length === 0) setImmediate(flush)
      waiting.push(line)
    },
    close: () => {
      flush()
      closeSync(file)
    },
  }
}

const backupName = (path: string, nowMs: number): string => {
  const extension = extname(path)
  const stem = path.slice(0, path.length - extension.length)
  return `${stem}-${new Date(nowMs).toISOString().slice(0, 23).replaceAll(':', '-')}${extension}`
}

const removeOldest = (path: string, backups: number): void => {
  const extension = extname(path)
  const stem = `${basename(path, extension)}-`
  const folder = dirname(path)
  const old = readdirSync(folder)
    .filter((name) => name.startsWith(stem) && name.endsWith(extension) && STAMP.test(name))
    .sort()
  for (const name of old.slice(0, Math.max(0, old.length - backups))) rmSync(join(folder, name))
}

const STAMP = /-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}\.[^.]*$/
