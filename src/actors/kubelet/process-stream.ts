/**
 * Serves `kubectl exec` and `attach` from one node.
 *
 * Frames: 0 stdin, 1 stdout, 2 stderr, 3 the final metav1.Status, 4 a terminal size, 255 the end of the
 * stream whose number is its byte. Invariant: exactly one status frame ends every session that began, with
 * the exit code as Kubernetes reports it.
 */
import { notFound, type Status, StatusError } from '../../api/status-error.ts'
import type { Channel } from '../../bus/bus.ts'
import type { ExecOptions, ProcessStreams, Runtime } from '../../node/runtime.ts'
import { containerNamed } from './log-stream.ts'
import type { PodMemory } from './pod-memory.ts'
import { newest, type ObservedContainer } from './pod-view.ts'

export interface ProcessGreeting {
  namespace: string
  name: string
  uid?: string
  container?: string
  command?: string[]
  stdin?: boolean
  stdout?: boolean
  stderr?: boolean
  tty?: boolean
}

const TAG = { stdin: 0, stdout: 1, stderr: 2, status: 3, resize: 4, end: 255 } as const
const PODS = { group: '', resource: 'pods' }
/** Input that the process has not read yet. */
const STDIN_CHUNKS_MAX = 4096

/** The running container meant; throws StatusError. */
export const runningContainer = (
  memory: PodMemory | undefined,
  greeting: ProcessGreeting,
): ObservedContainer => {
  if (!memory) throw notFound(PODS, greeting.name)
  const name = containerNamed(memory, greeting.container)
  const current = newest(memory.view, name)
  if (current?.state !== 'running')
    throw new StatusError(500, 'InternalError', `container not found ("${name}")`)
  return current
}

export const serveProcess = async (
  runtime: Runtime,
  id: string,
  greeting: ProcessGreeting,
  channel: Channel,
  kind: 'exec' | 'attach',
  mountedFile: NonNullable<ExecOptions['mountedFile']>,
): Promise<void> => {
  const abort = new AbortController()
  const input = inputFrom(channel)
  void channel.closed.then(() => {
    input.end()
    abort.abort()
  })
  const streams: ProcessStreams = {
    ...(greeting.stdin ? { stdin: input.chunks() } : {}),
    onStdout: (data) => (greeting.stdout === false ? undefined : channel.send(TAG.stdout, data)),
    onStderr: (data) => (greeting.stderr === false ? undefined : channel.send(TAG.stderr, data)),
    onResize: input.onResize,
  }
  const options = { tty: greeting.tty ?? false, signal: abort.signal }
  let status: Status
  try {
    if (kind === 'exec') {
      const command = greeting.command ?? []
      const code = await runtime.exec(id, command, streams, { ...options, mountedFile })
      status = code === 0 ? success() : exitStatus(code)
    } else {
      await runtime.attach(id, streams, options)
      status = success()
    }
  } catch (error) {
    if (abort.signal.aborted) return
    status = failure(error instanceof Error ? error.message : String(error))
  } finally {
    input.end()
  }
  try {
    await channel.send(TAG.status, JSON.stringify(status))
  } finally {
    channel.close()
  }
}

/** What the client sends, as the runtime wants it. */
const inputFrom = (channel: Channel) => {
  const queue: Uint8Array[] = []
  let ended = false
  let wake: (() => void) | undefined
  let listener: ((size: { width: number; height: number }) => void) | undefined
  let lastSize: { width: number; height: number } | undefined
  const end = () => {
    ended = true
    wake?.()
  }
  channel.onFrame((tag, payload) => {
    if (tag === TAG.stdin && !ended) {
      queue.push(payload)
      if (queue.length > STDIN_CHUNKS_MAX) channel.close(failure('input is not read'))
      wake?.()
    } else if (tag === TAG.end && payload[0] === TAG.stdin) end()
    else if (tag === TAG.resize) {
      lastSize = sizeIn(payload) ?? lastSize
      if (lastSize) listener?.(lastSize)
    }
  })
  async function* chunks(): AsyncIterable<Uint8Array> {
    for (;;) {
      const next = queue.shift()
      if (next) yield next
      else if (ended) return
      else
        await new Promise<void>((resolve) => {
          wake = resolve
        })
    }
  }
  return {
    end,
    chunks,
    onResize: (wanted: NonNullable<typeof listener>) => {
      listener = wanted
      if (lastSize) wanted(lastSize)
    },
  }
}

const sizeIn = (payload: Uint8Array): { width: number; height: number } | undefined => {
  try {
    const size = JSON.parse(Buffer.from(payload).toString('utf8')) as {
      Width?: number
      Height?: number
    }
    return { width: size.Width ?? 0, height: size.Height ?? 0 }
  } catch {
    return undefined
  }
}

const success = (): Status => ({
  kind: 'Status',
  apiVersion: 'v1',
  metadata: {},
  status: 'Success',
})

const exitStatus = (code: number): Status => ({
  kind: 'Status',
  apiVersion: 'v1',
  metadata: {},
  status: 'Failure',
  message: `command terminated with exit code ${code}`,
  reason: 'NonZeroExitCode',
  details: { causes: [{ reason: 'ExitCode', message: String(code) }] },
})

const failure = (message: string): Status => ({
  kind: 'Status',
  apiVersion: 'v1',
  metadata: {},
  status: 'Failure',
  message: `Internal error occurred: ${message}`,
  reason: 'InternalError',
  details: { causes: [{ message }] },
  code: 500,
})
