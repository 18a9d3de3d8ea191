/**
 * Port forwarding over SPDY/3.1, `portforward.k8s.io`: for each connection the client opens an error and a data
 * stream with the same `requestid`.
 *
 * Invariant: a stream that lacks what it needs is refused, and one whose other half does not come is ended. The
 * session ends with the node's channel.
 */
import type { Channel } from '../../../bus/bus.ts'
import type { Clock } from '../../../std/clock.ts'
import type { SpdySession, SpdyStream } from '../spdy/session.ts'
import { forwardPort, type PortForwarding, portNumber } from './forward-port.ts'

export const PORT_FORWARD_PROTOCOL = 'portforward.k8s.io'
/** A SPDY session inside WebSocket messages. */
export const TUNNEL_PROTOCOL = 'SPDY/3.1+portforward.k8s.io'

/** As long as the kubelet of Kubernetes waits for the other stream of a pair. */
const PAIR_MS = 30_000

interface Pair {
  data?: SpdyStream
  error?: SpdyStream
  cancel(): void
}

export const forwardOverSpdy = (
  accept: (onStream: (stream: SpdyStream) => void) => SpdySession,
  forwarding: PortForwarding,
  node: Channel,
  clock: Clock,
): void => {
  const pairs = new Map<string, Pair>()
  const waitForPair = (id: string): Pair => {
    const pair: Pair = {
      cancel: clock.after(PAIR_MS, () => {
        pairs.delete(id)
        pair.error?.end(`(request=${id}) timed out waiting for streams`)
        pair.data?.destroy()
      }),
    }
    pairs.set(id, pair)
    return pair
  }
  const session = accept((stream) => {
    const { type, port, id } = headersOf(stream)
    const pair = pairs.get(id) ?? waitForPair(id)
    if (pair[type]) throw new Error(`error adding stream: ${type} stream already assigned`)
    pair[type] = stream
    const { data, error } = pair
    if (!data || !error) return
    pair.cancel()
    pairs.delete(id)
    error.resume()
    void forwardPort(forwarding, port, data, error)
  })
  void node.closed.then(() => session.destroy())
  void session.closed.then(() => {
    for (const { cancel } of pairs.values()) cancel()
    node.close()
  })
}

const headersOf = ({ id, headers }: SpdyStream) => {
  const port = headers.get('port')
  if (!port) throw new Error('"port" header is required')
  const type = headers.get('streamtype')
  if (!type) throw new Error('"streamType" header is required')
  if (type !== 'error' && type !== 'data') throw new Error(`invalid stream type "${type}"`)
  /** Old clients name no request; they open the error stream first and the data stream next. */
  const request = headers.get('requestid') ?? String(type === 'error' ? id : id - 2)
  return { type, port: portNumber(port), id: request } as const
}
