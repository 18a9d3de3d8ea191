/**
 * What an exec or attach request asks for, and the tags of the frames that carry a session to the node.
 *
 * Invariant: the tags are the channel numbers of Kubernetes' WebSocket protocols, so most frames are relayed as
 * they are. Pure.
 */
import type { Pod } from '../../../api/core/pod.ts'
import { badRequest } from '../../../api/status-error.ts'
import { containerOf } from '../node-logs.ts'
import { flag } from '../request.ts'

/** Frames of a session: `end` closes the stream whose tag is its one byte. */
export const TAG = { stdin: 0, stdout: 1, stderr: 2, status: 3, resize: 4, end: 255 } as const

export interface ProcessRequest {
  container: string
  command?: string[]
  stdin: boolean
  stdout: boolean
  stderr: boolean
  tty: boolean
}

/** Throws StatusError 400. */
export const processRequest = (
  pod: Pod,
  query: URLSearchParams,
  stream: 'exec' | 'attach',
): ProcessRequest => {
  const tty = flag(query, 'tty')
  const request = {
    container: containerOf(pod, query.get('container') ?? undefined),
    ...(stream === 'exec' ? { command: query.getAll('command') } : {}),
    stdin: flag(query, 'stdin'),
    stdout: flag(query, 'stdout'),
    /** A terminal has one output. */
    stderr: flag(query, 'stderr') && !tty,
    tty,
  }
  if (!request.stdin && !request.stdout && !request.stderr)
    throw badRequest('you must specify at least 1 of stdin, stdout, stderr')
  if (request.command?.length === 0) throw badRequest('you must specify at least one command')
  return request
}
