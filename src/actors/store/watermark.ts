/**
 * What a store remembers of its state outside the stream, to notice when the stream has lost some of it.
 *
 * A nats-server whose files were damaged goes on with whatever it can read, be it nothing. Invariant: the
 * watermark is never ahead of what was acknowledged, so a stream that is behind it has lost something.
 * It repairs nothing.
 */
import { Lease } from '../../api/coordination/lease.ts'
import type { Streams } from '../../bus/stream.ts'
import { StateLost } from '../../client/storage.ts'
import type { StreamCache } from '../../client/stream-cache.ts'
import type { Clock } from '../../std/clock.ts'

export interface Watermark {
  /** The newest revision of the state. */
  revision: number
  /** How many objects there were at that revision. */
  objects: number
}

/** Where the watermark is kept, on the disk of this host. */
export interface WatermarkPort {
  read(): Watermark | undefined
  write(watermark: Watermark): void
}

interface Ports {
  port: WatermarkPort
  streams: Streams
  cache: StreamCache
  clock: Clock
}

const KEEP_MS = 2_000
const STALL_MS = 15_000
/** The stalls in a row after which reading is given up: an election is over by then. */
const STALLS_MAX = 2

/** Compares with what is known from before. `read`: the state is in the cache. Both reject with StateLost. */
export const checkState = async ({ port, streams, cache, clock }: Ports) => {
  const known = port.read()
  const last = known ? await streams.lastSequence('state') : 0
  if (known && last < known.revision)
    throw new StateLost(`its state ends at revision ${last} and was at ${known.revision}`)
  const read = Promise.race([cache.ready, neverRead(streams, cache, clock)]).then(() => {
    const objects = objectsIn(cache)
    // Another store may be writing already: only at the very revision the number is known.
    if (known && currentRevision(cache) === known.revision && objects !== known.objects)
      throw new StateLost(`${objects} of its ${known.objects} objects are left`)
  })
  return { read }
}

const currentRevision = (cache: StreamCache) => cache.revision(Lease)

const objectsIn = (cache: StreamCache) => {
  const { events: _, ...state } = cache.counts()
  return Object.values(state).reduce((sum, count) => sum + count, 0)
}

/** Rejects when the stream answers and has more, and none of it comes. */
const neverRead = (streams: Streams, cache: StreamCache, clock: Clock): Promise<never> =>
  new Promise((_, reject) => {
    let before = -1
    let stalls = 0
    let isRead = false
    const look = async () => {
      const last = await streams.lastSequence('state').catch(() => 0)
      const revision = currentRevision(cache)
      stalls = revision === before && revision < last ? stalls + 1 : 0
      before = revision
      if (stalls >= STALLS_MAX)
        reject(new StateLost(`its state is not readable beyond revision ${revision} of ${last}`))
      else if (!isRead) cancel = clock.after(STALL_MS, () => void look())
    }
    let cancel = clock.after(STALL_MS, () => void look())
    void cache.ready.then(() => {
      isRead = true
      cancel()
    })
  })

/** Keeps the watermark up to date until the result is called, which writes it a last time. */
export const keepWatermark = ({ port, cache, clock }: Omit<Ports, 'streams'>): (() => void) => {
  let kept = 0
  let cancel = () => {}
  const keep = () => {
    const revision = currentRevision(cache)
    if (revision === kept) return
    kept = revision
    port.write({ revision, objects: objectsIn(cache) })
  }
  const tick = () => {
    keep()
    cancel = clock.after(KEEP_MS, tick)
  }
  tick()
  return () => {
    cancel()
    keep()
  }
}
