/**
 * The pod network of one node: a bridge, and a veth pair into each sandbox's network namespace.
 *
 * Invariant: configuring it again changes nothing that is right already, and `remove` leaves nothing behind. Pods
 * reach every pod of the cluster without NAT; what leaves the cluster takes the host's address. Several nodes on
 * one machine have a bridge each and reach one another through the host. It does not know pods or services, and
 * learns which namespaces exist only from its caller.
 */
import { createHash } from 'node:crypto'
import { existsSync, readlinkSync } from 'node:fs'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import type { Log } from '../std/log.ts'
import { findProgram, runCommand } from './command.ts'
import { runOnHost } from './engine-mounts.ts'
import { createPodAddresses, type PodAddresses, parseRange } from './pod-addresses.ts'
import {
  acceptForwarding,
  applyRules,
  closeHostPorts,
  forwardedBridges,
  type HostPort,
  openHostPorts,
  removeForwarding,
} from './pod-firewall.ts'
import { type NetworkConfig, RuntimeError } from './runtime.ts'

const COMMAND_TIMEOUT_MS = 15_000
/** `ip route` marks what Kubus made, so that it can tell its own routes from an administrator's. */
const ROUTE_PROTOCOL = '75'

export interface PodRoute {
  podCidr: string
  /** The address of the host that has those pods. */
  via: string
}

export interface PodNetwork {
  /** The bridge's name, unique on the machine for this cluster and node. */
  readonly bridge: string
  configure(config: NetworkConfig): Promise<void>
  /** Routes to the pods of other hosts; replaces the earlier ones. */
  setRoutes(routes: readonly PodRoute[]): Promise<void>
  /** An address for a sandbox that is about to be made. */
  reserve(): string
  /** Takes note of an address that a living sandbox has. */
  adopt(ip: string): void
  release(ip: string): void
  /** Gives the namespace of process `pid` interface `eth0` with address `ip`, and opens its host ports. */
  attach(sandboxId: string, pid: number, ip: string, ports: readonly HostPort[]): Promise<void>
  /** Ends the sandbox's link and host ports; its address stays reserved until `release`. */
  detach(sandboxId: string, ip: string | undefined, ports: readonly HostPort[]): Promise<void>
  remove(): Promise<void>
}

const hash = (text: string, length: number) =>
  createHash('sha256').update(text).digest('hex').slice(0, length)

/** What every bridge of a cluster begins with. */
const bridgePrefix = (cluster: string) => `kbs${hash(cluster, 6)}`

/** 15 characters, the most Linux allows. */
export const bridgeName = (cluster: string, node: string) =>
  bridgePrefix(cluster) + hash(`${cluster}/${node}`, 6)

/** Bridges of all nodes of a cluster on this machine, also those of which only rules are left. */
export const bridgesOf = async (cluster: string): Promise<string[]> => {
  const prefix = bridgePrefix(cluster)
  const links = await readdir('/sys/class/net')
  const { stdout } = await runCommand('nft', ['list', 'tables', 'ip'])
  const tables = stdout.split('\n').map((line) => line.replace(/^table ip /, '').trim())
  const found = [...links, ...tables, ...(await forwardedBridges())]
  return [...new Set(found)].filter((name) => name.startsWith(prefix))
}

const linkName = (sandboxId: string) => `kbp${hash(sandboxId, 12)}`

/** A fixed address: without one a bridge takes that of its lowest port, and changes it as pods come and go. */
const bridgeMac = (bridge: string) => `02:${(hash(bridge, 10).match(/../g) ?? []).join(':')}`

/** Runs `ip` once for many changes; throws with what it says. */
const runIp = async (commands: readonly string[], prefix: readonly string[] = []) => {
  const [program = 'ip', ...args] = [...prefix, 'ip', '-batch', '-']
  const input = `${commands.join('\n')}\n`
  const { code, stderr } = await runCommand(program, args, {
    input,
    timeoutMs: COMMAND_TIMEOUT_MS,
  })
  if (code !== 0)
    throw new RuntimeError('CreateFailed', `setting up the pod network failed: ${stderr.trim()}`)
}

/** Program and the Debian package that has it. */
const PROGRAMS = { ip: 'iproute2', nsenter: 'util-linux', nft: 'nftables' } as const

const needPrograms = () => {
  for (const [program, debian] of Object.entries(PROGRAMS))
    if (!findProgram(program))
      throw new RuntimeError(
        'Unavailable',
        `the program ${program} is missing, which connects pods to the network; install ${debian}`,
      )
}

const hostMtu = async (): Promise<number> => {
  const { stdout } = await runCommand('ip', ['-json', 'route', 'show', 'default'])
  const routes = JSON.parse(stdout || '[]') as { dev?: string }[]
  const device = routes[0]?.dev
  return device ? Number(await readFile(`/sys/class/net/${device}/mtu`, 'utf8')) : 1500
}

/**
 * Commands after which the bridge has `wanted` and no other address. What is there already is not touched:
 * without it, even for a moment, connections to pods break.
 */
const addressChanges = async (bridge: string, wanted: string, isNew: boolean) => {
  const add = `address add ${wanted} dev ${bridge}`
  if (isNew) return [add]
  const { stdout } = await runCommand('ip', ['-json', '-4', 'address', 'show', 'dev', bridge])
  const [link] = JSON.parse(stdout || '[]') as {
    addr_info?: { local: string; prefixlen: number }[]
  }[]
  const present = (link?.addr_info ?? []).map(({ local, prefixlen }) => `${local}/${prefixlen}`)
  return [
    ...(present.includes(wanted) ? [] : [add]),
    ...present
      .filter((address) => address !== wanted)
      .map((address) => `address del ${address} dev ${bridge}`),
  ]
}

const setSysctl = async (name: string, value: string) => {
  const path = `/proc/sys/${name}`
  if ((await readFile(path, 'utf8')).trim() !== value) await writeFile(path, value)
}

/**
 * Packets between two pods of one bridge must pass the host's packet rules too: the answer of a pod that was
 * reached through a Service's address is translated back there. False where the kernel cannot.
 */
const seeBridgedPackets = async (bridge: string): Promise<boolean> => {
  if (!existsSync('/proc/sys/net/bridge')) await runOnHost('modprobe', ['br_netfilter'])
  const args = ['link', 'set', bridge, 'type', 'bridge', 'nf_call_iptables', '1']
  return (await runCommand('ip', args)).code === 0
}

/** Makes the bridge, or brings what differs of it into line. */
const layBridge = async (bridge: string, alias: string, mtu: number, address: string) => {
  const isNew = !existsSync(`/sys/class/net/${bridge}`)
  await runIp([
    ...(isNew
      ? [`link add ${bridge} address ${bridgeMac(bridge)} type bridge forward_delay 0`]
      : []),
    `link set ${bridge} mtu ${mtu} alias ${alias}`,
    ...(await addressChanges(bridge, address, isNew)),
    `link set ${bridge} up`,
  ])
}

/** A pair of interfaces, one on the bridge and one in the namespace of process `pid`. */
const linkCommands = (link: string, bridge: string, mtu: number, pid: number): string[] => [
  `link add ${link} mtu ${mtu} type veth peer name eth0 mtu ${mtu} netns ${pid}`,
  `link set ${link} master ${bridge} up`,
  `link set ${link} type bridge_slave hairpin on`,
]

/** Commands that lead from the routes of `before` to those of `after`, both gateways by range of pods. */
const routeChanges = (
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
): string[] => [
  ...[...before.keys()]
    .filter((podCidr) => !after.has(podCidr))
    .map((podCidr) => `route del ${podCidr} proto ${ROUTE_PROTOCOL}`),
  ...[...after]
    .filter(([podCidr, via]) => before.get(podCidr) !== via)
    .map(([podCidr, via]) => `route replace ${podCidr} via ${via} proto ${ROUTE_PROTOCOL}`),
]

/** Refuses the host's own namespace: an address or route set there would cut the host off. */
const assertOwnNamespace = (pid: number) => {
  if (readlinkSync(`/proc/${pid}/ns/net`) === readlinkSync('/proc/self/ns/net'))
    throw new RuntimeError('CreateFailed', 'the sandbox has no network namespace of its own')
}

export const createPodNetwork = ({
  node,
  cluster,
  log,
}: {
  node: string
  cluster: string
  log: Log
}): PodNetwork => {
  const bridge = bridgeName(cluster, node)
  let configured: { key: string; config: NetworkConfig; mtu: number; gateway: string } | undefined
  let addresses: PodAddresses | undefined
  let routes = new Map<string, string>()

  const configure = async (config: NetworkConfig) => {
    needPrograms()
    const key = JSON.stringify(config)
    if (configured?.key === key && existsSync(`/sys/class/net/${bridge}`)) return
    const { gateway, prefixLength } = parseRange(config.podCidr)
    const mtu = config.mtu ?? (await hostMtu())
    await layBridge(bridge, `kubus:${cluster}:${node}`, mtu, `${gateway}/${prefixLength}`)
    await setSysctl('net/ipv4/ip_forward', '1')
    // Lets the host's own loopback reach host ports.
    await setSysctl(`net/ipv4/conf/${bridge}/route_localnet`, '1')
    if (!(await seeBridgedPackets(bridge)))
      log.warn({ node, bridge }, 'the kernel hides bridged packets from its packet rules')
    await applyRules(bridge, config)
    await acceptForwarding(bridge)
    if (configured?.config.podCidr !== config.podCidr)
      addresses = createPodAddresses(config.podCidr)
    configured = { key, config, mtu, gateway }
    log.info({ node, bridge, podCidr: config.podCidr, mtu }, 'the pod network is ready')
  }

  const needed = () => {
    if (!configured || !addresses)
      throw new RuntimeError('CreateFailed', 'network is not ready: the node has no pod CIDR yet')
    return { ...configured, addresses }
  }

  const attach: PodNetwork['attach'] = async (sandboxId, pid, ip, ports) => {
    const { mtu, gateway, config } = needed()
    assertOwnNamespace(pid)
    const { prefixLength } = parseRange(config.podCidr)
    await runIp(linkCommands(linkName(sandboxId), bridge, mtu, pid))
    await runIp(
      [
        `address add ${ip}/${prefixLength} dev eth0`,
        'link set lo up',
        'link set eth0 up',
        `route add default via ${gateway} dev eth0`,
      ],
      ['nsenter', `--net=/proc/${pid}/ns/net`],
    )
    await openHostPorts(bridge, ip, ports)
  }

  const setRoutes = async (wanted: readonly PodRoute[]) => {
    const next = new Map(wanted.map(({ podCidr, via }) => [podCidr, via]))
    const changes = routeChanges(routes, next)
    if (changes.length === 0) return
    await runIp(changes)
    routes = next
  }

  return {
    bridge,
    configure,
    setRoutes,
    attach,
    reserve: () => {
      const { addresses: free } = needed()
      try {
        return free.take()
      } catch (error) {
        throw new RuntimeError('CreateFailed', asError(error).message)
      }
    },
    adopt: (ip) => {
      addresses?.adopt(ip)
    },
    release: (ip) => addresses?.free(ip),
    detach: async (sandboxId, ip, ports) => {
      if (ip) await closeHostPorts(bridge, ip, ports)
      const link = linkName(sandboxId)
      // The kernel ends a link with its namespace; a batch that names one already gone would fail.
      if (existsSync(`/sys/class/net/${link}`))
        await runCommand('ip', ['link', 'del', link], { timeoutMs: COMMAND_TIMEOUT_MS })
    },
    remove: async () => {
      await setRoutes([])
      await removeBridge(bridge)
      configured = undefined
    },
  }
}

const asError = (error: unknown) => (error instanceof Error ? error : new Error(String(error)))

/** Ends a bridge and every rule that names it. Idempotent. */
export const removeBridge = async (bridge: string): Promise<void> => {
  if (existsSync(`/sys/class/net/${bridge}`))
    await runCommand('ip', ['link', 'del', bridge], { timeoutMs: COMMAND_TIMEOUT_MS })
  await removeForwarding(bridge)
}
