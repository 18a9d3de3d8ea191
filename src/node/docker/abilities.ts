/**
 * What the host under the engine grants containers, found out by trying once with a container that does nothing.
 *
 * Invariant: a refusal is remembered and told as one sentence; it never fails a pod by itself. An engine whose
 * own capabilities are cut (a container, a small virtual machine) refuses privileged containers and negative
 * OOM scores only when the container starts, and neither can be changed in a container that exists.
 */
import { readFile } from 'node:fs/promises'
import type Docker from 'dockerode'
import type { ContainerCreateOptions, HostConfig } from 'dockerode'
import type { Log } from '../../std/log.ts'
import type { Grants } from './container-config.ts'
import { engineMessage, isNotFound } from './engine.ts'
import { LABEL } from './labels.ts'

/** Names of `linux/capability.h` in order from 0, up to the last that every engine knows. */
const CAPABILITIES = (
  'CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE ' +
  'NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT ' +
  'SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE ' +
  'AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ'
).split(' ')

/** Names of the bits set in a hexadecimal mask of `/proc/<pid>/status`. */
export const capabilityNames = (mask: string): string[] => {
  const bits = BigInt(`0x${mask}`)
  return CAPABILITIES.filter((_, index) => (bits >> BigInt(index)) & 1n)
}

export interface Abilities {
  /** For a sandbox or container that asks for neither, nothing is tried. */
  grants(wanted: { negativeOomScore: boolean; privileged: boolean }): Promise<Grants>
  warnings(): readonly string[]
}

export const createAbilities = ({
  docker,
  image,
  cluster,
  node,
  log,
}: {
  docker: Docker
  /** Any image whose command keeps running. */
  image: string
  cluster: string
  node: string
  log: Log
}): Abilities => {
  const warnings: string[] = []
  const tried = new Map<string, Promise<boolean>>()

  const isGranted = async (what: string, hostConfig: HostConfig): Promise<boolean> => {
    const options: ContainerCreateOptions = {
      Image: image,
      NetworkDisabled: true,
      Labels: { [LABEL.cluster]: cluster, [LABEL.node]: node, [LABEL.type]: 'probe' },
      HostConfig: { LogConfig: { Type: 'none', Config: {} }, ...hostConfig },
    }
    const container = await docker.createContainer(options)
    try {
      await container.start()
      return true
    } catch (error) {
      if (isNotFound(error)) throw error
      const warning = `This host refuses ${what}; containers run without: ${engineMessage(error)}`
      warnings.push(warning)
      log.warn({ node, what, error: engineMessage(error) }, 'the host refuses a setting')
      return false
    } finally {
      await container.remove({ force: true, v: true }).catch(() => undefined)
    }
  }

  /** Concurrent questions are one; a failed attempt is not an answer. */
  const once = (what: string, hostConfig: HostConfig): Promise<boolean> => {
    const running = tried.get(what) ?? isGranted(what, hostConfig)
    tried.set(what, running)
    running.catch(() => tried.delete(what))
    return running
  }

  return {
    grants: async (wanted) => {
      const [negativeOomScore, privileged] = await Promise.all([
        wanted.negativeOomScore
          ? once('a negative OOM score', { OomScoreAdj: -998 })
          : Promise.resolve(true),
        wanted.privileged
          ? once('privileged containers', { Privileged: true })
          : Promise.resolve(true),
      ])
      return {
        negativeOomScore,
        privileged,
        capabilities: privileged ? [] : await availableCapabilities(),
      }
    },
    warnings: () => warnings,
  }
}

/** The engine has the bounds of the first process, as far as can be told from here. */
const availableCapabilities = async (): Promise<string[]> => {
  const status = await readFile('/proc/1/status', 'utf8').catch(() => '')
  const mask = /^CapBnd:\s*([0-9a-f]+)$/m.exec(status)?.[1]
  return mask ? capabilityNames(mask) : []
}
