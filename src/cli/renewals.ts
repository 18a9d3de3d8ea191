/**
 * The part of a master's process that keeps the cluster's certificates good, as a component.
 *
 * Invariant: it runs where the authority's key is; readers of the files notice by themselves. It also hands the
 * controllers the authorities that are trusted now.
 */
import type { Component } from '../actors/component.ts'
import type { RootCertificate } from '../actors/controllers/root-ca.ts'
import { readTextIfPresent, watchFolders } from '../node/files.ts'
import type { Clock } from '../std/clock.ts'
import type { Log } from '../std/log.ts'
import { keepCertificates } from './certificates.ts'
import { writeKubeconfig } from './credentials.ts'
import { readSharedConfig, type StateFolder } from './state-folder.ts'

export const startRenewals = (
  folder: StateFolder,
  { clock, log }: { clock: Clock; log: Log },
): Component => {
  const onRenewed = () => {
    const config = readSharedConfig(folder)
    if (config) writeKubeconfig(folder, config.apiPort, config.hosts?.[0])
  }
  const end = keepCertificates(folder, { clock, log, onRenewed })
  return { ready: Promise.resolve(), stop: async () => end() }
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
