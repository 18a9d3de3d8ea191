/**
 * The text of `/etc/hosts` and `/etc/resolv.conf` of a pod, as the kubelet of Kubernetes writes them. Pure.
 */
import type { SandboxSpec } from '../runtime.ts'

const POD_HOSTS = `# Kubernetes-managed hosts file.
127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::0\tip6-localnet
fe00::0\tip6-mcastprefix
fe00::1\tip6-allnodes
fe00::2\tip6-allrouters
`

/** `hostFile` is the host's own, for a pod on the host's network. */
export const hostsFile = (
  { hostname, hostAliases }: Pick<SandboxSpec, 'hostname' | 'hostAliases'>,
  ip: string | undefined,
  hostFile: string | undefined,
): string => {
  const own = hostFile ?? POD_HOSTS + (ip ? `${ip}\t${hostname}\n` : '')
  if (hostAliases.length === 0) return own
  const aliases = hostAliases.map((alias) => `${alias.ip}\t${alias.hostnames.join('\t')}\n`)
  return `${own}\n# Entries added by HostAliases.\n${aliases.join('')}`
}

export const resolverFile = ({
  servers,
  searches,
  options,
}: NonNullable<SandboxSpec['dns']>): string =>
  [
    ...(searches.length > 0 ? [`search ${searches.join(' ')}`] : []),
    ...servers.map((server) => `nameserver ${server}`),
    ...(options.length > 0 ? [`options ${options.join(' ')}`] : []),
    '',
  ].join('\n')
