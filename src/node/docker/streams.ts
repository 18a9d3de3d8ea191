/**
 * The engine's byte streams: output frames, exec, attach and logs.
 *
 * Invariant: a slow reader slows the process down instead of filling memory: every chunk is awaited before the
 * next is read. Without a terminal the engine frames output in 8 bytes of header (stream, length) and data.
 */
import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import type Docker from 'dockerode'
import { type Clock, sleep } from '../../std/clock.ts'
import { type LogChunk, type LogQuery, type ProcessStreams, RuntimeError } from '../runtime.ts'
import { ask } from './engine.ts'

const FRAME_HEADER_BYTES = 8
const STDERR = 2
/** How long an exec may still count as running after its output ended. */
const EXIT_CODE_WAIT_MS = 5000
const EXIT_CODE_STEP_MS = 10

/** Frames of `source` as they become complete; data of a frame still coming is given out at once. */
export async function* demultiplex(source: AsyncIterable<Buffer>): AsyncGenerator<LogChunk> {
  let header = Buffer.alloc(0)
  let stream: LogChunk['stream'] = 'stdout'
  let left = 0
  for await (const chunk of source) {
    let rest = chunk
    while (rest.length > 0) {
      if (left > 0) {
        const data = rest.subarray(0, left)
        left -= data.length
        rest = rest.subarray(data.length)
        yield { stream, data }
        continue
      }
      const missing = FRAME_HEADER_BYTES - header.length
      header = Buffer.concat([header, rest.subarray(0, missing)])
      rest = rest.subarray(missing)
      if (header.length < FRAME_HEADER_BYTES) continue
      stream = header[0] === STDERR ? 'stderr' : 'stdout'
      left = header.readUInt32BE(4)
      header = Buffer.alloc(0)
    }
  }
}

async function* raw(source: AsyncIterable<Buffer>): AsyncGenerator<LogChunk> {
  for await (const data of source) yield { stream: 'stdout', data }
}

const pumpInput = async (input: AsyncIterable<Uint8Array>, socket: Duplex) => {
  for await (const chunk of input) {
    if (socket.destroyed || socket.writableEnded) return
    if (!socket.write(chunk)) await Promise.race([once(socket, 'drain'), once(socket, 'close')])
  }
  if (!socket.writableEnded) socket.end()
}

/** Moves bytes both ways until the engine closes the connection; a cut connection counts as closed. */
const converse = async (socket: Duplex, streams: ProcessStreams, tty: boolean) => {
  socket.on('error', () => undefined)
  if (streams.stdin) pumpInput(streams.stdin, socket).catch(() => socket.end())
  try {
    for await (const { stream, data } of tty ? raw(socket) : demultiplex(socket))
      await (stream === 'stderr' ? streams.onStderr(data) : streams.onStdout(data))
  } finally {
    socket.destroy()
  }
}

const ignoreReset = (error: unknown) => {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code !== 'ECONNRESET' && code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error
}

const exitCodeOf = async (exec: Docker.Exec, clock: Clock): Promise<number> => {
  for (let waitedMs = 0; ; waitedMs += EXIT_CODE_STEP_MS) {
    const info = await ask('Unknown', () => exec.inspect())
    if (info && !info.Running) return info.ExitCode ?? 0
    if (waitedMs >= EXIT_CODE_WAIT_MS) throw new RuntimeError('Unknown', 'exec has no exit code')
    await sleep(EXIT_CODE_STEP_MS, clock)
  }
}

export const execInContainer = async (
  docker: Docker,
  clock: Clock,
  containerId: string,
  command: readonly string[],
  streams: ProcessStreams,
  options: { tty: boolean; timeoutMs?: number; signal?: AbortSignal },
): Promise<number> => {
  const exec = await ask('Unknown', () =>
    docker.getContainer(containerId).exec({
      Cmd: [...command],
      AttachStdin: streams.stdin !== undefined,
      AttachStdout: true,
      AttachStderr: !options.tty,
      Tty: options.tty,
    }),
  )
  if (!exec) throw new RuntimeError('Unknown', 'the engine gave no exec')
  const socket = await ask('Unknown', () =>
    exec.start({ hijack: true, stdin: streams.stdin !== undefined, Tty: options.tty }),
  )
  if (!socket) throw new RuntimeError('Unknown', 'the engine gave no stream')
  streams.onResize?.(({ width, height }) => {
    exec.resize({ w: width, h: height }).catch(() => undefined)
  })
  let timedOut = false
  const end = async () => {
    const pid = (await exec.inspect().catch(() => undefined))?.Pid
    if (pid) killProcess(pid)
    socket.destroy()
  }
  const cancel = options.timeoutMs
    ? clock.after(options.timeoutMs, () => {
        timedOut = true
        void end()
      })
    : undefined
  const abort = () => socket.destroy()
  options.signal?.addEventListener('abort', abort, { once: true })
  try {
    await converse(socket, streams, options.tty).catch(ignoreReset)
  } finally {
    cancel?.()
    options.signal?.removeEventListener('abort', abort)
  }
  if (timedOut)
    throw new RuntimeError(
      'Timeout',
      `command "${command.join(' ')}" timed out after ${(options.timeoutMs ?? 0) / 1000}s`,
    )
  options.signal?.throwIfAborted()
  return exitCodeOf(exec, clock)
}

/** `pid` is the host's; a process that ended meanwhile is as good as killed. */
const killProcess = (pid: number) => {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {}
}

export const attachToContainer = async (
  docker: Docker,
  containerId: string,
  streams: ProcessStreams,
  options: { tty: boolean; signal?: AbortSignal },
): Promise<void> => {
  const container = docker.getContainer(containerId)
  // Whether it has a terminal says how its output comes, whatever the client believes.
  const info = await ask('Unknown', () => container.inspect())
  const tty = info?.Config.Tty ?? options.tty
  const socket = await ask('Unknown', () =>
    container.attach({
      stream: true,
      hijack: true,
      stdin: streams.stdin !== undefined,
      stdout: true,
      stderr: true,
    }),
  )
  if (!socket) throw new RuntimeError('Unknown', 'the engine gave no stream')
  const duplex = socket as Duplex
  streams.onResize?.(({ width, height }) => {
    container.resize({ w: width, h: height }).catch(() => undefined)
  })
  const abort = () => duplex.destroy()
  options.signal?.addEventListener('abort', abort, { once: true })
  try {
    await converse(duplex, streams, tty).catch(ignoreReset)
  } finally {
    options.signal?.removeEventListener('abort', abort)
  }
}

/** `tty` says how the container's output was recorded. */
export async function* readLogs(
  docker: Docker,
  containerId: string,
  tty: boolean,
  query: LogQuery,
  signal: AbortSignal,
): AsyncGenerator<LogChunk> {
  const open = () =>
    new Promise<Duplex>((resolve, reject) => {
      docker.modem.dial(
        {
          path: `/containers/${containerId}/logs?`,
          method: 'GET',
          isStream: true,
          abortSignal: signal,
          statusCodes: { 200: true, 404: 'no such container', 500: 'server error' },
          options: {
            stdout: true,
            stderr: true,
            follow: query.follow,
            timestamps: query.timestamps,
            ...(query.tailLines === undefined ? {} : { tail: query.tailLines }),
            ...(query.sinceMs === undefined ? {} : { since: query.sinceMs / 1000 }),
          },
        },
        (error: unknown, stream: unknown) => (error ? reject(error) : resolve(stream as Duplex)),
      )
    })
  const stream = await ask('Unknown', open)
  if (!stream) return
  const abort = () => stream.destroy()
  signal.addEventListener('abort', abort, { once: true })
  try {
    yield* tty ? raw(stream) : demultiplex(stream)
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    signal.removeEventListener('abort', abort)
    stream.destroy()
  }
}
