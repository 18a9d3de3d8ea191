/**
 * A `Channel` as a stream of Node.js: what a socket at the other end of the bus looks like.
 *
 * Frames: 0 bytes, 1 that the other end is connected, 255 the end of what their sender says. Invariant: what is not read here is not taken from
 * the peer either, and each direction may end on its own. It knows nothing of what the bytes mean.
 */
import { Duplex } from 'node:stream'
import { StatusError, serviceUnavailable } from '../api/status-error.ts'
import type { Channel } from './bus.ts'

const BYTES = 0
const CONNECTED = 1
const END = 255

/** Takes a channel over; destroying the stream closes it, a failed channel destroys it with its StatusError. */
export class ChannelDuplex extends Duplex {
  /** Resolves when the peer says that it is connected; rejects with the StatusError of why it is not. */
  readonly connected: Promise<void>
  private settle: { connected(): void; failed(error: unknown): void }
  private waiting: (() => void)[] = []
  private isEnded = false

  constructor(private readonly channel: Channel) {
    super({ allowHalfOpen: true })
    // Whoever reads or writes is told; a failure that nobody waits for is no crash.
    this.on('error', () => undefined)
    let settle: ChannelDuplex['settle'] | undefined
    this.connected = new Promise((connected, failed) => {
      settle = { connected, failed }
    })
    this.connected.catch(() => undefined)
    this.settle = settle!
    channel.onFrame((tag, payload) => {
      if (tag === CONNECTED) this.settle.connected()
      else if (tag === END) this.endReading()
      else if (tag === BYTES && !this.isEnded && !this.push(Buffer.from(payload)))
        return new Promise<void>((resolve) => this.waiting.push(resolve))
      return undefined
    })
    void channel.closed.then((status) => {
      if (status?.status === 'Failure') this.destroy(StatusError.from(status))
      else this.once('end', () => this.destroy())
      this.endReading()
    })
  }

  /** Tells the peer that it may expect to be heard. */
  async sayConnected(): Promise<void> {
    await this.channel.send(CONNECTED, Buffer.alloc(0))
  }

  override _read(): void {
    for (const resume of this.waiting.splice(0)) resume()
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.channel.send(BYTES, chunk).then(() => done(), done)
  }

  override _final(done: (error?: Error | null) => void): void {
    this.channel.send(END, Buffer.alloc(0)).then(
      () => done(),
      () => done(),
    )
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this._read()
    this.settle.failed(error ?? serviceUnavailable('the connection was closed'))
    this.channel.close()
    done(error)
  }

  private endReading(): void {
    if (this.isEnded) return
    this.isEnded = true
    this.push(null)
  }
}
