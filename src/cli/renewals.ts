/**
 * The part of a master's process that keeps the cluster's certificates good, as a component, and forgets keys whose
 * tokens have all run out.
 *
 * Invariant: it runs where the authority's key is; readers of the files notice by themselves. It also hands the
 * controllers the authorities that are trusted now.
 */
import type { Component } from '../actors/component.ts'
import type { RootCertificate } from '../actors/controllers/root-ca.ts'
import { ConfigMap } from '../api/core/config-map.ts'
import { LASTING_TOKENS, lastTokenEndMs, secretKeyId } from '../api/core/lasting-tokens.ts'
import { Secret } from '../api/core/secret.ts'
import type { Cache, View } from '../client/view.ts'
import { readTextIfPresent, watchFolders } from '../node/files.ts'
import type { Clock } from '../std/clock.ts'
import type { Log } from '../std/log.ts'
import { keepCertificates } from './certificates.ts'
import { writeKubeconfig } from './credentials.ts'
import { dropSigningKeys, type SigningKeyState, signingKeyStates } from './signing-keys.ts'
import { readSharedConfig, type StateFolder } from './state-folder.ts'

/** Timers do not reach as far as a key is needed. */
const LOOK_MS = 12 * 3600_000

interface RenewalsPorts {
  clock: Clock
  log: Log
  /** Of Secrets and ConfigMaps. */
  cache: Cache
}

export const startRenewals = (
  folder: StateFolder,
  { clock, log, cache }: RenewalsPorts,
): Component => {
  const onRenewed = () => {
    const config = readSharedConfig(folder)
    if (config) writeKubeconfig(folder, config.apiPort, config.hosts?.[0])
  }
  const end = keepCertificates(folder, { clock, log, onRenewed })
  let cancel = (): void => undefined
  const look = async (): Promise<void> => {
    cancel = clock.after(LOOK_MS, () => void look())
    try {
      for (const { id } of await dropOutlivedKeys(folder, clock.now(), cache))
        log.info({ id }, 'a key is forgotten, as all tokens that it signed have run out')
    } catch (error) {
      log.error({ err: error }, 'former keys of service accounts could not be judged')
    }
  }
  cache.ready.then(look, () => undefined)
  const stop = async () => {
    end()
    cancel()
  }
  return { ready: Promise.resolve(), stop }
}

/** Drops former keys that signed no token which could still be good; those keys. */
export const dropOutlivedKeys = async (
  folder: StateFolder,
  nowMs: number,
  view: View,
): Promise<SigningKeyState[]> => {
  const isOver = ({ role, untilMs }: SigningKeyState) =>
    role === 'former' && untilMs !== undefined && untilMs <= nowMs
  if (!signingKeyStates(folder).some(isOver)) return []
  const { namespace, name } = LASTING_TOKENS
  const entries = view.get(ConfigMap, namespace, name)
  const kept = new Set(view.list(Secret).map(secretKeyId))
  return dropSigningKeys(
    folder,
    nowMs,
    (key) => isOver(key) && !kept.has(key.id) && lastTokenEndMs(entries, key.id) <= nowMs,
  )
}

/** Undefined where there is none. */
export const followRootCertificate = (
  folder: StateFolder,
  clock: Clock,
): { certificate: RootCertificate; stop(): void } | undefined => {
  const read = () => readTextIfPresent(folder.pki('ca.crt'))
  let text = read()
  if (text === undefined) return undefined
  const listeners = new Set<() => void>()
  const stop = watchFolders([folder.pki('')], clock, () => {
    const next = read()
    if (next === undefined || next === text) return
    text = next
    for (const listener of listeners) listener()
  })
  const certificate = {
    current: () => text ?? '',
    onChange: (listener: () => void) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
  return { certificate, stop }
}
