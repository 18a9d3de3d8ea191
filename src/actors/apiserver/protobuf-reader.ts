/**
 * `Reader`: a cursor over one protobuf message.
 *
 * Invariant: nothing is read beyond the message's end, whatever lengths the bytes claim; what cannot be read
 * is a 400. After `next` exactly one read, or `skip`, of the field's value follows. It knows no fields.
 */
import { badRequest } from '../../api/status-error.ts'

export const malformed = () =>
  badRequest('the body of the request is not a well-formed protobuf message')

export class Reader {
  wire = 0
  private readonly source: Buffer
  private at: number
  private readonly end: number

  constructor(source: Buffer, at: number, end: number) {
    this.source = source
    this.at = at
    this.end = end
  }

  hasMore(): boolean {
    return this.at < this.end
  }

  /** The next field's number, 0 at the end. */
  next(): number {
    if (this.at >= this.end) return 0
    const key = this.small()
    this.wire = key & 7
    const field = key >>> 3
    if (field === 0) throw malformed()
    return field
  }

  /** A signed integer of up to 64 bits. */
  integer(): number {
    if (this.wire !== 0) throw malformed()
    return this.packedInteger()
  }

  /** The same where a packed list holds it. */
  packedInteger(): number {
    const { source, at } = this
    const first = at < this.end ? source[at]! : 0x80
    if (first < 0x80) {
      this.at++
      return first
    }
    return Number(BigInt.asIntN(64, this.unsigned()))
  }

  double(): number {
    if (this.wire !== 1) throw malformed()
    return this.packedDouble()
  }

  packedDouble(): number {
    if (this.at + 8 > this.end) throw malformed()
    this.at += 8
    return this.source.readDoubleLE(this.at - 8)
  }

  text(): string {
    const { source, at, end } = this.message()
    return source.toString('utf8', at, end)
  }

  bytes(): Buffer {
    const { source, at, end } = this.message()
    return source.subarray(at, end)
  }

  message(): Reader {
    if (this.wire !== 2) throw malformed()
    const length = this.small()
    const from = this.at
    if (length > this.end - from) throw malformed()
    this.at += length
    return new Reader(this.source, from, this.at)
  }

  /** Field 1 as text: what a Quantity and a RawExtension consist of. */
  firstText(): string {
    let text = ''
    for (let field = this.next(); field !== 0; field = this.next()) {
      if (field === 1) text = this.text()
      else this.skip()
    }
    return text
  }

  skip(): void {
    if (this.wire === 0) this.unsigned()
    else if (this.wire === 2) this.message()
    else if (this.wire === 1) this.at += 8
    else if (this.wire === 5) this.at += 4
    else throw malformed()
    if (this.at > this.end) throw malformed()
  }

  /** A key or a length: at most 32 bits. */
  private small(): number {
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      if (this.at >= this.end) throw malformed()
      const byte = this.source[this.at++]!
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) {
        if (value > 0xffff_ffff) throw malformed()
        return value
      }
    }
    throw malformed()
  }

  private unsigned(): bigint {
    let value = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      if (this.at >= this.end) throw malformed()
      const byte = this.source[this.at++]!
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
    throw malformed()
  }
}
