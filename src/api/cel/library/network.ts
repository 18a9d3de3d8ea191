/**
 * Kubernetes' libraries of addresses and networks: ip(), isIP(), cidr(), isCIDR() and what they offer.
 *
 * As there, addresses with a zone and IPv4 addresses mapped into IPv6 are refused.
 */
import { CelError } from '../cel-error.ts'
import { Opaque, type Value } from '../value.ts'
import { define, type Overload, traversal } from './overload.ts'

/** 4 or 16 bytes; undefined for what is no address. Leading zeros are not allowed. */
const parseBytes = (text: string): number[] | undefined => {
  if (!text.includes(':')) return parseDotted(text)
  const [head = '', tail, more] = text.split('::')
  if (more !== undefined || text.includes(':::')) return undefined
  const left = parseGroups(head, tail === undefined)
  const right = tail === undefined ? [] : parseGroups(tail, true)
  if (!left || !right) return undefined
  const missing = 16 - left.length - right.length
  if (tail === undefined ? missing !== 0 : missing < 2) return undefined
  return [...left, ...new Array<number>(missing).fill(0), ...right]
}

const parseDotted = (text: string): number[] | undefined => {
  const parts = text.split('.')
  if (parts.length !== 4 || !parts.every((part) => /^(?:0|[1-9]\d{0,2})$/.test(part)))
    return undefined
  const bytes = parts.map(Number)
  return bytes.every((byte) => byte <= 255) ? bytes : undefined
}

const parseGroups = (text: string, mayEndDotted: boolean): number[] | undefined => {
  if (text === '') return []
  const groups = text.split(':')
  const bytes: number[] = []
  for (const [index, group] of groups.entries()) {
    if (mayEndDotted && index === groups.length - 1 && group.includes('.')) {
      const dotted = parseDotted(group)
      if (!dotted) return undefined
      bytes.push(...dotted)
    } else if (/^[0-9A-Fa-f]{1,4}$/.test(group)) {
      const value = Number.parseInt(group, 16)
      bytes.push(value >> 8, value & 255)
    } else return undefined
  }
  return bytes
}

const isMapped = (bytes: readonly number[]): boolean =>
  bytes.length === 16 &&
  bytes.slice(0, 10).every((byte) => byte === 0) &&
  bytes[10] === 255 &&
  bytes[11] === 255

/** RFC 5952: lower case, the longest run of zeros left out. */
const printBytes = (bytes: readonly number[]): string => {
  if (bytes.length === 4) return bytes.join('.')
  const groups = Array.from({ length: 8 }, (_, at) => (bytes[2 * at]! << 8) | bytes[2 * at + 1]!)
  let best = { from: -1, length: 1 }
  for (let from = 0; from < 8; from++) {
    let length = 0
    while (groups[from + length] === 0) length++
    if (length > best.length) best = { from, length }
  }
  const hex = groups.map((group) => group.toString(16))
  if (best.from < 0) return hex.join(':')
  return `${hex.slice(0, best.from).join(':')}::${hex.slice(best.from + best.length).join(':')}`
}

class Ip extends Opaque {
  readonly typeName = 'net.IP'
  readonly bytes: readonly number[]

  constructor(bytes: readonly number[]) {
    super()
    this.bytes = bytes
  }

  override get size(): number {
    return this.bytes.length
  }

  equals(other: Opaque): boolean {
    return other instanceof Ip && printBytes(other.bytes) === printBytes(this.bytes)
  }
}

class Cidr extends Opaque {
  readonly typeName = 'net.CIDR'
  readonly bytes: readonly number[]
  readonly prefix: number

  constructor(bytes: readonly number[], prefix: number) {
    super()
    this.bytes = bytes
    this.prefix = prefix
  }

  override get size(): number {
    return Math.ceil(this.prefix / 8)
  }

  get masked(): Cidr {
    const bytes = this.bytes.map((byte, at) => byte & maskByte(this.prefix, at))
    return new Cidr(bytes, this.prefix)
  }

  contains(bytes: readonly number[]): boolean {
    return (
      bytes.length === this.bytes.length &&
      bytes.every((byte, at) => ((byte ^ this.bytes[at]!) & maskByte(this.prefix, at)) === 0)
    )
  }

  equals(other: Opaque): boolean {
    return other instanceof Cidr && printCidr(other) === printCidr(this)
  }
}

const maskByte = (prefix: number, at: number): number => {
  const bits = Math.min(8, Math.max(0, prefix - 8 * at))
  return (0xff << (8 - bits)) & 0xff
}

const printCidr = ({ bytes, prefix }: Cidr): string => `${printBytes(bytes)}/${prefix}`

const tryIp = (text: string): Ip | string => {
  const [address = '', zone] = text.split('%')
  const bytes = parseBytes(address)
  if (!bytes || zone === '')
    return `IP Address ${JSON.stringify(text)} parse error during conversion from string: ParseAddr(${JSON.stringify(text)}): unable to parse IP`
  if (zone !== undefined) return `IP address ${JSON.stringify(text)} with zone value is not allowed`
  if (isMapped(bytes)) return `IPv4-mapped IPv6 address ${JSON.stringify(text)} is not allowed`
  return new Ip(bytes)
}

const tryCidr = (text: string): Cidr | string => {
  const shape = /^([^/%]+)\/(0|[1-9]\d{0,2})$/.exec(text)
  const bytes = shape ? parseBytes(shape[1]!) : undefined
  const prefix = Number(shape?.[2])
  if (!bytes || prefix > bytes.length * 8)
    return `network address parse error during conversion from string: netip.ParsePrefix(${JSON.stringify(text)}): no '/'`
  if (isMapped(bytes)) return `IPv4-mapped IPv6 address ${JSON.stringify(text)} is not allowed`
  return new Cidr(bytes, prefix)
}

const orThrow = <T extends Opaque>(found: T | string): T => {
  if (typeof found === 'string') throw new CelError(found)
  return found
}

const ip = (text: string): Ip => orThrow(tryIp(text))
const cidr = (text: string): Cidr => orThrow(tryCidr(text))
const isZero = (bytes: readonly number[]) => bytes.every((byte) => byte === 0)

const isLoopback = ({ bytes }: Ip): boolean =>
  bytes.length === 4 ? bytes[0] === 127 : isZero(bytes.slice(0, 15)) && bytes[15] === 1

const isLinkLocalUnicast = ({ bytes }: Ip): boolean =>
  bytes.length === 4
    ? bytes[0] === 169 && bytes[1] === 254
    : bytes[0] === 0xfe && (bytes[1]! & 0xc0) === 0x80

const isLinkLocalMulticast = ({ bytes }: Ip): boolean =>
  bytes.length === 4
    ? bytes[0] === 224 && bytes[1] === 0 && bytes[2] === 0
    : bytes[0] === 0xff && (bytes[1]! & 0x0f) === 2

const isGlobalUnicast = (address: Ip): boolean => {
  const { bytes } = address
  const isMulticast = bytes.length === 4 ? (bytes[0]! & 0xf0) === 0xe0 : bytes[0] === 0xff
  const isBroadcast = bytes.length === 4 && bytes.every((byte) => byte === 255)
  return !(
    isZero(bytes) ||
    isBroadcast ||
    isMulticast ||
    isLoopback(address) ||
    isLinkLocalUnicast(address)
  )
}

const containsCidr = (outer: Cidr, inner: Cidr): boolean =>
  outer.prefix <= inner.prefix && outer.contains(inner.masked.bytes)

const comparing = ([one = 1, other = 1]: readonly number[]) =>
  Math.ceil(2 * one * 0.1) + Math.ceil(other * 0.1)

export const networks: readonly Overload[] = [
  ...define(
    {
      'ip(string): net.IP': ip,
      'isIP(string): bool': (text: string) => typeof tryIp(text) !== 'string',
      'cidr(string): net.CIDR': cidr,
      'isCIDR(string): bool': (text: string) => typeof tryCidr(text) !== 'string',
    },
    traversal(),
  ),
  ...define(
    {
      'ip.isCanonical(string): bool': (text: string) => printBytes(ip(text).bytes) === text,
    },
    traversal(2),
  ),
  ...define({
    'net.IP.family(): int': ({ bytes }: Ip) => (bytes.length === 4 ? 4n : 6n),
    'net.IP.isUnspecified(): bool': ({ bytes }: Ip) => isZero(bytes),
    'net.IP.isLoopback(): bool': isLoopback,
    'net.IP.isLinkLocalMulticast(): bool': isLinkLocalMulticast,
    'net.IP.isLinkLocalUnicast(): bool': isLinkLocalUnicast,
    'net.IP.isGlobalUnicast(): bool': isGlobalUnicast,
    'string(net.IP): string': ({ bytes }: Ip) => printBytes(bytes),
    'string(net.CIDR): string': printCidr,
    'net.CIDR.ip(): net.IP': ({ bytes }: Cidr) => new Ip(bytes),
    'net.CIDR.masked(): net.CIDR': (network: Cidr): Value => network.masked,
    'net.CIDR.prefixLength(): int': ({ prefix }: Cidr) => BigInt(prefix),
  }),
  ...define(
    {
      'net.CIDR.containsIP(net.IP): bool': (network: Cidr, { bytes }: Ip) =>
        network.contains(bytes),
      'net.CIDR.containsIP(string): bool': (network: Cidr, text: string) =>
        network.contains(ip(text).bytes),
      'net.CIDR.containsCIDR(net.CIDR): bool': containsCidr,
      'net.CIDR.containsCIDR(string): bool': (network: Cidr, text: string) =>
        containsCidr(network, cidr(text)),
    },
    comparing,
  ),
]
