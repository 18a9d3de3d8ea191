/**
 * Joins two streams: what one says, the other hears, in both directions.
 *
 * Invariant: an end of one direction is passed on and leaves the other open; one that breaks takes the other
 * along. What is on its way when a stream closes in order still arrives.
 */
import type { Duplex } from 'node:stream'

export const joinStreams = (one: Duplex, other: Duplex): void => {
  relay(one, other)
  relay(other, one)
}

const relay = (from: Duplex, to: Duplex): void => {
  from.on('error', () => to.destroy())
  from.on('close', () => {
    if (!to.writableEnded) to.destroy()
  })
  from.pipe(to)
}
