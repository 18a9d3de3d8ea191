/**
 * The keys of service accounts' tokens, in `pki/` of the state folder, as files that apiservers follow:
 *
 *   sa.key          signs, and verifies
 *   sa-next.key     verifies already, everywhere, before it signs
 *   sa-<id>.pub     signed once, and verifies until the last token that it signed has run out
 *
 * Invariant: at every moment, and after a crash between any two steps, the signing key and the one before it are
 * there; files are 0600 and written whole. Above the PEM a line tells when the key was made, another until when a
 * former one is needed at least; without it, an operator put it there, and removes it.
 */
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs'
import type { ServiceAccountKeys } from '../actors/apiserver/token-keys.ts'
import { USUAL_TOKEN_SECONDS } from '../api/core/lasting-tokens.ts'
import { readTextIfPresent, syncFolder, underLock, writeFileAtomically } from '../node/files.ts'
import { timestamp } from '../std/clock.ts'
import { readVerifyingKey } from '../std/json-web-token.ts'
import { CommandError } from './command.ts'
import type { StateFolder } from './state-folder.ts'

const SIGNING = 'sa.key'
const NEXT = 'sa-next.key'
const FORMER = /^sa-.+\.pub$/
/** For clocks that differ, and for processes that hear late that a key no longer signs. */
const SPARE_MS = 3600_000

export interface SigningKeyState {
  /** The `kid` of its tokens. */
  id: string
  file: string
  role: 'signing' | 'next' | 'former'
  madeMs: number
  /** Of a former one: how long it is needed at least; absent: until it is removed. */
  untilMs?: number
}

/** The text of a new key's file. */
export const newSigningKey = async (nowMs: number): Promise<string> => {
  const { createSigningKey } = await import('../node/pki.ts')
  return `Made: ${timestamp(nowMs)}\n${await createSigningKey()}`
}

/** What an apiserver signs and verifies with. Throws CommandError when a file is missing or not usable. */
export const readServiceAccountKeys = (folder: StateFolder): Required<ServiceAccountKeys> => {
  for (;;) {
    const serviceAccountKey = readKey(folder, SIGNING)
    const others = otherFiles(folder).flatMap((file): [string, string][] => {
      const text = readTextIfPresent(folder.pki(file))
      return text === undefined ? [] : [[file, text]]
    })
    // A key that took over in between has left one of the others' places.
    if (readKey(folder, SIGNING) !== serviceAccountKey) continue
    for (const [file, text] of [[SIGNING, serviceAccountKey], ...others] as const)
      idOf(folder, file, text)
    return { serviceAccountKey, otherServiceAccountKeys: others.map(([, text]) => text) }
  }
}

/** The one that signs, the next one, former ones. Empty where there are none. Throws CommandError. */
export const signingKeyStates = (folder: StateFolder): SigningKeyState[] => {
  if (!existsSync(folder.pki(SIGNING))) return []
  const states = [SIGNING, ...otherFiles(folder)].flatMap((file): SigningKeyState[] => {
    const text = readTextIfPresent(folder.pki(file))
    if (text === undefined) return []
    const id = idOf(folder, file, text)
    const role = file === SIGNING ? 'signing' : file === NEXT ? 'next' : 'former'
    const madeMs = momentOf(text, 'Made') ?? statSync(folder.pki(file)).mtimeMs
    const untilMs = role === 'former' ? momentOf(text, 'Needed until') : undefined
    return [{ id, file, role, madeMs, ...(untilMs === undefined ? {} : { untilMs }) }]
  })
  // A step that a crash has cut short leaves a key in two files.
  return states.filter(({ id }, index) => states.findIndex((other) => other.id === id) === index)
}

/** The next key: that which is there, else a new one. */
export const prepareSigningKey = (folder: StateFolder, nowMs: number): Promise<SigningKeyState> =>
  alone(folder, nowMs, async () => {
    if (!existsSync(folder.pki(SIGNING)))
      throw new CommandError(`${folder.pki(SIGNING)} is not on this host`)
    const next = () => signingKeyStates(folder).find(({ role }) => role === 'next')
    if (!next()) writeFileAtomically(folder.pki(NEXT), await newSigningKey(nowMs))
    return next()!
  })

/** From now on the next key signs. Only for who knows that every apiserver verifies by it. */
export const promoteSigningKey = (folder: StateFolder, nowMs: number): Promise<void> =>
  alone(folder, nowMs, async () => {
    const [signing, next] = signingKeyStates(folder)
    if (next?.role !== 'next') return
    const { id, madeMs } = signing!
    const untilMs = nowMs + USUAL_TOKEN_SECONDS * 1000 + SPARE_MS
    const { publicKey } = readVerifyingKey(readKey(folder, SIGNING))
    const pem = publicKey.export({ type: 'spki', format: 'pem' })
    writeFileAtomically(
      folder.pki(`sa-${id}.pub`),
      `Made: ${timestamp(madeMs)}\nNeeded until: ${timestamp(untilMs)}\n${pem}`,
    )
    writeFileAtomically(folder.pki(SIGNING), readKey(folder, NEXT))
    rmSync(folder.pki(NEXT), { force: true })
    // One that has signed before verifies as what it is now.
    rmSync(folder.pki(`sa-${next.id}.pub`), { force: true })
  })

/** Tokens that the chosen former keys signed are refused from now on; those keys. */
export const dropSigningKeys = (
  folder: StateFolder,
  nowMs: number,
  isDropped: (key: SigningKeyState) => boolean,
): Promise<SigningKeyState[]> =>
  alone(folder, nowMs, async () => {
    const dropped = signingKeyStates(folder).filter(
      (key) => key.role === 'former' && isDropped(key),
    )
    for (const { file } of dropped) rmSync(folder.pki(file), { force: true })
    return dropped
  })

const alone = async <Result>(
  folder: StateFolder,
  nowMs: number,
  act: () => Promise<Result>,
): Promise<Result> => {
  const done = await underLock(folder.pki('signing-keys.lock'), nowMs, async () => {
    const result = await act()
    // Otherwise a power failure could take back a key that has signed tokens.
    syncFolder(folder.pki(''))
    return [result]
  })
  if (!done) throw new CommandError('somebody else replaces the signing key at this moment')
  return done[0]!
}

/** The next key first. */
const otherFiles = (folder: StateFolder): string[] => {
  const files = readdirSync(folder.pki(''))
  return [
    ...files.filter((file) => file === NEXT),
    ...files.filter((file) => FORMER.test(file)).sort(),
  ]
}

const readKey = (folder: StateFolder, file: string): string => {
  const text = readTextIfPresent(folder.pki(file))
  if (text === undefined)
    throw new CommandError(`${folder.pki(file)} is missing; kubus up makes it`)
  return text
}

/** Throws CommandError for what is no key. */
const idOf = (folder: StateFolder, file: string, text: string): string => {
  try {
    return readVerifyingKey(text).id
  } catch (error) {
    throw new CommandError(`${folder.pki(file)} is not usable: ${(error as Error).message}`)
  }
}

/** A moment that is written above the key, in ms since the epoch. */
const momentOf = (text: string, name: string): number | undefined => {
  const [, value = ''] = new RegExp(`^${name}: (.+)$`, 'm').exec(text) ?? []
  const moment = Date.parse(value)
  return Number.isNaN(moment) ? undefined : moment
}
