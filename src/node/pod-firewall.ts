/**
 * Packet rules of a node's pod network: leave the cluster under the host's address, be forwarded at all, and be
 * reached at ports of the host.
 *
 * Invariant: every rule names the bridge, so that what belongs to it can be found and removed. The NAT rules are
 * one nftables table named like the bridge. Forwarding must be allowed in the chains of iptables: Docker sets
 * their policy to drop, and a verdict elsewhere cannot overrule a drop. Where there is no iptables, nothing drops.
 */
import { type CommandResult, findProgram, runCommand } from './command.ts'
import { type NetworkConfig, RuntimeError, type SandboxSpec } from './runtime.ts'

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

/** Names in the comments of forwarding rules. */
export const forwardedBridges = async (): Promise<string[]> => {
  if (!findProgram('iptables')) return []
  const { stdout } = await iptables(['-S'])
  return [...stdout.matchAll(/--comment "kubus (\S+)"/g)].map((match) => match[1] ?? '')
}

/** What iptables made for its first rule and keeps after its last: chains that hold nothing and accept all. */
export const isIdleTable = (listing: string): boolean =>
  listing
    .split('\n')
    .map((line) => line.trim())
    .every((line) =>
      /^(?:|\}|#.*|table ip filter \{|chain \w+ \{|type filter hook .*; policy accept;)$/.test(
        line,
      ),
    )

const removeIdleTable = async () => {
  const { code, stdout } = await runCommand('nft', ['list', 'table', 'ip', 'filter'])
  if (code === 0 && isIdleTable(stdout))
    await runCommand('nft', ['delete', 'table', 'ip', 'filter'])
}

/** Ends the table and the forwarding rules of a bridge. Idempotent. */
export const removeForwarding = async (bridge: string): Promise<void> => {
  await runCommand('nft', ['delete', 'table', 'ip', bridge])
  if (!findProgram('iptables')) return
  for (const chain of ['DOCKER-USER', 'FORWARD'])
    for (const rule of forwardRules(bridge))
      while ((await iptables(['-D', chain, ...rule])).code === 0);
  await removeIdleTable()
}

const HOST_PORTS = 'host-ports'
const HOST_PORTS_AT = 'host-ports-at'

/**
 * The table's text, one transaction. Chains are replaced; the maps of host ports keep what they hold, so that a
 * restarted kubelet does not cut its running pods off.
 */
export const podRules = (bridge: string, { podCidr, clusterCidr }: NetworkConfig): string => {
  const table = `ip ${bridge}`
  const toPod = [
    `fib daddr type local dnat to ip daddr . meta l4proto . th dport map @${HOST_PORTS_AT}`,
    `fib daddr type local dnat to meta l4proto . th dport map @${HOST_PORTS}`,
  ]
  const fromPod = [
    `ip saddr ${podCidr} ip daddr != { ${clusterCidr}, 224.0.0.0/4 } oifname != "${bridge}" masquerade`,
    // The pod would answer these to itself or to loopback: they must come back through the host.
    `oifname "${bridge}" ip saddr 127.0.0.0/8 masquerade`,
    `oifname "${bridge}" ip saddr ${podCidr} ct status dnat masquerade`,
  ]
  const chain = (name: string, hook: string, rules: readonly string[]) => [
    `add chain ${table} ${name} { type nat hook ${hook}; policy accept; }`,
    `flush chain ${table} ${name}`,
    ...rules.map((rule) => `add rule ${table} ${name} ${rule}`),
  ]
  return [
    `add table ${table}`,
    `add map ${table} ${HOST_PORTS} { type inet_proto . inet_service : ipv4_addr . inet_service; }`,
    `add map ${table} ${HOST_PORTS_AT} { type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; }`,
    ...chain('prerouting', 'prerouting priority dstnat', toPod),
    ...chain('output', 'output priority -100', toPod),
    ...chain('postrouting', 'postrouting priority srcnat', fromPod),
    '',
  ].join('\n')
}

const nft = async (text: string) => {
  const { code, stderr } = await runCommand('nft', ['-f', '-'], {
    input: text,
    timeoutMs: 15_000,
  })
  if (code !== 0)
    throw new RuntimeError('CreateFailed', `setting up NAT for pods failed: ${stderr.trim()}`)
}

export const applyRules = (bridge: string, config: NetworkConfig): Promise<void> =>
  nft(podRules(bridge, config))

export type HostPort = SandboxSpec['ports'][number]

const EVERY_ADDRESS = '0.0.0.0'

/** `add` or `delete` of the pod's host ports; ports without `hostPort` are none of the host's business. */
const hostPortCommands = (
  verb: 'add' | 'delete',
  bridge: string,
  ip: string,
  ports: readonly HostPort[],
): string[] =>
  ports
    .filter(({ hostPort }) => hostPort > 0)
    .map(({ hostPort, containerPort, protocol, hostIP }) => {
      const isAnywhere = !hostIP || hostIP === EVERY_ADDRESS
      const key = `${isAnywhere ? '' : `${hostIP} . `}${protocol.toLowerCase()} . ${hostPort}`
      const map = isAnywhere ? HOST_PORTS : HOST_PORTS_AT
      const target = verb === 'add' ? ` : ${ip} . ${containerPort}` : ''
      return `${verb} element ip ${bridge} ${map} { ${key}${target} }`
    })

export const openHostPorts = async (bridge: string, ip: string, ports: readonly HostPort[]) => {
  const commands = hostPortCommands('add', bridge, ip, ports)
  if (commands.length > 0) await nft(`${commands.join('\n')}\n`)
}

/** One by one: what is gone already must not keep the rest open. */
export const closeHostPorts = async (bridge: string, ip: string, ports: readonly HostPort[]) => {
  for (const command of hostPortCommands('delete', bridge, ip, ports))
    await nft(`${command}\n`).catch(() => undefined)
}
