/**
 * One attempt of a probe or hook: exec, HTTP or TCP, inside the pod's network.
 *
 * Invariant: an attempt ends within its timeout and leaves no connection open. Messages are those that
 * Kubernetes' prober puts into events. It keeps no state between attempts.
 */
import { type IncomingMessage, request } from 'node:http'
import type { Duplex } from 'node:stream'
import { connect as connectTls } from 'node:tls'
import type { Runtime } from '../../node/runtime.ts'
import { RuntimeError } from '../../node/runtime.ts'
import type { Clock } from '../../std/clock.ts'
import type { PodContainer, Probe } from './pod-view.ts'
import type { Outcome } from './probe-schedule.ts'

export interface ProbeTarget {
  runtime: Runtime
  containerId: string
  sandboxId: string
  podIP: string
  container: PodContainer
  clock: Clock
}

export type Handler = Pick<Probe, 'exec' | 'httpGet' | 'tcpSocket'>

const OUTPUT_MAX_BYTES = 10 * 1024

/** Runs `handler` once; never rejects. */
export const attempt = async (
  handler: Handler,
  target: ProbeTarget,
  timeoutMs: number,
): Promise<Outcome> => {
  try {
    if (handler.exec) return await execOnce(handler.exec.command ?? [], target, timeoutMs)
    if (handler.httpGet) return await httpOnce(handler.httpGet, target, timeoutMs)
    if (handler.tcpSocket) return await tcpOnce(handler.tcpSocket, target, timeoutMs)
    return { success: false, output: 'no handler specified' }
  } catch (error) {
    return { success: false, output: error instanceof Error ? error.message : String(error) }
  }
}

const execOnce = async (
  command: readonly string[],
  { runtime, containerId }: ProbeTarget,
  timeoutMs: number,
): Promise<Outcome> => {
  const chunks: Uint8Array[] = []
  let size = 0
  const take = (data: Uint8Array) => {
    if (size >= OUTPUT_MAX_BYTES) return
    size += data.length
    chunks.push(data)
  }
  try {
    const code = await runtime.exec(
      containerId,
      command,
      { onStdout: take, onStderr: take },
      { tty: false, timeoutMs },
    )
    const output = Buffer.concat(chunks).subarray(0, OUTPUT_MAX_BYTES).toString('utf8')
    return { success: code === 0, output }
  } catch (error) {
    if (error instanceof RuntimeError && error.reason === 'Timeout')
      return {
        success: false,
        output: `command timed out: "${command.join(' ')}" timed out after ${timeoutMs / 1000}s`,
      }
    throw error
  }
}

/** A port by number or by the container's name for it. */
const portOf = (port: string | number, container: PodContainer): number => {
  const number = Number(port)
  if (Number.isInteger(number) && number > 0) return number
  const named = container.ports?.find(({ name }) => name === port)
  if (!named) throw new Error(`couldn't find port: ${port} for container ${container.name}`)
  return named.containerPort
}

/** Rejects with `message` after `timeoutMs`, when `giveUp` ends what is under way. */
const withTimeout = <T>(
  clock: Clock,
  work: Promise<T>,
  timeoutMs: number,
  message: string,
  giveUp: () => void,
): Promise<T> =>
  new Promise<T>((resolve, reject) => {
    const cancel = clock.after(timeoutMs, () => {
      giveUp()
      reject(new Error(message))
    })
    work.then(resolve, reject).finally(cancel)
  })

/** A failed connection in Go's words. */
const dialError = (error: unknown, address: string): Error => {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const words: Record<string, string> = {
    ECONNREFUSED: 'connect: connection refused',
    EHOSTUNREACH: 'connect: no route to host',
    ENETUNREACH: 'connect: network is unreachable',
    ETIMEDOUT: 'i/o timeout',
  }
  const text = error instanceof Error ? error.message : String(error)
  const known = words[code] ?? (/refused/i.test(text) ? words['ECONNREFUSED'] : undefined)
  return new Error(`dial tcp ${address}: ${known ?? text}`)
}

const dial = async (target: ProbeTarget, host: string, port: number): Promise<Duplex> => {
  try {
    const stream = await target.runtime.connect(target.sandboxId, port, {
      podAddressOnly: true,
    })
    return stream as Duplex
  } catch (error) {
    throw dialError(error, `${host}:${port}`)
  }
}

const tcpOnce = async (
  { host, port }: NonNullable<Handler['tcpSocket']>,
  target: ProbeTarget,
  timeoutMs: number,
): Promise<Outcome> => {
  const number = portOf(port, target.container)
  const address = host || target.podIP
  const dialing = dial(target, address, number)
  const drop = () => void dialing.then((stream) => stream.destroy()).catch(() => undefined)
  const message = `dial tcp ${address}:${number}: i/o timeout`
  const stream = await withTimeout(target.clock, dialing, timeoutMs, message, drop)
  stream.on('error', () => undefined)
  stream.destroy()
  return { success: true, output: '' }
}

const httpOnce = async (
  get: NonNullable<Handler['httpGet']>,
  target: ProbeTarget,
  timeoutMs: number,
): Promise<Outcome> => {
  const port = portOf(get.port, target.container)
  const host = get.host || target.podIP
  const scheme = (get.scheme ?? 'HTTP').toLowerCase()
  const path = get.path?.startsWith('/') ? get.path : `/${get.path ?? ''}`
  const url = `${scheme}://${host}:${port}${path}`
  let open: Duplex | undefined
  const exchange = async () => {
    open = await dial(target, host, port)
    const stream =
      scheme === 'https' ? connectTls({ socket: open, rejectUnauthorized: false }) : open
    return fetchOnce(stream, `${host}:${port}`, path, get.httpHeaders ?? [])
  }
  try {
    const { status, body } = await withTimeout(
      target.clock,
      exchange(),
      timeoutMs,
      'context deadline exceeded (Client.Timeout exceeded while awaiting headers)',
      () => open?.destroy(),
    )
    return status >= 200 && status < 400
      ? { success: true, output: body }
      : { success: false, output: `HTTP probe failed with statuscode: ${status}` }
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error)
    return { success: false, output: `Get "${url}": ${text}` }
  } finally {
    open?.destroy()
  }
}

const fetchOnce = (
  stream: Duplex,
  host: string,
  path: string,
  headers: readonly { name: string; value: string }[],
): Promise<{ status: number; body: string }> =>
  new Promise((resolve, reject) => {
    stream.on('error', reject)
    const all: Record<string, string> = { host, 'user-agent': 'kube-probe/1.36', accept: '*/*' }
    for (const { name, value } of headers) all[name.toLowerCase()] = value
    const sent = request(
      { createConnection: () => stream, path, method: 'GET', headers: all },
      (response) =>
        void readBody(response).then((body) => {
          resolve({ status: response.statusCode ?? 0, body })
        }, reject),
    )
    sent.on('error', (error) =>
      reject(/socket hang up/.test(error.message) ? new Error('EOF') : error),
    )
    sent.end()
  })

const readBody = async (response: IncomingMessage): Promise<string> => {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of response) {
    chunks.push(chunk as Buffer)
    size += (chunk as Buffer).length
    if (size >= OUTPUT_MAX_BYTES) break
  }
  return Buffer.concat(chunks).subarray(0, OUTPUT_MAX_BYTES).toString('utf8')
}
