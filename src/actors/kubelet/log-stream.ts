/**
 * Serves `kubectl logs` from one node: checks the request, then sends bytes.
 *
 * Refusals carry Kubernetes' words and codes. Invariant: nothing is read from the runtime before the request
 * was found valid, and following ends with the channel. Frames have tag 1.
 */
import { alreadyExists, badRequest, notFound, StatusError } from '../../api/status-error.ts'
import type { Channel } from '../../bus/bus.ts'
import type { LogQuery, Runtime } from '../../node/runtime.ts'
import type { Clock } from '../../std/clock.ts'
import type { PodMemory } from './pod-memory.ts'
import { allContainersOf, newest } from './pod-view.ts'

export interface LogGreeting {
  namespace: string
  name: string
  uid?: string
  container?: string
  follow?: boolean
  tailLines?: number
  sinceSeconds?: number
  sinceTime?: string
  timestamps?: boolean
  previous?: boolean
  limitBytes?: number
  stream?: 'Stdout' | 'Stderr'
  /** Wanted only while no other stream of this log is under way that was wanted so. */
  sole?: boolean
}

const TAG_OUTPUT = 1
const PODS = { group: '', resource: 'pods' }

/** The runtime id of the container whose log is wanted; throws StatusError. */
export const logContainer = (memory: PodMemory | undefined, greeting: LogGreeting): string => {
  if (!memory) throw notFound(PODS, greeting.name)
  const container = containerNamed(memory, greeting.container)
  const history = memory.view.containers.get(container) ?? []
  if (greeting.previous) {
    const previous = history[1] ?? (isWaiting(memory, container) ? history[0] : undefined)
    if (!previous || previous.state === 'running')
      throw badRequest(
        `previous terminated container "${container}" in pod "${greeting.name}" not found`,
      )
    return previous.id
  }
  const current = history.find(({ startedAtMs }) => startedAtMs !== undefined)
  if (current) return current.id
  const status = [
    ...(memory.status?.initContainerStatuses ?? []),
    ...(memory.status?.containerStatuses ?? []),
    ...(memory.status?.ephemeralContainerStatuses ?? []),
  ].find(({ name }) => name === container)
  const reason = status?.state?.waiting?.reason ?? 'ContainerCreating'
  const why = WAITING_WORDS[reason] ?? reason
  throw badRequest(`container "${container}" in pod "${greeting.name}" is waiting to start: ${why}`)
}

const WAITING_WORDS: Readonly<Record<string, string>> = {
  ErrImagePull: "image can't be pulled",
  ImagePullBackOff: 'trying and failing to pull image',
}

const isWaiting = (memory: PodMemory, container: string): boolean => {
  const current = newest(memory.view, container)
  return current !== undefined && current.state !== 'running'
}

/** The container meant; throws when the pod has no such container or has several. */
export const containerNamed = ({ pod }: PodMemory, wanted: string | undefined): string => {
  const all = allContainersOf(pod)
  const name = wanted || (all.length === 1 ? all[0]!.name : undefined)
  if (!name) {
    const names = (pod.spec?.containers ?? []).map((container) => container.name)
    throw badRequest(
      `a container name must be specified for pod ${pod.metadata.name}, choose one of: [${names.join(' ')}]`,
    )
  }
  if (!all.some((container) => container.name === name))
    throw badRequest(`container ${name} is not valid for pod ${pod.metadata.name}`)
  return name
}

/**
 * Grants the one `sole` stream of the container `id`, for as long as the channel is open: since every stream of a
 * log comes from its node, this keeps apiservers that know nothing of each other from following it twice.
 * Throws StatusError 409 AlreadyExists.
 */
export const grantSole = (
  granted: Set<string>,
  id: string,
  wanted: LogGreeting,
  channel: Channel,
) => {
  if (granted.has(id)) throw alreadyExists({ group: '', resource: 'pods/log' }, wanted.name)
  granted.add(id)
  void channel.closed.then(() => granted.delete(id))
}

const queryOf = (greeting: LogGreeting, clock: Clock): LogQuery => {
  const sinceMs = greeting.sinceTime
    ? Date.parse(greeting.sinceTime)
    : greeting.sinceSeconds
      ? clock.now() - greeting.sinceSeconds * 1000
      : undefined
  return {
    follow: greeting.follow ?? false,
    timestamps: greeting.timestamps ?? false,
    ...(greeting.tailLines === undefined || greeting.tailLines === null
      ? {}
      : { tailLines: greeting.tailLines }),
    ...(sinceMs === undefined ? {} : { sinceMs }),
  }
}

/** Sends the log until it ends, the reader leaves, or the limit is reached; then closes the channel. */
export const sendLog = async (
  runtime: Runtime,
  id: string,
  greeting: LogGreeting,
  channel: Channel,
  clock: Clock,
  tag = TAG_OUTPUT,
): Promise<void> => {
  const abort = new AbortController()
  void channel.closed.then(() => abort.abort())
  let left = greeting.limitBytes ?? Number.POSITIVE_INFINITY
  try {
    const wanted = greeting.stream?.toLowerCase()
    for await (const { stream, data } of runtime.logs(id, queryOf(greeting, clock), abort.signal)) {
      if (wanted && stream !== wanted) continue
      await channel.send(tag, data.length > left ? data.subarray(0, left) : data)
      left -= data.length
      if (left <= 0) break
    }
    channel.close()
  } catch (error) {
    if (abort.signal.aborted) return
    const text = error instanceof Error ? error.message : String(error)
    channel.close(new StatusError(500, 'InternalError', text).status)
  } finally {
    abort.abort()
  }
}
