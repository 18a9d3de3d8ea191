/**
 * A `Channel` as a stream of Node.js: what a socket at the other end of the bus looks like.
 *
 * Frames: 0 bytes, 255 the end of what their sender says. Invariant: what is not read here is not taken from
 * the peer either, and each direction may end on its own. It knows nothing of what the bytes mean.
 */
import { Duplex } from 'node:stream'
import { StatusError } from '../api/status-error.ts'
import type { Channel } from './bus.ts'

const BYTES = 0
const END = 255

/** Takes the channel over; destroying the stream closes it, a failed channel destroys the stream with its StatusError. */
export const channelDuplex = (channel: Channel): Duplex => new ChannelDuplex(channel)

class ChannelDuplex extends Duplex {
  private waiting: (() => void)[] = []
  private isEnded = false

  constructor(private readonly channel: Channel) {
    super({ allowHalfOpen: true })
    channel.onFrame((tag, payload) => {
      if (tag === END) this.endReading()
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
    this.channel.close()
    done(error)
  }

  private endReading(): void {
    if (this.isEnded) return
    this.isEnded = true
    this.push(null)
  }
}
