/**
 * What listens on every port of a simulated pod: a program that answers HTTP requests with who it is, and says
 * everything else back.
 *
 * Invariant: what it answers depends on what it was asked alone. It keeps a connection no longer than its client.
 */
import { Duplex } from 'node:stream'
import type { PodIdentity } from './runtime.ts'

const REQUEST_LINE = /^(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) (\S+) HTTP\/1\.[01]\r\n/

export const hollowPort = ({ namespace, name }: PodIdentity, port: number): Duplex => {
  let isHttp: boolean | undefined
  const stream = new Duplex({
    allowHalfOpen: true,
    read: () => undefined,
    write: (chunk: Buffer, _encoding, done) => {
      const [, method, path] = REQUEST_LINE.exec(chunk.toString('latin1')) ?? []
      isHttp ??= method !== undefined
      if (!isHttp) stream.push(chunk)
      else if (method !== undefined) {
        const body = `${method} ${path} reached port ${port} of pod ${namespace}/${name}\n`
        stream.push(answer(body, method === 'HEAD'))
        stream.push(null)
      }
      done()
    },
    final: (done) => {
      if (!isHttp) stream.push(null)
      done()
    },
  })
  return stream
}

const answer = (body: string, isHead: boolean): string =>
  [
    'HTTP/1.1 200 OK',
    'Content-Type: text/plain',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
    '',
    isHead ? '' : body,
  ].join('\r\n')
