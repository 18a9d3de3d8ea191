/**
 * Container logs: from the kubelet's log stream to an HTTP answer or a text.
 *
 * Invariant: what the client does not read is not read from the node either. Which container is meant is
 * decided as kube-apiserver does; the kubelet refuses what it cannot serve with Kubernetes' own Status.
 */
import type { ServerResponse } from 'node:http'
import { Pod } from '../../api/core/pod.ts'
import {
  badRequest,
  forbiddenField,
  invalid,
  invalidField,
  StatusError,
  unsupportedField,
} from '../../api/status-error.ts'
import type { Bus, Channel } from '../../bus/bus.ts'
import { live } from './commit.ts'
import { openNodeStream } from './node-stream.ts'
import { type ApiRequest, flag } from './request.ts'
import type { Services } from './services.ts'

/** What `PodLogOptions` says, as the kubelet is told. */
export interface LogGreeting {
  container?: string
  follow: boolean
  previous: boolean
  timestamps: boolean
  tailLines?: number
  sinceSeconds?: number
  sinceTime?: string
  limitBytes?: number
  stream?: 'Stdout' | 'Stderr'
}

/** The tag of frames with what a container said. */
export const LOG_BYTES = 1
/** What a `logs` request on the bus returns at most. */
const TEXT_BYTES_MAX = 1024 * 1024
const TEXT_LINES = 100

/** Streams until the log ends or the client goes. Throws StatusError before anything was sent. */
export const serveLogs = async (
  services: Services,
  bus: Bus,
  request: ApiRequest,
  response: ServerResponse,
): Promise<void> => {
  const channel = await openLog(services, bus, request, logOptions(request.query, request.name))
  if (!channel) {
    response.writeHead(204)
    response.end()
    return
  }
  response.on('close', () => channel.close())
  response.writeHead(200, { 'Content-Type': 'text/plain', 'Cache-Control': 'no-cache, private' })
  response.flushHeaders()
  channel.onFrame((tag, payload) => {
    if (tag !== LOG_BYTES || response.destroyed || response.write(payload)) return undefined
    return new Promise<void>((resolve) => {
      response.once('drain', resolve)
      response.once('close', resolve)
    })
  })
  const status = await channel.closed
  if (status?.status === 'Failure' && !response.destroyed) response.write(`${status.message}\n`)
  response.end()
}

/** The last lines as one text, at most a mebibyte. */
export const readLog = async (
  services: Services,
  bus: Bus,
  request: ApiRequest,
  options: LogGreeting,
): Promise<string> => {
  const channel = await openLog(services, bus, request, {
    ...options,
    tailLines: options.tailLines ?? TEXT_LINES,
    limitBytes: Math.min(options.limitBytes ?? TEXT_BYTES_MAX, TEXT_BYTES_MAX),
    follow: false,
  })
  if (!channel) return ''
  const chunks: Buffer[] = []
  channel.onFrame((tag, payload) => {
    if (tag === LOG_BYTES) chunks.push(Buffer.from(payload))
  })
  const status = await channel.closed
  if (status?.status === 'Failure') throw StatusError.from(status)
  return Buffer.concat(chunks).toString()
}

/** From a message's body, whose fields are those of `PodLogOptions`. Throws StatusError with Kubernetes' causes. */
export const logOptionsOf = (body: unknown, pod = ''): LogGreeting => {
  const given = new URLSearchParams()
  for (const [name, value] of Object.entries((body ?? {}) as object))
    if (value !== undefined && value !== null) given.set(name, String(value))
  return logOptions(given, pod)
}

/** Undefined as long as the pod is on no node: then there is nothing to read. */
const openLog = async (
  services: Services,
  bus: Bus,
  { query, namespace, name }: ApiRequest,
  options: LogGreeting,
): Promise<Channel | undefined> => {
  const pod = (await live(services, Pod, namespace, name!)) as Pod
  const container = containerOf(pod, options.container ?? query.get('container') ?? undefined)
  if (!pod.spec?.nodeName) return undefined
  return openNodeStream(bus, pod, 'logs', { ...options, container })
}

/** The container a stream is of: the one named, or the only one. */
export const containerOf = (pod: Pod, asked: string | undefined): string => {
  const { name } = pod.metadata
  const containers = pod.spec?.containers.map((each) => each.name) ?? []
  const initial = pod.spec?.initContainers?.map((each) => each.name) ?? []
  const all = [
    ...initial,
    ...containers,
    ...(pod.spec?.ephemeralContainers ?? []).map((e) => e.name),
  ]
  if (asked) {
    if (all.includes(asked)) return asked
    throw badRequest(`container ${asked} is not valid for pod ${name}`)
  }
  if (containers.length === 1) return containers[0]!
  throw badRequest(
    `a container name must be specified for pod ${name}, choose one of: [${all.join(' ')}]`,
  )
}

const STREAMS = ['Stdout', 'Stderr', 'All']

/** Throws StatusError with Kubernetes' causes. */
const logOptions = (query: URLSearchParams, pod = ''): LogGreeting => {
  const errors: ReturnType<typeof invalidField>[] = []
  const whole = (field: string, least: number): number | undefined => {
    const text = query.get(field)
    if (text === null || text === '') return undefined
    const value = Number(text)
    if (!Number.isInteger(value))
      throw badRequest(`strconv.ParseInt: parsing "${text}": invalid syntax`)
    if (value < least)
      errors.push(
        invalidField(field, value, `must be greater than ${least === 0 ? 'or equal to 0' : '0'}`),
      )
    return value
  }
  const tailLines = whole('tailLines', 0)
  const limitBytes = whole('limitBytes', 1)
  const sinceTime = query.get('sinceTime') || undefined
  const sinceSeconds = whole('sinceSeconds', sinceTime ? Number.NEGATIVE_INFINITY : 1)
  const stream = query.get('stream') || 'All'
  const container = query.get('container') || undefined
  if (sinceTime && Number.isNaN(Date.parse(sinceTime)))
    throw badRequest(
      `parsing time ${JSON.stringify(sinceTime)} as "2006-01-02T15:04:05Z07:00": cannot parse ${JSON.stringify(sinceTime)} as "2006"`,
    )
  if (sinceTime && sinceSeconds !== undefined)
    errors.push(forbiddenField('', 'at most one of `sinceTime` or `sinceSeconds` may be specified'))
  if (!STREAMS.includes(stream)) errors.push(unsupportedField('stream', stream, STREAMS))
  if (stream !== 'All' && tailLines !== undefined) {
    const why = '`tailLines` and specific `stream` are mutually exclusive for now'
    errors.push(forbiddenField('', why))
  }
  if (errors.length > 0) throw invalid({ group: '', kind: 'PodLogOptions' }, pod, errors)
  return {
    ...(container ? { container } : {}),
    follow: flag(query, 'follow'),
    previous: flag(query, 'previous'),
    timestamps: flag(query, 'timestamps'),
    ...(tailLines === undefined ? {} : { tailLines }),
    ...(sinceSeconds === undefined ? {} : { sinceSeconds }),
    ...(sinceTime ? { sinceTime } : {}),
    ...(limitBytes === undefined ? {} : { limitBytes }),
    ...(stream === 'All' ? {} : { stream: stream as 'Stdout' | 'Stderr' }),
  }
}
