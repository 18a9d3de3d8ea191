/**
 * `RulesetPort`: applies nftables rules for the proxy, each text as one atomic transaction.
 *
 * Works by `nft -f -` on one table of the `ip` family, so other tables (Docker's, a firewall's) are never
 * touched. Invariant: a rejected text changes nothing. It knows no services; what the rules mean is the
 * proxy's. It relies on others for: routes to pods and bridges, FORWARD being allowed for pod traffic (Docker
 * sets that policy to DROP and the runtime opens it for its own bridges), and some route that covers the
 * service addresses (a default route will do), without which the host itself cannot reach them.
 */
import { existsSync } from 'node:fs'
import type { Log } from '../std/log.ts'
import { findProgram, runCommand } from './command.ts'

export interface RulesetPort {
  /** The table that holds every rule, in the `ip` family. */
  readonly table: string
  /** A sentence that says why rules cannot be applied here and what to do; undefined when they can. */
  available(): Promise<string | undefined>
  /** Makes the host forward packets between its interfaces, and bridges pass theirs through the rules. */
  prepare(): Promise<void>
  /** Applies all of `text` or nothing. Throws RulesetError. */
  apply(text: string): Promise<void>
  /** Removes the table. Idempotent. */
  remove(): Promise<void>
}

/** The kernel or nft refused the rules; `message` is nft's first complaint. */
export class RulesetError extends Error {
  readonly output: string
  constructor(output: string) {
    super(`nft: ${output.split('\n')[0] || 'failed without a message'}`)
    this.name = 'RulesetError'
    this.output = output
  }
}

export interface NftablesOptions {
  /** Letters, digits and `-`; one per cluster on this host. */
  table: string
  log: Log
  /** Name of the network namespace to work in, as `ip netns` knows it; default this process's own. */
  netns?: string
}

const TABLE_NAME = /^[A-Za-z][-\w]{0,63}$/
const APPLY_TIMEOUT_MS = 60_000
const FORWARDING = '/proc/sys/net/ipv4/ip_forward'
/** Pods on one bridge answer one another past the host's packet filter unless the bridge calls it. */
const BRIDGE_CALLS_FILTER = '/proc/sys/net/bridge/bridge-nf-call-iptables'

export const createNftables = ({ table, log, netns }: NftablesOptions): RulesetPort => {
  if (!TABLE_NAME.test(table)) throw new Error(`"${table}" cannot be the name of an nftables table`)

  const run = (words: readonly string[], input?: string) => {
    const [command = '', ...args] = netns ? ['ip', 'netns', 'exec', netns, ...words] : words
    const options = { timeoutMs: APPLY_TIMEOUT_MS, ...(input === undefined ? {} : { input }) }
    return runCommand(command, args, options)
  }

  const nft = async (args: readonly string[], input?: string): Promise<void> => {
    const program = findProgram('nft')
    if (!program) throw new RulesetError('the command nft was not found')
    const { code, stderr } = await run([program, ...args], input)
    if (code !== 0) throw new RulesetError(stderr)
  }

  const switchOn = async (setting: string) => {
    const { code, stderr } = await run(['sh', '-c', `echo 1 > ${setting}`])
    if (code !== 0) log.warn({ setting, why: stderr.trim() }, 'kernel setting was not switched on')
  }

  const apply = (text: string) => nft(['-f', '-'], text)

  return {
    table,
    available: async () => {
      if (!findProgram('nft'))
        return 'Services need the command nft, which was not found: install the package nftables.'
      const { code, stderr } = await run(['nft', 'list', 'tables'])
      if (code === 0) return undefined
      const why = stderr.split('\n')[0]
      return `Services need the right to change packet rules (${why}): run as root or grant CAP_NET_ADMIN.`
    },
    prepare: async () => {
      await switchOn(FORWARDING)
      if (existsSync(BRIDGE_CALLS_FILTER)) await switchOn(BRIDGE_CALLS_FILTER)
    },
    apply,
    remove: () => apply(`table ip ${table}\ndelete table ip ${table}\n`),
  }
}
