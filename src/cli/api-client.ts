/**
 * A small HTTPS client of the API, as the administrator: what `up` and `status` need.
 * It keeps no cache and retries nothing.
 */
import { Agent, request } from 'node:https'
import { readTextIfPresent } from '../node/files.ts'
import type { StateFolder } from './state-folder.ts'

export interface ApiAnswer<T> {
  code: number
  body: T
}

export interface ApiClient {
  /** Resolves with whatever code; rejects when nothing answers. */
  call<T>(method: string, path: string, body?: unknown, accept?: string): Promise<ApiAnswer<T>>
  /** Streams a watch's events until `onEvent` returns true or `signal` aborts. */
  watch<T>(
    path: string,
    onEvent: (type: string, object: T) => boolean,
    signal: AbortSignal,
  ): Promise<void>
  close(): void
}

export const createApiClient = (
  folder: StateFolder,
  port: number,
  host = '127.0.0.1',
): ApiClient => {
  const agent = new Agent({
    keepAlive: true,
    ca: readTextIfPresent(folder.pki('ca.crt')),
    cert: readTextIfPresent(folder.pki('admin.crt')),
    key: readTextIfPresent(folder.pki('admin.key')),
  })
  const base = { host, port, agent }
  return {
    call: (method, path, body, accept = 'application/json') =>
      new Promise((resolve, reject) => {
        const data = body === undefined ? undefined : JSON.stringify(body)
        const headers = { accept, ...(data ? { 'content-type': 'application/json' } : {}) }
        const call = request({ ...base, method, path, headers, timeout: 30_000 }, (answer) => {
          const chunks: Buffer[] = []
          answer.on('data', (chunk: Buffer) => chunks.push(chunk))
          answer.on('end', () => {
            const text = Buffer.concat(chunks).toString()
            try {
              resolve({
                code: answer.statusCode ?? 0,
                body: (text.startsWith('{') ? JSON.parse(text) : text) as never,
              })
            } catch (error) {
              reject(error)
            }
          })
        })
        call.on('timeout', () => call.destroy(new Error('the API server does not answer')))
        call.on('error', reject)
        call.end(data)
      }),
    watch: (path, onEvent, signal) =>
      new Promise((resolve, reject) => {
        const call = request({ ...base, path, signal }, (answer) => {
          let rest = ''
          answer.setEncoding('utf8')
          answer.on('data', (chunk: string) => {
            const lines = (rest + chunk).split('\n')
            rest = lines.pop() ?? ''
            for (const line of lines) {
              const event = JSON.parse(line) as { type: string; object: never }
              if (!onEvent(event.type, event.object)) continue
              call.destroy()
              return resolve()
            }
          })
          answer.on('end', resolve)
          answer.on('error', () => resolve())
        })
        call.on('error', (error) => (signal.aborted ? resolve() : reject(error)))
        call.end()
      }),
    close: () => agent.destroy(),
  }
}
