/**
 * Packet rules of a node's pod network: leave the cluster under the host's address, and be forwarded at all.
 *
 * Invariant: every rule names the bridge, so that what belongs to it can be found and removed. The NAT rules are
 * one nftables table named like the bridge. Forwarding must be allowed in the chains of iptables: Docker sets
 * their policy to drop, and a verdict elsewhere cannot overrule a drop. Where there is no iptables, nothing drops.
 */
import { type CommandResult, findProgram, runCommand } from './command.ts'
import { type NetworkConfig, RuntimeError } from './runtime.ts'

const iptables = (args: readonly string[]): Promise<CommandResult> =>
  runCommand('iptables', ['-w', '5', ...args], { timeoutMs: 15_000 })

/** The chain Docker reserves for others and never empties; FORWARD on a host without it. */
const forwardChain = async () =>
  (await iptables(['-S', 'DOCKER-USER'])).code === 0 ? 'DOCKER-USER' : 'FORWARD'

const forwardRules = (bridge: string) =>
  ['-i', '-o'].map((direction) => [
    direction,
    bridge,
    '-m',
    'comment',
    '--comment',
    `kubus ${bridge}`,
    '-j',
    'ACCEPT',
  ])

export const acceptForwarding = async (bridge: string): Promise<void> => {
  if (!findProgram('iptables')) return
  const chain = await forwardChain()
  for (const rule of forwardRules(bridge)) {
    if ((await iptables(['-C', chain, ...rule])).code === 0) continue
    const { code, stderr } = await iptables(['-I', chain, '1', ...rule])
    if (code !== 0)
      throw new RuntimeError('CreateFailed', `allowing pods to be forwarded failed: ${stderr}`)
  }
}

/** Ends the table and the forwarding rules of a bridge. Idempotent. */
export const removeForwarding = async (bridge: string): Promise<void> => {
  await runCommand('nft', ['delete', 'table', 'ip', bridge])
  if (!findProgram('iptables')) return
  for (const chain of ['DOCKER-USER', 'FORWARD'])
    for (const rule of forwardRules(bridge))
      while ((await iptables(['-D', chain, ...rule])).code === 0);
}

/** The table's text: it replaces itself in one transaction. */
export const masqueradeRules = (
  bridge: string,
  { podCidr, clusterCidr }: NetworkConfig,
): string => `
add table ip ${bridge}
delete table ip ${bridge}
table ip ${bridge} {
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr ${podCidr} ip daddr != { ${clusterCidr}, 224.0.0.0/4 } oifname != "${bridge}" masquerade
  }
}
`

export const masqueradeTable = async (bridge: string, config: NetworkConfig): Promise<void> => {
  const { code, stderr } = await runCommand('nft', ['-f', '-'], {
    input: masqueradeRules(bridge, config),
    timeoutMs: 15_000,
  })
  if (code !== 0)
    throw new RuntimeError('CreateFailed', `setting up NAT for pods failed: ${stderr.trim()}`)
}
