/**
 * Auditing as the state folder asks for it: by `<data>/audit-policy.yaml` into `<data>/logs/audit-<port>.log`.
 *
 * Invariant: without a policy there when the apiserver starts nothing is audited; a policy that changes later is
 * taken up at once, one that is not usable leaves the one before in force, with a line in the log.
 */
import { watch } from 'node:fs'
import { basename, join } from 'node:path'
import { parse } from 'yaml'
import type { AuditOptions } from '../actors/apiserver/audit/auditor.ts'
import { type AuditPolicy, AuditPolicyError, parseAuditPolicy } from '../api/audit-policy.ts'
import { readTextIfPresent } from '../node/files.ts'
import { openRotatedLog } from '../node/rotated-log.ts'
import { systemClock } from '../std/clock.ts'
import type { Log } from '../std/log.ts'
import { CommandError } from './command.ts'
import type { StateFolder } from './state-folder.ts'

/** As kube-apiserver's --audit-log-maxsize where it is not told. */
const LOG_BYTES_MAX = 100 * 1024 * 1024
const LOG_BACKUPS = 10

/** Undefined without a policy. Throws CommandError when the policy is not usable. */
export const auditIn = (
  folder: StateFolder,
  port: number,
  log: Log,
): (AuditOptions & { close(): void }) | undefined => {
  const policy = readPolicy(folder)
  if (!policy) return undefined
  const path = join(folder.logs, `audit-${port}.log`)
  const options = { bytesMax: LOG_BYTES_MAX, backups: LOG_BACKUPS, clock: systemClock, log }
  const file = openRotatedLog({ path, ...options })
  let take: (policy: AuditPolicy) => void = () => undefined
  const watcher = watch(folder.root, { persistent: false }, (_, changed) => {
    if (changed !== basename(folder.auditPolicy)) return
    try {
      take(readPolicy(folder) ?? [])
    } catch (error) {
      log.error(`${(error as Error).message}; the policy from before stays in force`)
    }
  })
  watcher.on('error', () => watcher.close())
  return {
    policy,
    write: (line) => file.write(line),
    onPolicy: (taker) => {
      take = taker
    },
    close: () => {
      watcher.close()
      file.close()
    },
  }
}

const readPolicy = (folder: StateFolder): AuditPolicy | undefined => {
  const text = readTextIfPresent(folder.auditPolicy)
  if (text === undefined) return undefined
  try {
    return parseAuditPolicy(parse(text))
  } catch (error) {
    const isFault = error instanceof AuditPolicyError || (error as Error).name === 'YAMLParseError'
    if (!isFault) throw error
    throw new CommandError(`${folder.auditPolicy} is not usable: ${(error as Error).message}`)
  }
}
