/**
 * The steps by which the key of service accounts' tokens is replaced, while the cluster runs.
 *
 *   prepare   a next key, by which every apiserver verifies
 *   replace   it signs; the former one verifies until the last of its tokens has run out
 *   drop      former keys are forgotten: what they signed is refused
 *
 * Invariant: no key signs before every apiserver that answers lists it, and none is dropped while one of them signs
 * with it; each says so itself, in its key set. One of this host that does not run will read the files when it starts;
 * one of another host, with a state folder of its own, has to answer.
 */
import { type Clock, sleep } from '../std/clock.ts'
import { type ApiClient, createApiClient } from './api-client.ts'
import { CommandError } from './command.ts'
import { apiAddresses } from './processes.ts'
import {
  dropSigningKeys,
  prepareSigningKey,
  promoteSigningKey,
  type SigningKeyState,
  signingKeyStates,
} from './signing-keys.ts'
import type { ClusterConfig, StateFolder } from './state-folder.ts'

/** Files of some file systems are looked at once a minute. */
const PATIENCE_MS = 75_000
const LOOK_MS = 100

export interface Rotation {
  folder: StateFolder
  config: ClusterConfig
  clock: Clock
}

/** Whether each master has a state folder of its own. */
const isSpread = ({ hosts = [] }: ClusterConfig): boolean => new Set(hosts).size > 1

/** The next key, which every apiserver of this folder verifies by. */
export const prepareNext = async (rotation: Rotation): Promise<SigningKeyState> => {
  const { folder, config, clock } = rotation
  const next = await prepareSigningKey(folder, clock.now())
  if (!isSpread(config)) await untilAll(rotation, (ids) => ids.includes(next.id), VERIFIES)
  return next
}

/** Has the next key sign; its id. Throws CommandError when not everybody verifies by it. */
export const replaceSigningKey = async (rotation: Rotation): Promise<string> => {
  const { folder, config, clock } = rotation
  if (isSpread(config) && !signingKeyStates(folder).some(({ role }) => role === 'next'))
    throw new CommandError(
      'the masters are on several hosts: say prepare-signing-key on one of them, copy pki/sa-next.key to the ' +
        'others, then say replace-signing-key on each',
    )
  const { id } = await prepareSigningKey(folder, clock.now())
  await untilAll(rotation, (ids) => ids.includes(id), VERIFIES)
  await promoteSigningKey(folder, clock.now())
  if (!isSpread(config)) await untilAll(rotation, ([signing]) => signing === id, SIGNS)
  return id
}

/** Has tokens of all former keys refused; those keys. */
export const dropFormer = async (rotation: Rotation): Promise<SigningKeyState[]> => {
  const { folder, config, clock } = rotation
  const isFormer = (key: SigningKeyState) => key.role === 'former'
  const former = new Set(
    signingKeyStates(folder)
      .filter(isFormer)
      .map(({ id }) => id),
  )
  if (former.size === 0) return []
  const signsWithNone = ([signing = '']: readonly string[]) => !former.has(signing)
  await untilAll(rotation, signsWithNone, SIGNS, { mayBeSilent: isSpread(config) })
  const dropped = await dropSigningKeys(folder, clock.now(), ({ id }) => former.has(id))
  if (!isSpread(config))
    await untilAll(rotation, (ids) => !ids.some((id) => former.has(id)), BELIEVES)
  return dropped
}

const VERIFIES = 'does not verify by the next key: is pki/sa-next.key in its state folder?'
const SIGNS = 'still signs with a former key: say replace-signing-key on its host'
const BELIEVES = 'still verifies by a former key'

/**
 * Waits until every apiserver's key ids, the signing one's first, are as they should be. Throws CommandError with
 * `otherwise` when one's are not.
 */
const untilAll = async (
  { folder, config, clock }: Rotation,
  isGood: (ids: readonly string[]) => boolean,
  otherwise: string,
  { mayBeSilent = false } = {},
): Promise<void> => {
  const deadline = clock.monotonic() + PATIENCE_MS
  const mayBeAbsent = mayBeSilent || !isSpread(config)
  for (const { host, port } of apiAddresses(config)) {
    const api = createApiClient(folder, port, host)
    const name = `the apiserver at ${host}:${port}`
    try {
      for (;;) {
        const ids = await listedBy(api)
        if (ids === 'absent' ? mayBeAbsent : ids === 'unknown' ? mayBeSilent : isGood(ids)) break
        if (ids === 'absent' || clock.monotonic() > deadline)
          throw new CommandError(`${name} ${Array.isArray(ids) ? otherwise : 'does not answer'}`)
        await sleep(LOOK_MS, clock)
      }
    } finally {
      api.close()
    }
  }
}

/** `absent`: nobody listens there; `unknown`: who does is not ready to tell. */
const listedBy = async (api: ApiClient): Promise<string[] | 'absent' | 'unknown'> => {
  try {
    const { code, body } = await api.call<{ keys: { kid: string }[] }>('GET', '/openid/v1/jwks')
    return code === 200 ? body.keys.map(({ kid }) => kid) : 'unknown'
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ECONNREFUSED' ? 'absent' : 'unknown'
  }
}
