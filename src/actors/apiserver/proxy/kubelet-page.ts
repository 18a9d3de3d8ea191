/**
 * What the kubelet itself answers under `nodes/proxy`: asked over the bus, sent on as HTTP.
 *
 * Frames of its answer: 1 the head `{code, type}` as JSON, 0 the body, 255 its end. Invariant: what the client does
 * not read is not read from the node either.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { StatusError, serviceUnavailable } from '../../../api/status-error.ts'
import { isNoResponders } from '../../../bus/answer.ts'
import type { Bus, Channel } from '../../../bus/bus.ts'
import { subjectsFor } from '../../../bus/subjects.ts'

const HEAD = 1
const BODY = 0

/** Throws StatusError as long as nothing was answered. */
export const askKubelet = async (
  bus: Bus,
  node: string,
  { method = 'GET' }: IncomingMessage,
  path: string,
  response: ServerResponse,
): Promise<void> => {
  const channel = await openPage(bus, node, { method, path })
  response.once('close', () => channel.close())
  channel.onFrame((tag, payload) => {
    if (tag === HEAD) {
      const { code, type } = JSON.parse(Buffer.from(payload).toString()) as Head
      response.writeHead(code, { 'Content-Type': type, 'Cache-Control': 'no-cache, private' })
      response.flushHeaders()
    } else if (tag === BODY && !response.destroyed && !response.write(payload))
      return new Promise<void>((resolve) => {
        response.once('drain', resolve)
        response.once('close', resolve)
      })
    return undefined
  })
  const status = await channel.closed
  if (!response.headersSent)
    throw status ? StatusError.from(status) : serviceUnavailable('the kubelet did not answer')
  if (status?.status === 'Failure') response.destroy()
  else response.end()
}

interface Head {
  code: number
  type: string
}

const openPage = async (bus: Bus, node: string, greeting: object): Promise<Channel> => {
  try {
    return await bus.open(subjectsFor(bus.prefix).nodeStream(node, 'proxy'), greeting)
  } catch (error) {
    if (!isNoResponders(error)) throw error
    throw serviceUnavailable(
      `error trying to reach service: the kubelet of node ${node} does not answer`,
    )
  }
}
