/**
 * The pages a kubelet shows of itself under `nodes/proxy`: health, pods, statistics, metrics, configuration, logs.
 *
 * Paths and shapes are those of Kubernetes' kubelet; what this one does not know is not there (404). Frames of an
 * answer: 1 the head, 0 the body. Invariant: nothing is changed by looking.
 */
import { StatusError } from '../../api/status-error.ts'
import type { Channel } from '../../bus/bus.ts'
import type { Host } from './host.ts'
import { logContainer, sendLog } from './log-stream.ts'
import { resourceMetrics, runningMetrics } from './node-metrics.ts'
import { statsSummary } from './node-stats.ts'
import type { PodMemory } from './pod-memory.ts'
import type { PodPopulation } from './pod-population.ts'
import { runningContainers } from './pod-view.ts'

export interface PageGreeting {
  method: string
  /** With its query. */
  path: string
}

interface Page {
  code: number
  type: string
  text: string
}

const HEAD = 1
const BODY = 0
const TEXT = 'text/plain; charset=utf-8'
const METRICS = 'text/plain; version=0.0.4; charset=utf-8'

const json = (value: unknown): Page => ({
  code: 200,
  type: 'application/json',
  text: JSON.stringify(value),
})
const plain = (code: number, text: string, type = TEXT): Page => ({ code, type, text })
const NOT_FOUND = plain(404, '404 page not found\n')

export const createNodePages =
  (host: Host, pods: PodPopulation) =>
  async (greeting: PageGreeting, channel: Channel): Promise<void> => {
    try {
      const [path = '/', search = ''] = greeting.path.split('?', 2)
      if (path.startsWith('/containerLogs/'))
        return await serveContainerLog(host, pods, path, new URLSearchParams(search), channel)
      await send(channel, await pageOf(host, pods, greeting.method, path))
      channel.close()
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error)
      const code = error instanceof StatusError ? error.code : 500
      await send(channel, plain(code, `${text}\n`)).catch(() => undefined)
      channel.close()
    }
  }

const send = async (channel: Channel, { code, type, text }: Page): Promise<void> => {
  await channel.send(HEAD, JSON.stringify({ code, type }))
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES)
    await channel.send(BODY, bytes.subarray(at, at + CHUNK_BYTES))
}

const CHUNK_BYTES = 256 * 1024

const pageOf = async (
  host: Host,
  pods: PodPopulation,
  method: string,
  path: string,
): Promise<Page> => {
  if (method !== 'GET' && method !== 'HEAD') return plain(405, '405: Method Not Allowed')
  if (HEALTH.has(path)) return plain(200, 'ok')
  switch (path.replace(/(?<=.)\/$/, '')) {
    case '/pods':
      return json(podList(pods.memories().map(shownPod)))
    case '/runningpods':
      return json(podList(pods.memories().flatMap(runningPod)))
    case '/stats/summary':
      return json(await statsSummary(host, pods.memories()))
    case '/metrics':
      return plain(200, runningMetrics(host, pods.memories()), METRICS)
    case '/metrics/resource':
      return plain(200, await resourceMetrics(host, pods.memories()), METRICS)
    case '/configz':
      return json({ kubeletconfig: configuration(host) })
    default:
      return host.logs && path.startsWith('/logs') ? logPage(host.logs, path) : NOT_FOUND
  }
}

const HEALTH: ReadonlySet<string> = new Set([
  '/healthz',
  '/healthz/',
  '/healthz/ping',
  '/healthz/log',
  '/healthz/syncloop',
])

const podList = (items: readonly object[]) => ({
  kind: 'PodList',
  apiVersion: 'v1',
  metadata: {},
  items,
})

/** The pod with the status this kubelet last decided on. */
const shownPod = ({ pod, status }: PodMemory): object => ({
  ...pod,
  ...(status ? { status } : {}),
})

/** Name, namespace and uid of a pod that has running containers, and their names and images. */
const runningPod = ({ pod, view }: PodMemory): object[] => {
  const { name, namespace, uid } = pod.metadata
  const running = runningContainers(view)
  if (running.length === 0) return []
  const containers = running.map((each) => ({
    name: each.name,
    image: each.imageId,
    resources: {},
  }))
  return [{ metadata: { name, namespace, uid }, spec: { containers }, status: {} }]
}

/** The settings this kubelet has, by the names of `kubelet.config.k8s.io/v1beta1`. */
const configuration = ({ clusterDomain, allocatable }: Host): object => ({
  kind: 'KubeletConfiguration',
  apiVersion: 'kubelet.config.k8s.io/v1beta1',
  port: 10250,
  registerNode: true,
  clusterDomain,
  maxPods: Number(allocatable['pods']),
  nodeStatusReportFrequency: '5m0s',
  nodeLeaseDurationSeconds: 40,
  enableSystemLogHandler: true,
})

/** `/logs/` lists a folder of the host's logs, or shows a file of it. */
const logPage = async (logs: NonNullable<Host['logs']>, path: string): Promise<Page> => {
  if (path === '/logs') return plain(301, '', 'text/html; charset=utf-8')
  const found = await logs.read(decodeURIComponent(path.slice('/logs/'.length)))
  if (!found) return NOT_FOUND
  if (found.type === 'file') return plain(200, found.text)
  const links = found.names.map((name) => `<a href="${encodeURI(name)}">${escaped(name)}</a>\n`)
  return plain(200, `<!doctype html>\n<pre>\n${links.join('')}</pre>\n`, 'text/html; charset=utf-8')
}

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

/** `/containerLogs/<namespace>/<pod>/<container>`, with the options of `pods/log`. */
const serveContainerLog = async (
  { runtime, clock }: Host,
  pods: PodPopulation,
  path: string,
  query: URLSearchParams,
  channel: Channel,
): Promise<void> => {
  const [namespace = '', name = '', container = ''] = path.split('/').slice(2)
  const flag = (option: string) => query.get(option) === 'true'
  const number = (option: string) =>
    query.has(option) ? { [option]: Number(query.get(option)) } : {}
  const greeting = {
    namespace,
    name,
    container,
    follow: flag('follow'),
    previous: flag('previous'),
    timestamps: flag('timestamps'),
    ...number('tailLines'),
    ...number('sinceSeconds'),
    ...number('limitBytes'),
  }
  const id = logContainer(pods.find(namespace, name), greeting)
  await channel.send(HEAD, JSON.stringify({ code: 200, type: TEXT }))
  await sendLog(runtime, id, greeting, channel, clock, BODY)
}
