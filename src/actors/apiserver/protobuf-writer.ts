/**
 * `Writer`: a protobuf message written from its end to its start.
 *
 * Backwards, because the length of a nested message is known once it is written. Invariant: the bytes between
 * `position` marks never move relative to the end. It knows no fields.
 */

const START_BYTES = 16 * 1024
/** A larger buffer is not kept for the next message. */
const KEPT_BYTES_MAX = 1024 * 1024
const SHORT_TEXT = 48

export class Writer {
  private buffer = Buffer.allocUnsafe(START_BYTES)
  private at = START_BYTES

  /** Bytes written so far. */
  get size(): number {
    return this.buffer.length - this.at
  }

  /** A copy of what was written; the writer is empty again. */
  take(): Buffer {
    const bytes = Buffer.from(this.buffer.subarray(this.at))
    if (this.buffer.length > KEPT_BYTES_MAX) this.buffer = Buffer.allocUnsafe(START_BYTES)
    this.at = this.buffer.length
    return bytes
  }

  /** Closes a message that began (ended) at `from`, the size before it: its length and its key. */
  close(field: number, from: number): void {
    this.varint(this.size - from)
    this.varint((field << 3) | 2)
  }

  text(field: number, text: string): void {
    const from = this.size
    this.rawText(text)
    this.close(field, from)
  }

  bytes(field: number, bytes: Uint8Array): void {
    const from = this.size
    this.raw(bytes)
    this.close(field, from)
  }

  /** A signed integer of up to 64 bits, or a boolean as 0 and 1. */
  integer(field: number, value: number): void {
    if (value >= 0 && value <= Number.MAX_SAFE_INTEGER) this.varint(value)
    else this.wide(BigInt.asUintN(64, BigInt(Math.trunc(value))))
    this.varint(field << 3)
  }

  double(field: number, value: number): void {
    this.reserve(8)
    this.at -= 8
    this.buffer.writeDoubleLE(value, this.at)
    this.varint((field << 3) | 1)
  }

  raw(bytes: Uint8Array): void {
    this.reserve(bytes.length)
    this.at -= bytes.length
    this.buffer.set(bytes, this.at)
  }

  private rawText(text: string): void {
    const { length } = text
    this.reserve(length * 3)
    if (length <= SHORT_TEXT) {
      const start = this.at - length
      let index = 0
      for (; index < length; index++) {
        const code = text.charCodeAt(index)
        if (code > 0x7f) break
        this.buffer[start + index] = code
      }
      if (index === length) {
        this.at = start
        return
      }
    }
    this.at -= Buffer.byteLength(text)
    this.buffer.write(text, this.at)
  }

  private varint(value: number): void {
    this.reserve(10)
    if (value < 0x80) {
      this.buffer[--this.at] = value
      return
    }
    let length = 1
    for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) length++
    this.at -= length
    let rest = value
    for (let index = 0; index < length - 1; index++) {
      this.buffer[this.at + index] = (rest % 0x80) | 0x80
      rest = Math.floor(rest / 0x80)
    }
    this.buffer[this.at + length - 1] = rest
  }

  private wide(value: bigint): void {
    const bytes: number[] = []
    for (let rest = value; ; rest >>= 7n) {
      const low = Number(rest & 0x7fn)
      if (rest <= 0x7fn) {
        bytes.push(low)
        break
      }
      bytes.push(low | 0x80)
    }
    this.raw(Uint8Array.from(bytes))
  }

  private reserve(bytes: number): void {
    if (this.at >= bytes) return
    const { size } = this
    const larger = Buffer.allocUnsafe(Math.max(this.buffer.length * 2, size + bytes))
    this.buffer.copy(larger, larger.length - size, this.at)
    this.at = larger.length - size
    this.buffer = larger
  }
}
