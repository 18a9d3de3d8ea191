/**
 * The connection to a Docker engine, and its errors as `RuntimeError`, classified once, here.
 *
 * Invariant: no other file reads an HTTP status of the engine. It holds no state of containers.
 */
import Docker from 'dockerode'
import { RuntimeError } from '../runtime.ts'

export const DEFAULT_SOCKET = '/var/run/docker.sock'

export const connectEngine = (socketPath = DEFAULT_SOCKET): Docker => new Docker({ socketPath })

const statusOf = (error: unknown): number | undefined =>
  error instanceof Error && 'statusCode' in error && typeof error.statusCode === 'number'
    ? error.statusCode
    : undefined

const isUnreachable = (error: unknown) =>
  error instanceof Error &&
  'code' in error &&
  ['ENOENT', 'ECONNREFUSED', 'EACCES', 'ECONNRESET', 'EPIPE'].includes(String(error.code))

/** The engine's own sentence, without what the HTTP library puts around it. */
export const engineMessage = (error: unknown): string => {
  const text = error instanceof Error ? error.message : String(error)
  return text.replace(/^\(HTTP code \d+\) .*? - /s, '').trim()
}

export const isNotFound = (error: unknown) => statusOf(error) === 404
export const isConflict = (error: unknown) => statusOf(error) === 409
/** The engine's answer to starting what runs or stopping what does not. */
export const isNotModified = (error: unknown) => statusOf(error) === 304

/** `reason` unless the engine is unreachable or the thing absent. */
export const runtimeError = (error: unknown, reason: RuntimeError['reason']): RuntimeError => {
  if (error instanceof RuntimeError) return error
  if (isUnreachable(error))
    return new RuntimeError(
      'Unavailable',
      `cannot connect to the Docker engine: ${engineMessage(error)}`,
    )
  const message = engineMessage(error)
  if (isNotFound(error))
    return new RuntimeError(/no such image/i.test(message) ? 'ImageNotFound' : 'NotFound', message)
  return new RuntimeError(reason, message)
}

/** Runs `call`; an engine's error becomes a `RuntimeError`, one for which `ignore` holds counts as success. */
export const ask = async <T>(
  reason: RuntimeError['reason'],
  call: () => Promise<T>,
  ignore?: (error: unknown) => boolean,
): Promise<T | undefined> => {
  try {
    return await call()
  } catch (error) {
    if (ignore?.(error)) return undefined
    throw runtimeError(error, reason)
  }
}
