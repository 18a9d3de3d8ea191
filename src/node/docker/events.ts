/**
 * The engine's event stream as `RuntimeEvent`s of one node.
 *
 * Invariant: while it runs, an event is either delivered or `onGap` is called after the stream is open again:
 * a caller that lists on `onGap` misses nothing. It asks the engine for events since just before it connected,
 * because the engine answers before it subscribes.
 */
import type Docker from 'dockerode'
import { backoffMs } from '../../std/backoff.ts'
import { type Clock, sleep } from '../../std/clock.ts'
import type { Log } from '../../std/log.ts'
import type { RuntimeEvent } from '../runtime.ts'
import { containerOf, LABEL, ownedBy, podOf } from './labels.ts'

const RECONNECT = { baseMs: 100, maxMs: 5000 }

const TYPES: Record<string, RuntimeEvent['type']> = {
  create: 'created',
  start: 'started',
  die: 'exited',
  destroy: 'removed',
  oom: 'outOfMemory',
}

/** One line of the engine's stream. */
export interface EngineEvent {
  Action: string
  Actor: { ID: string; Attributes: Record<string, string> }
  timeNano: number
}

/** Undefined for what the port does not know: exec, attach, resize, a probe of the host. */
export const runtimeEvent = ({
  Action,
  Actor,
  timeNano,
}: EngineEvent): RuntimeEvent | undefined => {
  const type = TYPES[Action]
  const labels = Actor.Attributes
  if (!type || labels[LABEL.type] === 'probe') return undefined
  const container = containerOf(labels)
  return {
    type,
    containerId: Actor.ID,
    ...(container === undefined ? {} : { container }),
    pod: podOf(labels),
    ...(type === 'exited' ? { exitCode: Number(labels['exitCode'] ?? 0) } : {}),
    atMs: timeNano / 1e6,
  }
}

/** Whole lines of a stream of text. */
async function* lines(source: AsyncIterable<Buffer>): AsyncGenerator<string> {
  let rest = Buffer.alloc(0)
  for await (const chunk of source) {
    let from = 0
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, from)) {
      yield Buffer.concat([rest, chunk.subarray(from, at)]).toString()
      rest = Buffer.alloc(0)
      from = at + 1
    }
    rest = Buffer.concat([rest, chunk.subarray(from)])
  }
}

interface EventFeed {
  docker: Docker
  cluster: string
  node: string
  clock: Clock
  log: Log
}

export const followEvents = (
  { docker, cluster, node, clock, log }: EventFeed,
  onEvent: (event: RuntimeEvent) => void,
  onGap: () => void,
  signal: AbortSignal,
): void => {
  let lastNano = 0

  const connect = async (onOpen: () => void) => {
    const seenNano = lastNano
    const sinceSeconds = seenNano > 0 ? seenNano / 1e9 : clock.now() / 1000
    const stream = (await docker.getEvents({
      since: Number(sinceSeconds.toFixed(6)),
      filters: JSON.stringify({
        type: ['container'],
        label: ownedBy(cluster, node),
        event: Object.keys(TYPES),
      }),
    })) as NodeJS.ReadableStream & { destroy(): void }
    const abort = () => stream.destroy()
    signal.addEventListener('abort', abort, { once: true })
    try {
      onOpen()
      for await (const line of lines(stream as unknown as AsyncIterable<Buffer>)) {
        const raw = JSON.parse(line) as EngineEvent
        if (raw.timeNano <= seenNano) continue
        lastNano = raw.timeNano
        const event = runtimeEvent(raw)
        if (event) onEvent(event)
      }
    } finally {
      signal.removeEventListener('abort', abort)
      stream.destroy()
    }
  }

  const run = async () => {
    let failures = 0
    let isFirst = true
    while (!signal.aborted) {
      try {
        await connect(() => {
          failures = 0
          if (!isFirst) onGap()
          isFirst = false
        })
      } catch (error) {
        if (!signal.aborted) log.debug({ node, error }, 'the event stream of the engine broke')
      }
      if (signal.aborted) return
      // A first connection that failed leaves a gap as well.
      isFirst = false
      await sleep(backoffMs(++failures, RECONNECT), clock, signal).catch(() => undefined)
    }
  }
  void run()
}
