/**
 * IPv4 addresses and blocks as numbers. It knows no IPv6 and no Services.
 */
import { assert } from '../../std/assert.ts'

export interface Block {
  /** The network's own address. */
  first: number
  size: number
}

/** Undefined when `text` is no IPv4 address in its canonical form. */
export const parseAddress = (text: string): number | undefined => {
  const parts = text.split('.')
  if (parts.length !== 4) return undefined
  let address = 0
  for (const part of parts) {
    if (!/^(?:0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return undefined
    address = address * 256 + Number(part)
  }
  return address
}

export const formatAddress = (address: number): string =>
  `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`

/** The block that `a.b.c.d/n` names; the configuration was checked where it was read. */
export const blockOf = (cidr: string): Block => {
  const [text = '', bits = ''] = cidr.split('/')
  const address = parseAddress(text)
  const length = Number(bits)
  assert(address !== undefined && length >= 8 && length <= 30, `${cidr} is an IPv4 block`)
  const size = 2 ** (32 - length)
  return { first: address - (address % size), size }
}

export const contains = ({ first, size }: Block, address: number): boolean =>
  address > first && address < first + size - 1
