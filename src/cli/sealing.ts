/**
 * The keys of encryption at rest as the actors of a process have them: from the state folder's file.
 *
 * Invariant: a file that is not usable stops a start with a sentence; later the keys from before stay in use.
 */
import { type FSWatcher, watch } from 'node:fs'
import { basename } from 'node:path'
import { parse } from 'yaml'
import {
  type EncryptionConfiguration,
  EncryptionConfigurationError,
  parseEncryptionConfiguration,
} from '../api/encryption-configuration.ts'
import { Sealing } from '../client/sealing.ts'
import { readTextIfPresent } from '../node/files.ts'
import { systemClock } from '../std/clock.ts'
import type { Log } from '../std/log.ts'
import { CommandError } from './command.ts'
import type { StateFolder } from './state-folder.ts'

/** Throws CommandError when the file is there and not usable. Without a file nothing is encrypted. */
export const readEncryption = (folder: StateFolder): EncryptionConfiguration => {
  const text = readTextIfPresent(folder.encryption)
  if (text === undefined) return []
  try {
    return parseEncryptionConfiguration(parse(text))
  } catch (error) {
    if (!(error instanceof EncryptionConfigurationError) && !(error instanceof SyntaxError))
      if ((error as Error).name !== 'YAMLParseError') throw error
    throw new CommandError(`${folder.encryption} is not usable: ${(error as Error).message}`)
  }
}

/** Seals and opens by the folder's file. Throws CommandError when that is not usable at the start. */
export const openSealing = (folder: StateFolder, log: Log): Sealing => {
  let isFirst = true
  return new Sealing({
    clock: systemClock,
    load: () => {
      try {
        return readEncryption(folder)
      } catch (error) {
        if (isFirst || !(error instanceof CommandError)) throw error
        log.error(`${error.message}; the keys from before stay in use`)
        return undefined
      } finally {
        isFirst = false
      }
    },
  })
}

/** Has every change of the file taken up; the result ends that. */
export const followEncryption = (folder: StateFolder, sealing: Sealing): (() => void) => {
  const name = basename(folder.encryption)
  const watcher: FSWatcher = watch(folder.root, { persistent: false }, (_, changed) => {
    if (changed === name) sealing.reload()
  })
  watcher.on('error', () => watcher.close())
  return () => watcher.close()
}
