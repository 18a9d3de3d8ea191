/**
 * Files of the state folder, written whole or not at all.
 * Invariant: a reader never sees half a file; secrets are 0600.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'

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

export const readTextIfPresent = (path: string): string | undefined =>
  existsSync(path) ? readFileSync(path, 'utf8') : undefined
