/**
 * The addresses under which other machines reach this one.
 */
import { networkInterfaces } from 'node:os'

/** IPv4 addresses of this machine, loopback excluded, without those of container bridges. */
export const hostAddresses = (): string[] =>
  Object.entries(networkInterfaces())
    .filter(([name]) => !/^(docker|br-|veth|kbs|kbe|cni|flannel)/.test(name))
    .flatMap(([, addresses]) => addresses ?? [])
    .filter((address) => address.family === 'IPv4' && !address.internal)
    .map((address) => address.address)
