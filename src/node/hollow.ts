/**
 * The `Runtime` in memory: a node whose containers only seem to run, for tests and for clusters of thousands of
 * simulated nodes in one process.
 *
 * Invariant: deterministic on its clock, and cheap: a running container is one small object without a timer. It
 * keeps the rules of the port (labels, exit codes, events in order, idempotent calls) as the Docker driver does, and
 * runs the same test cases; what a container does is in `hollow-program.ts`.
 */
import { type Clock, sleep, systemClock } from '../std/clock.ts'
import type { Log } from '../std/log.ts'
import { hollowPort } from './hollow-port.ts'
import { type HollowProgram, hollowExec, hollowProgram, shownPaths } from './hollow-program.ts'
import { createPodAddresses, type PodAddresses } from './pod-addresses.ts'
import {
  type Container,
  type ContainerResources,
  type ContainerSpec,
  type ContainerStats,
  type ExecOptions,
  type ImageInfo,
  type LogChunk,
  type LogQuery,
  type ProcessStreams,
  type Runtime,
  RuntimeError,
  type RuntimeEvent,
  type Sandbox,
  type SandboxSpec,
} from './runtime.ts'

const SIGKILL_EXIT_CODE = 137
const LOG_LINES_MAX = 1000
const IMAGE_BYTES = 4 << 20
/** What a running container seems to use. */
const CPU_SHARE = 0.001
const MEMORY_BYTES = 1 << 20

export interface HollowRuntimeOptions {
  node: string
  cluster?: string
  clock?: Clock
  log?: Log
  /** Addresses before `configureNetwork`; without both, a sandbox on the pod network is refused. */
  podCidr?: string
  /** From `start` to running; 2 ms unless given. */
  startMs?: number
  /** Images that cannot be pulled. */
  isMissingImage?: (image: string) => boolean
}

interface HollowContainer {
  /** Replaced, never changed: what `list` gave out stays as it was. */
  container: Container
  program: HollowProgram
  lines: { atMs: number; stream: LogChunk['stream']; text: string }[]
  /** Called at every new line and at the end. */
  watchers: Set<() => void>
  cancelExit?: () => void
}

interface Host {
  clock: Clock
  containers: Map<string, HollowContainer>
  sandboxes: Map<string, Sandbox>
  emit(event: RuntimeEvent): void
}

export const createHollowRuntime = (options: HollowRuntimeOptions): Runtime => {
  const { node, clock = systemClock, startMs = 2 } = options
  const listeners = new Set<(event: RuntimeEvent) => void>()
  const host: Host = {
    clock,
    containers: new Map(),
    sandboxes: new Map(),
    emit: (event) => {
      for (const listener of listeners) listener(event)
    },
  }
  const pulled = new Set<string>()
  let addresses = options.podCidr ? createPodAddresses(options.podCidr) : undefined
  let podCidr = options.podCidr
  let lastId = 0
  /** Unique among all nodes of a cluster, and the same in every run. */
  const newId = () => `${node}-${(++lastId).toString(16).padStart(8, '0')}`

  return {
    name: 'hollow',
    version: () => Promise.resolve('1.0.0'),
    warnings: () => [],
    configureNetwork: async (config) => {
      if (config.podCidr === podCidr) return
      podCidr = config.podCidr
      addresses = createPodAddresses(config.podCidr)
    },
    list: async () => ({
      sandboxes: [...host.sandboxes.values()],
      containers: [...host.containers.values()].map(({ container }) => container),
    }),
    inspect: async (id) => host.containers.get(id)?.container,
    imageStatus: async (image) => (pulled.has(image) ? imageOf(image) : undefined),
    pull: async (image) => {
      if (options.isMissingImage?.(image))
        throw new RuntimeError('ImageNotFound', `manifest for ${image} not found`)
      pulled.add(image)
      return imageOf(image)
    },
    createSandbox: (spec) => createSandbox(host, newId(), spec, addresses),
    stopSandbox: async (id) => stopSandbox(host, id, addresses),
    removeSandbox: async (id) => {
      stopSandbox(host, id, addresses)
      for (const { container } of [...host.containers.values()])
        if (container.sandboxId === id) removeContainer(host, container.id)
      const sandbox = host.sandboxes.get(id)
      if (!sandbox || !host.sandboxes.delete(id)) return
      host.emit({ type: 'removed', containerId: id, pod: sandbox.pod, atMs: clock.now() })
    },
    create: async (spec) => createContainer(host, newId(), spec, pulled),
    start: async (id) => {
      needed(host, id)
      await sleep(startMs, clock)
      start(host, id)
    },
    stop: (id, graceSeconds) => stop(host, id, graceSeconds),
    remove: async (id) => removeContainer(host, id),
    resize: async (id, resources) => {
      const entry = needed(host, id)
      entry.container = { ...entry.container, resources: keptResources(resources) }
    },
    exec: (id, command, streams, execOptions) => exec(host, id, command, streams, execOptions),
    attach: (id, streams, { signal }) => attach(host, id, streams, signal),
    logs: (id, query, signal) => readLogs(host, id, query, signal),
    connect: async (sandboxId, port) => connect(host, sandboxId, port),
    stats: async () => statsOf(host),
    events: (onEvent, _onGap, signal) => {
      if (signal.aborted) return
      listeners.add(onEvent)
      signal.addEventListener('abort', () => listeners.delete(onEvent), { once: true })
    },
  }
}

const connect = ({ sandboxes }: Host, sandboxId: string, port: number) => {
  const sandbox = sandboxes.get(sandboxId)
  if (sandbox?.state !== 'ready')
    throw new RuntimeError('NotFound', `no such sandbox: ${sandboxId}`)
  return hollowPort(sandbox.pod, port)
}

const statsOf = ({ containers, clock }: Host): ContainerStats[] =>
  [...containers.values()]
    .filter(({ container }) => container.state === 'running')
    .map(({ container }) => ({
      containerId: container.id,
      atMs: clock.now(),
      cpuUsageCoreNanoSeconds: Math.round(
        (clock.now() - (container.startedAtMs ?? 0)) * 1e6 * CPU_SHARE,
      ),
      memoryWorkingSetBytes: MEMORY_BYTES,
    }))

const imageOf = (image: string): ImageInfo => ({
  id: `sha256:hollow-${image}`,
  names: [image],
  sizeBytes: IMAGE_BYTES,
})

const needed = (host: Host, id: string): HollowContainer => {
  const found = host.containers.get(id)
  if (!found) throw new RuntimeError('NotFound', `no such container: ${id}`)
  return found
}

const createSandbox = async (
  { sandboxes, clock, emit }: Host,
  id: string,
  spec: SandboxSpec,
  addresses: PodAddresses | undefined,
): Promise<Sandbox> => {
  if (!spec.hostNetwork && !addresses)
    throw new RuntimeError('CreateFailed', 'network is not ready: the node has no pod CIDR yet')
  const sandbox: Sandbox = {
    id,
    pod: spec.pod,
    state: 'ready',
    ...(spec.hostNetwork || !addresses ? {} : { ip: takeAddress(addresses) }),
    createdAtMs: clock.now(),
    attempt: spec.attempt,
  }
  sandboxes.set(id, sandbox)
  for (const type of ['created', 'started'] as const)
    emit({ type, containerId: id, pod: spec.pod, atMs: clock.now() })
  return sandbox
}

const takeAddress = (addresses: PodAddresses) => {
  try {
    return addresses.take()
  } catch (error) {
    throw new RuntimeError('CreateFailed', error instanceof Error ? error.message : String(error))
  }
}

const stopSandbox = (host: Host, id: string, addresses: PodAddresses | undefined) => {
  const sandbox = host.sandboxes.get(id)
  if (sandbox?.state !== 'ready') return
  for (const { container } of host.containers.values())
    if (container.sandboxId === id) exit(host, container.id, SIGKILL_EXIT_CODE)
  host.sandboxes.set(id, { ...sandbox, state: 'notReady' })
  if (sandbox.ip) addresses?.free(sandbox.ip)
  host.emit({
    type: 'exited',
    containerId: id,
    pod: sandbox.pod,
    exitCode: SIGKILL_EXIT_CODE,
    atMs: host.clock.now(),
  })
}

const createContainer = (
  host: Host,
  id: string,
  spec: ContainerSpec,
  pulled: ReadonlySet<string>,
): string => {
  if (host.sandboxes.get(spec.sandboxId)?.state !== 'ready')
    throw new RuntimeError('CreateFailed', `no such sandbox: ${spec.sandboxId}`)
  if (!pulled.has(spec.image))
    throw new RuntimeError('ImageNotFound', `No such image: ${spec.image}`)
  const container: Container = {
    id,
    pod: spec.pod,
    sandboxId: spec.sandboxId,
    name: spec.name,
    attempt: spec.attempt,
    image: spec.image,
    imageId: imageOf(spec.image).id,
    state: 'created',
    createdAtMs: host.clock.now(),
    specHash: spec.specHash,
    resources: keptResources(spec.resources),
    labels: spec.labels,
    annotations: spec.annotations,
  }
  const program = hollowProgram(spec)
  host.containers.set(id, { container, program, lines: [], watchers: new Set() })
  tell(host, container, 'created')
  return id
}

const keptResources = (resources: ContainerResources): ContainerResources => ({
  ...resources,
  cpuRequestMillis: resources.cpuRequestMillis ?? resources.cpuLimitMillis ?? 0,
  memoryLimitBytes: resources.memoryLimitBytes ?? 0,
})

const tell = (
  { emit, clock }: Host,
  container: Container,
  type: RuntimeEvent['type'],
  exitCode?: number,
) =>
  emit({
    type,
    containerId: container.id,
    container: container.name,
    pod: container.pod,
    ...(exitCode === undefined ? {} : { exitCode }),
    atMs: clock.now(),
  })

const start = (host: Host, id: string) => {
  const entry = host.containers.get(id)
  if (entry?.container.state !== 'created') return
  const nowMs = host.clock.now()
  entry.container = { ...entry.container, state: 'running', startedAtMs: nowMs }
  for (const { stream, text } of entry.program.output.slice(0, LOG_LINES_MAX))
    entry.lines.push({ atMs: nowMs, stream, text })
  for (const watcher of entry.watchers) watcher()
  tell(host, entry.container, 'started')
  const end = entry.program.exit
  if (end) entry.cancelExit = host.clock.after(end.afterMs, () => exit(host, id, end.code))
}

const exit = (host: Host, id: string, exitCode: number) => {
  const entry = host.containers.get(id)
  if (entry?.container.state !== 'running') return
  entry.cancelExit?.()
  entry.container = {
    ...entry.container,
    state: 'exited',
    exitCode,
    finishedAtMs: host.clock.now(),
  }
  for (const watcher of entry.watchers) watcher()
  tell(host, entry.container, 'exited', exitCode)
}

const stop = async (host: Host, id: string, graceSeconds: number): Promise<void> => {
  const entry = host.containers.get(id)
  if (entry?.container.state !== 'running') return
  if (entry.program.obeysTerm) return exit(host, id, 0)
  if (graceSeconds > 0) await endedWithin(host, entry, graceSeconds * 1000)
  exit(host, id, SIGKILL_EXIT_CODE)
}

const endedWithin = (host: Host, entry: HollowContainer, ms: number) =>
  new Promise<void>((resolve) => {
    const done = () => {
      cancel()
      entry.watchers.delete(watcher)
      resolve()
    }
    const watcher = () => {
      if (entry.container.state === 'exited') done()
    }
    const cancel = host.clock.after(ms, done)
    entry.watchers.add(watcher)
  })

const removeContainer = (host: Host, id: string) => {
  exit(host, id, SIGKILL_EXIT_CODE)
  const entry = host.containers.get(id)
  if (!entry || !host.containers.delete(id)) return
  tell(host, entry.container, 'removed')
}

const exec = async (
  host: Host,
  id: string,
  command: readonly string[],
  streams: ProcessStreams,
  options: ExecOptions,
): Promise<number> => {
  if (needed(host, id).container.state !== 'running')
    throw new RuntimeError('Unknown', `Container ${id} is not running`)
  const sleepSeconds = command[0] === 'sleep' ? Number(command[1] ?? 0) : 0
  const { timeoutMs = Number.POSITIVE_INFINITY, signal } = options
  await sleep(Math.min(sleepSeconds * 1000, timeoutMs), host.clock, signal)
  if (sleepSeconds * 1000 > timeoutMs)
    throw new RuntimeError(
      'Timeout',
      `command "${command.join(' ')}" timed out after ${timeoutMs / 1000}s`,
    )
  const shown = await mountedFiles(command, options)
  if (shown) {
    for (const content of shown) await streams.onStdout(Buffer.from(content))
    return 0
  }
  const { output, code, echoes } = hollowExec(command)
  for (const { stream, text } of output)
    await (stream === 'stderr' ? streams.onStderr : streams.onStdout)(Buffer.from(text))
  if (echoes && streams.stdin) for await (const data of streams.stdin) await streams.onStdout(data)
  return code
}

/** What `cat` of files in volumes shows; undefined for any other command or file. */
const mountedFiles = async (
  command: readonly string[],
  { mountedFile }: ExecOptions,
): Promise<(Uint8Array | string)[] | undefined> => {
  const paths = shownPaths(command)
  if (!mountedFile || paths.length === 0) return undefined
  const contents: (Uint8Array | string)[] = []
  for (const path of paths) {
    const content = await mountedFile(path)
    if (content === undefined) return undefined
    contents.push(content)
  }
  return contents
}

const attach = async (
  host: Host,
  id: string,
  streams: ProcessStreams,
  signal: AbortSignal = new AbortController().signal,
) => {
  const query = { follow: true, timestamps: false, sinceMs: host.clock.now() }
  for await (const { stream, data } of readLogs(host, id, query, signal))
    await (stream === 'stderr' ? streams.onStderr : streams.onStdout)(data)
}

async function* readLogs(
  host: Host,
  id: string,
  query: LogQuery,
  signal: AbortSignal,
): AsyncGenerator<LogChunk> {
  const entry = needed(host, id)
  const chunk = (line: HollowContainer['lines'][number]): LogChunk => ({
    stream: line.stream,
    data: Buffer.from(
      query.timestamps ? `${new Date(line.atMs).toISOString()} ${line.text}` : line.text,
    ),
  })
  const wanted = entry.lines.filter(({ atMs }) => atMs >= (query.sinceMs ?? 0))
  const shown = query.tailLines === undefined ? wanted : lastOf(wanted, query.tailLines)
  let next = entry.lines.length
  for (const line of shown) yield chunk(line)
  while (query.follow && !signal.aborted) {
    for (; next < entry.lines.length; next++) {
      const line = entry.lines[next]
      if (line) yield chunk(line)
    }
    if (entry.container.state === 'exited') return
    await changed(entry, signal)
  }
}

const lastOf = <T>(items: readonly T[], count: number) => (count === 0 ? [] : items.slice(-count))

const changed = (entry: HollowContainer, signal: AbortSignal) =>
  new Promise<void>((resolve) => {
    const done = () => {
      entry.watchers.delete(done)
      signal.removeEventListener('abort', done)
      resolve()
    }
    entry.watchers.add(done)
    signal.addEventListener('abort', done, { once: true })
  })
