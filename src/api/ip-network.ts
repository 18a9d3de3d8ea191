/**
 * IP addresses and networks as numbers, and the one way Go's `net.IP` prints each.
 *
 * What computes takes texts that are addresses or CIDRs already; only `…Errors` judge, in Kubernetes' words.
 */
import { isIP, isIPv4 } from 'node:net'
import type { NameRule } from './names.ts'

/** An IPv4 address in the clothes of an IPv6 one. */
export const MAPPED = /^::ffff:\d+\.\d+\.\d+\.\d+$/i
const SLOPPY_IPV4 = /^0*\d{1,3}(?:\.0*\d{1,3}){3}$/

/** IPv4 with leading zeros, which Kubernetes once took for decimal numbers. */
const isSloppyIPv4 = (text: string): boolean =>
  SLOPPY_IPV4.test(text) && text.split('.').every((part) => Number(part) < 256)

/** Whether Kubernetes' lenient parser takes the text for an address. */
export const isSloppyAddress = (text: string): boolean =>
  isSloppyIPv4(text) || (isIP(text) !== 0 && !text.includes('%'))

export const isSloppyCidr = (text: string): boolean => {
  const [address = '', length = '', ...rest] = text.split('/')
  const most = address.includes(':') ? 128 : 32
  return rest.length === 0 && isSloppyAddress(address) && /^\d+$/.test(length) && +length <= most
}

/** Faults of a text that must be an address. */
export const addressErrors: NameRule = (text) => {
  if (isIPv4(text)) return []
  if (isIP(text) !== 0 && !text.includes('%')) {
    return MAPPED.test(text) ? ['must not be an IPv4-mapped IPv6 address'] : []
  }
  if (isSloppyIPv4(text)) return ['must not have leading 0s']
  return ['must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)']
}

/** Faults of a text that must be an address as Go prints it. */
export const canonicalAddressErrors: NameRule = (text) => {
  const errors = addressErrors(text)
  if (errors.length > 0 || canonicalAddress(text) === text) return errors
  return [canonicalMessage(canonicalAddress(text))]
}

export const canonicalMessage = (canonical: string): string =>
  `must be in canonical form (${JSON.stringify(canonical)})`

/** `address` as Go prints it: lower case, the longest run of zeros as `::`. */
export const canonicalAddress = (address: string): string =>
  address.includes(':') ? new URL(`http://[${address}]`).hostname.slice(1, -1) : address

export interface Network {
  /** The lowest address. */
  first: bigint
  /** Leading bits that its addresses share. */
  length: number
  /** 32 or 128. */
  bits: number
}

/** The network of a CIDR, the bits beyond its length cleared. */
export const networkOf = (cidr: string): Network => {
  const [address = '', length = '0'] = cidr.split('/')
  const bits = address.includes(':') ? 128 : 32
  const rest = BigInt(bits - Number(length))
  return { first: (numberOf(address) >> rest) << rest, length: Number(length), bits }
}

/** Whether `inner` is a part of `outer` and smaller. */
export const isStrictSubnet = (inner: Network, outer: Network): boolean => {
  if (inner.bits !== outer.bits || inner.length <= outer.length) return false
  const rest = BigInt(outer.bits - outer.length)
  return inner.first >> rest === outer.first >> rest
}

/** Whether the address of a CIDR has bits beyond the prefix. */
export const hasHostBits = (cidr: string): boolean =>
  networkOf(cidr).first !== numberOf(cidr.split('/')[0]!)

const numberOf = (address: string): bigint =>
  address.includes(':')
    ? groupsOf(canonicalAddress(address)).reduce((sum, group) => (sum << 16n) | group, 0n)
    : address.split('.').reduce((sum, part) => (sum << 8n) | BigInt(Number(part)), 0n)

const groupsOf = (address: string): bigint[] => {
  const [head = '', tail] = address.split('::')
  const first = splitGroups(head)
  if (tail === undefined) return first
  const last = splitGroups(tail)
  return [...first, ...new Array<bigint>(8 - first.length - last.length).fill(0n), ...last]
}

const splitGroups = (text: string): bigint[] =>
  text ? text.split(':').map((group) => BigInt(`0x${group}`)) : []
