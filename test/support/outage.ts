/**
 * What tests of failures share: clients that write and watch over HTTPS through everything that happens to
 * the apiservers, and a look at the cluster's own state on the bus.
 *
 * Invariant: only what a server acknowledged counts as written; a client goes on with the next apiserver.
 */
import { readFileSync } from 'node:fs'
import type { ClientRequest, IncomingMessage } from 'node:http'
import { Agent, request } from 'node:https'
import { connectBus } from '../../src/bus/nats-bus.ts'
import type { Streams } from '../../src/bus/stream.ts'
import { operatorCredential } from '../../src/cli/bus-credential.ts'
import { stateFolder } from '../../src/cli/state-folder.ts'
import { systemClock } from '../../src/std/clock.ts'
import { rootLog } from '../../src/std/log.ts'
import { eventually, type TestCluster } from './cluster.ts'

export const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

export interface ApiObject {
  metadata: {
    name: string
    uid: string
    resourceVersion: string
    deletionTimestamp?: string
    labels?: Record<string, string>
  }
  data?: Record<string, string>
  spec?: { nodeName?: string; replicas?: number; holderIdentity?: string }
  status?: {
    phase?: string
    readyReplicas?: number
    conditions?: { type: string; status: string }[]
    containerStatuses?: { restartCount: number }[]
  }
}

export interface Answer<T> {
  code: number
  body: T
}

export interface Api {
  /** Rejects when apiserver `port` does not answer. */
  ask<T>(port: number, method: string, path: string, body?: unknown): Promise<Answer<T>>
  open(port: number, path: string, onResponse: (answer: IncomingMessage) => void): ClientRequest
  close(): void
}

const ASK_MS = 40_000

export const apiOf = (cluster: TestCluster): Api => {
  const read = (name: string) => readFileSync(`${cluster.data}/pki/${name}`)
  const agent = new Agent({
    keepAlive: true,
    ca: read('ca.crt'),
    cert: read('admin.crt'),
    key: read('admin.key'),
  })
  const open: Api['open'] = (port, path, onResponse) =>
    request({ host: '127.0.0.1', port, path, agent }, onResponse)
  return {
    open,
    ask: (port, method, path, body) =>
      new Promise((resolve, reject) => {
        const data = body === undefined ? undefined : JSON.stringify(body)
        const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json'
        const headers = data ? { 'content-type': type } : {}
        const call = request(
          { host: '127.0.0.1', port, method, path, agent, headers, timeout: ASK_MS },
          (answer) => {
            const chunks: Buffer[] = []
            answer.on('data', (chunk: Buffer) => chunks.push(chunk))
            answer.on('error', reject)
            answer.on('aborted', () => reject(new Error('the answer was cut short')))
            answer.on('end', () => {
              try {
                resolve({
                  code: answer.statusCode ?? 0,
                  body: JSON.parse(Buffer.concat(chunks).toString()) as never,
                })
              } catch (error) {
                reject(error)
              }
            })
          },
        )
        call.on('timeout', () => call.destroy(new Error('no answer')))
        call.on('error', reject)
        call.end(data)
      }),
    close: () => agent.destroy(),
  }
}

export const CONFIG_MAPS = '/api/v1/namespaces/default/configmaps'

/** A value long enough that half of it would show. */
const filling = (name: string) => name.repeat(50)

export interface Writers {
  /** Revision by name of every write a server acknowledged. */
  readonly acknowledged: ReadonlyMap<string, number>
  /** Writes without an answer, or with one that promises nothing. */
  readonly unknown: number
  /** Monotonic ms of the last acknowledgement. */
  readonly lastAt: number
  /** Stops beginning writes and resolves when none is under way. */
  finish(): Promise<void>
  /** Resolves when all wanted writes were tried. */
  readonly done: Promise<void>
}

/** Clients that create ConfigMaps `<prefix>-<n>` one after the other, each through any apiserver that answers. */
export const startWriters = (
  api: Api,
  ports: readonly number[],
  { prefix, clients, count = Number.POSITIVE_INFINITY, pauseMs = 0 }: WriterOptions,
): Writers => {
  const acknowledged = new Map<string, number>()
  let next = 0
  let unknown = 0
  let lastAt = performance.now()
  let isOver = false
  const run = async (client: number) => {
    for (let at = client; !isOver && next < count; ) {
      const name = `${prefix}-${next++}`
      const body = { metadata: { name }, data: { name, filling: filling(name) } }
      try {
        const answer = await api.ask<ApiObject>(
          ports[at % ports.length]!,
          'POST',
          CONFIG_MAPS,
          body,
        )
        if (answer.code === 201) {
          acknowledged.set(name, Number(answer.body.metadata.resourceVersion))
          lastAt = performance.now()
        } else unknown++
        if (answer.code >= 500) at++
      } catch {
        unknown++
        at++
        await pause(20)
      }
      if (pauseMs > 0) await pause(pauseMs)
    }
  }
  const done = Promise.all(Array.from({ length: clients }, (_, client) => run(client))).then(
    () => {},
  )
  return {
    acknowledged,
    done,
    get unknown() {
      return unknown
    },
    get lastAt() {
      return lastAt
    },
    finish: () => {
      isOver = true
      return done
    },
  }
}

interface WriterOptions {
  prefix: string
  clients: number
  count?: number
  pauseMs?: number
}

/** Acknowledged writes that are absent, at another revision, or not whole in `objects`. */
export const missingFrom = (
  objects: readonly ApiObject[],
  acknowledged: ReadonlyMap<string, number>,
): string[] => {
  const held = new Map(objects.map((object) => [object.metadata.name, object]))
  return [...acknowledged].flatMap(([name, revision]) => {
    const object = held.get(name)
    if (!object) return [`${name} is absent`]
    if (Number(object.metadata.resourceVersion) !== revision)
      return [`${name} is at ${object.metadata.resourceVersion}, acknowledged at ${revision}`]
    return isWhole(object) ? [] : [`${name} is not whole`]
  })
}

export const isWhole = ({ metadata: { name }, data }: ApiObject): boolean =>
  data?.['name'] === name && data['filling'] === filling(name)

export interface Watching {
  /** Types of events by object name, in order. */
  readonly events: ReadonlyMap<string, string[]>
  /** How often the watch had to be opened. */
  readonly opened: number
  /** How often it could not resume from its last revision. */
  readonly gone: number
  stop(): void
}

/** A watch that goes on at the next apiserver from its last revision, and lists again after 410 Gone. */
export const startWatching = async (
  api: Api,
  ports: readonly number[],
  path: string,
): Promise<Watching> => {
  const events = new Map<string, string[]>()
  const known = new Set<string>()
  let version = ''
  let opened = 0
  let gone = 0
  let at = 0
  let isOver = false
  let current: ClientRequest | undefined
  const note = (name: string, type: string) => {
    const types = events.get(name) ?? []
    types.push(type)
    events.set(name, types)
    if (type === 'ADDED') known.add(name)
  }
  const list = async () => {
    const { body } = await api.ask<{ items: ApiObject[]; metadata: { resourceVersion: string } }>(
      ports[at % ports.length]!,
      'GET',
      path,
    )
    for (const { metadata } of body.items)
      if (!known.has(metadata.name)) note(metadata.name, 'ADDED')
    version = body.metadata.resourceVersion
  }
  const follow = () =>
    new Promise<void>((resolve) => {
      const query = `watch=1&allowWatchBookmarks=true&resourceVersion=${version}`
      current = api.open(ports[at % ports.length]!, `${path}?${query}`, (answer) => {
        let rest = ''
        answer.setEncoding('utf8')
        answer.on('data', (chunk: string) => {
          const lines = (rest + chunk).split('\n')
          rest = lines.pop() ?? ''
          for (const line of lines) hear(JSON.parse(line) as { type: string; object: ApiObject })
        })
        answer.on('close', resolve)
        answer.on('error', () => resolve())
      })
      current.on('error', () => resolve())
      current.end()
    })
  const hear = ({ type, object }: { type: string; object: ApiObject & { code?: number } }) => {
    if (type === 'ERROR') {
      gone++
      version = ''
      return
    }
    version = object.metadata.resourceVersion
    if (type !== 'BOOKMARK') note(object.metadata.name, type)
  }
  await list()
  const run = async () => {
    while (!isOver) {
      opened++
      try {
        if (version === '') await list()
        await follow()
      } catch {}
      at++
      if (!isOver) await pause(50)
    }
  }
  void run()
  return {
    events,
    get opened() {
      return opened
    },
    get gone() {
      return gone
    },
    stop: () => {
      isOver = true
      current?.destroy()
    },
  }
}

export interface Beat {
  component: string
  holder: string
  fence: number
  at: number
}

export interface BusWatch {
  streams: Streams
  /** The newest beat of a component's leader. */
  leader(component: string): Beat | undefined
  /** The first beat with a higher fence than `fence`. */
  takeOver(component: string, fence: number): Promise<Beat>
  stop(): Promise<void>
}

/** Listens to the leaders' beats, as an own client of all nats-servers. */
export const watchLeaders = async (cluster: TestCluster, masters: number): Promise<BusWatch> => {
  const { bus, streams } = await connectBus({
    servers: Array.from({ length: masters }, (_, i) => `nats://127.0.0.1:${cluster.natsPort + i}`),
    name: 'a test',
    credential: operatorCredential(stateFolder(cluster.data)),
    log: rootLog.child({}, { level: 'silent' }),
    clock: systemClock,
  })
  const beats = new Map<string, Beat>()
  bus.subscribe('kubus.lease.*', ({ subject, data }) => {
    const { type, holder, fence } = data as { type: string; holder: string; fence: number }
    const component = subject.split('.').at(-1)!
    const newest = beats.get(component)
    if (type !== 'beat' || (newest && newest.fence > fence)) return
    const at = newest?.fence === fence ? newest.at : performance.now()
    beats.set(component, { component, holder, fence, at })
  })
  return {
    streams,
    leader: (component) => beats.get(component),
    takeOver: (component, fence) =>
      eventually(() => {
        const beat = beats.get(component)
        return beat && beat.fence > fence && beat
      }, `a take-over of ${component}`),
    stop: () => bus.drain(),
  }
}

/** The process of a leader, out of the identity that its beats carry. */
export const processOf = (cluster: TestCluster, { holder }: Beat) => {
  const pid = Number(/-(\d+)-[^-]+$/.exec(holder)?.[1])
  const found = cluster.processes().find((process) => process.pid === pid)
  if (!found) throw new Error(`no process is ${holder}`)
  return found
}
