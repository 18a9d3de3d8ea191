/**
 * A process session over SPDY/3.1: `v4.channel.k8s.io` and its predecessors.
 *
 * The client opens a stream for each of error, stdin, stdout, stderr and (since v3, with a terminal) resize;
 * their `streamtype` header says which is which. Invariant: nothing is relayed before all streams that were asked
 * for are there, and the outcome on the error stream is the last thing said.
 */
import type { Status } from '../../../api/status-error.ts'
import type { Channel } from '../../../bus/bus.ts'
import type { Clock } from '../../../std/clock.ts'
import type { SpdyStream } from '../spdy/session.ts'
import type { SpdyUpgrade } from '../spdy/upgrade.ts'
import { type ProcessRequest, TAG } from './process-request.ts'
import { outcomeText } from './process-websocket.ts'

export const PROCESS_SPDY_PROTOCOLS: readonly string[] = [
  'v4.channel.k8s.io',
  'v3.channel.k8s.io',
  'v2.channel.k8s.io',
  'channel.k8s.io',
]

/** As long as the kubelet of Kubernetes waits for a client's streams. */
const STREAMS_MS = 30_000
/** How long a client may take to leave once it was told the outcome. */
const LEAVING_MS = 10_000

type Streams = ReadonlyMap<string, SpdyStream>

export const relaySpdy = (
  { protocol, accept }: SpdyUpgrade,
  channel: Channel,
  request: ProcessRequest,
  clock: Clock,
): void => {
  const wanted = wantedStreams(protocol, request)
  const streams = new Map<string, SpdyStream>()
  const session = accept((stream) => {
    const type = stream.headers.get('streamtype') ?? ''
    if (!wanted.has(type) || streams.has(type)) throw new Error(`unexpected stream type "${type}"`)
    streams.set(type, stream)
    if (streams.size < wanted.size) return
    cancel()
    // Not before the session has replied to this last stream.
    queueMicrotask(() => relay(streams, channel, finish))
  })
  const cancel = clock.after(STREAMS_MS, () => session.destroy())
  const finish = async (status: Status | undefined) => {
    for (const [type, stream] of streams) if (type !== 'error') stream.end()
    const text = status && outcomeText(protocol, status)
    await new Promise<void>((resolve) => streams.get('error')!.end(text, () => resolve()))
    const hurry = clock.after(LEAVING_MS, () => session.destroy())
    void session.closed.then(hurry)
  }
  void session.closed.then(() => {
    cancel()
    channel.close()
  })
}

const wantedStreams = (protocol: string, request: ProcessRequest): ReadonlySet<string> => {
  const resizes = protocol.startsWith('v4.') || protocol.startsWith('v3.')
  return new Set([
    'error',
    ...(request.stdin ? ['stdin'] : []),
    ...(request.stdout ? ['stdout'] : []),
    ...(request.stderr ? ['stderr'] : []),
    ...(request.tty && resizes ? ['resize'] : []),
  ])
}

const relay = (
  streams: Streams,
  channel: Channel,
  finish: (status: Status | undefined) => Promise<void>,
): void => {
  for (const type of ['error', 'stdout', 'stderr']) streams.get(type)?.resume()
  const stdin = streams.get('stdin')
  if (stdin) void relayInput(stdin, channel)
  const resize = streams.get('resize')
  if (resize) relaySizes(resize, channel)
  let finished: Promise<void> | undefined
  channel.onFrame((tag, payload) => {
    if (tag === TAG.status) {
      finished = finish(JSON.parse(Buffer.from(payload).toString()) as Status)
      return finished
    }
    const stream = streams.get(tag === TAG.stderr ? 'stderr' : 'stdout')
    if (!stream || stream.destroyed || stream.writableEnded) return undefined
    return new Promise<void>((resolve) => stream.write(payload, () => resolve()))
  })
  void channel.closed.then((status) => finished ?? finish(status))
}

const relayInput = async (stdin: SpdyStream, channel: Channel): Promise<void> => {
  try {
    for await (const chunk of stdin.iterator({ destroyOnReturn: false }))
      await channel.send(TAG.stdin, chunk as Buffer)
    await channel.send(TAG.end, Buffer.of(TAG.stdin))
  } catch {
    // The session is over: nobody waits for input.
  }
}

/** Sizes are JSON documents one behind the other. */
const relaySizes = (resize: SpdyStream, channel: Channel): void => {
  let text = ''
  resize.on('data', (chunk: Buffer) => {
    text += chunk.toString()
    for (let end = text.indexOf('}'); end >= 0; end = text.indexOf('}')) {
      channel.send(TAG.resize, text.slice(0, end + 1).trim()).catch(() => undefined)
      text = text.slice(end + 1)
    }
    if (text.length > SIZE_TEXT_MAX) resize.destroy()
  })
}

const SIZE_TEXT_MAX = 4096
