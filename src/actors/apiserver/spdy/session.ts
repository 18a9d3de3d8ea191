/**
 * The server's end of a SPDY/3.1 session: streams that the client opens over one connection.
 *
 * As the clients of Kubernetes it knows no flow-control windows: a stream that is not read holds the whole
 * connection back. Invariant: every stream ends, at the latest with the connection; the number of open streams
 * and what each holds unread are bounded. It opens no streams itself.
 */
import { Duplex } from 'node:stream'
import {
  CANCEL,
  createFrameReader,
  dataFrame,
  type Frame,
  pingFrame,
  REFUSED_STREAM,
  resetFrame,
  synReplyFrame,
} from './frames.ts'
import { createHeaderWriter, type SpdyHeaders } from './header-block.ts'

/** What a stream holds unread before the connection is no longer read. */
const UNREAD_BYTES_MAX = 256 * 1024
const STREAMS_MAX = 4096

export class SpdyStream extends Duplex {
  /** The client sends no more. */
  isEnded = false

  constructor(
    private readonly session: SpdySession,
    readonly id: number,
    readonly headers: SpdyHeaders,
  ) {
    super({ allowHalfOpen: true, highWaterMark: UNREAD_BYTES_MAX })
  }

  override _read(): void {
    this.session.resume(this.id)
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.session.send(dataFrame(this.id, chunk), done)
  }

  override _final(done: (error?: Error | null) => void): void {
    this.session.send(dataFrame(this.id, Buffer.alloc(0), true), done)
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.session.forget(this)
    done(error)
  }
}

export class SpdySession {
  /** Resolves when the connection is gone. */
  readonly closed: Promise<void>
  private readonly streams = new Map<number, SpdyStream>()
  /** Streams that are full. */
  private readonly full = new Set<number>()
  private readonly writeHeaders = createHeaderWriter()
  private lastStream = 0

  /**
   * `head` is what was read of the connection already. A stream that `onStream` throws for is refused; it may
   * be written to as soon as `onStream` has returned.
   */
  constructor(
    private readonly connection: Duplex,
    head: Buffer,
    private readonly onStream: (stream: SpdyStream) => void,
  ) {
    const read = createFrameReader()
    const hear = (chunk: Buffer) => {
      try {
        for (const frame of read(chunk)) this.receive(frame)
      } catch {
        this.destroy()
      }
    }
    this.closed = new Promise((resolve) => {
      connection.once('close', () => {
        for (const stream of this.streams.values()) stream.destroy()
        resolve()
      })
    })
    connection.on('error', () => connection.destroy())
    connection.on('end', () => connection.destroy())
    if (head.length > 0) connection.unshift(head)
    connection.on('data', hear)
  }

  destroy(): void {
    this.connection.destroy()
  }

  send(frame: Buffer, done: (error?: Error | null) => void = () => undefined): void {
    if (this.connection.destroyed || this.connection.writableEnded) done()
    else this.connection.write(frame, done)
  }

  /** The stream is read again. */
  resume(id: number): void {
    if (this.full.delete(id) && this.full.size === 0) this.connection.resume()
  }

  /** The stream is over; one that did not end by itself is reset. */
  forget(stream: SpdyStream): void {
    this.resume(stream.id)
    if (!this.streams.delete(stream.id)) return
    if (!stream.isEnded || !stream.writableFinished) this.send(resetFrame(stream.id, CANCEL))
  }

  private receive(frame: Frame): void {
    switch (frame.type) {
      case 'synStream':
        this.open(frame.stream, frame.headers, frame.fin)
        return
      case 'data':
        this.deliver(frame.stream, frame.data, frame.fin)
        return
      case 'reset': {
        const stream = this.streams.get(frame.stream)
        this.streams.delete(frame.stream)
        stream?.destroy()
        return
      }
      case 'ping':
        // Odd numbers are the client's; even ones would be answers.
        if (frame.id % 2 === 1) this.send(pingFrame(frame.id))
        return
      case 'goAway':
      case 'other':
        return
    }
  }

  private open(id: number, headers: SpdyHeaders, fin: boolean): void {
    const isValid = id % 2 === 1 && id > this.lastStream
    if (!isValid) throw new Error('a stream has a wrong number')
    this.lastStream = id
    const stream = new SpdyStream(this, id, headers)
    stream.on('error', () => undefined)
    if (!this.isTaken(stream)) {
      this.send(resetFrame(id, REFUSED_STREAM))
      return
    }
    this.streams.set(id, stream)
    this.send(synReplyFrame(id, this.writeHeaders(new Map())))
    if (fin) end(stream)
  }

  private isTaken(stream: SpdyStream): boolean {
    if (this.streams.size >= STREAMS_MAX) return false
    try {
      this.onStream(stream)
      return true
    } catch {
      return false
    }
  }

  private deliver(id: number, data: Buffer, fin: boolean): void {
    const stream = this.streams.get(id)
    if (!stream || stream.isEnded) return
    if (data.length > 0 && !stream.push(data)) {
      this.full.add(id)
      this.connection.pause()
    }
    if (fin) end(stream)
  }
}

const end = (stream: SpdyStream): void => {
  stream.isEnded = true
  stream.push(null)
}
