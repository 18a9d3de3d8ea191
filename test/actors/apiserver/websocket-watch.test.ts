/**
 * Watches over WebSocket: each event a message, in JSON and in protobuf.
 */
import { once } from 'node:events'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type ClientOptions, WebSocket } from 'ws'
import { connection, startTestApiserver } from '../../support/api-server.ts'

const api = await startTestApiserver()
const CONFIG_MAPS = '/api/v1/namespaces/default/configmaps'

interface Watched {
  socket: WebSocket
  messages: { data: Buffer; isBinary: boolean }[]
  reached(count: number): Promise<void>
}

const watch = async (query: string, options: ClientOptions = {}): Promise<Watched> => {
  const { host, port, ...tls } = connection(api.pki, api.port, api.pki.admin)
  const messages: Watched['messages'] = []
  let look = (): void => undefined
  const socket = new WebSocket(`wss://${host}:${port}${CONFIG_MAPS}?${query}`, {
    ...(tls as ClientOptions),
    ...options,
  })
  socket.on('message', (data: Buffer, isBinary) => {
    messages.push({ data, isBinary })
    look()
  })
  await once(socket, 'open')
  const reached = (count: number) =>
    new Promise<void>((resolve) => {
      look = () => {
        if (messages.length >= count) resolve()
      }
      look()
    })
  return { socket, messages, reached }
}

const put = (name: string) => api.call('POST', CONFIG_MAPS, { metadata: { name } })

test('each event is a text message of its own, the state and then what changes', async () => {
  await put('a')
  await put('b')
  const { socket, messages, reached } = await watch('watch=true')
  await reached(2)
  await put('c')
  await api.call('DELETE', `${CONFIG_MAPS}/a`)
  await reached(4)
  const events = messages.map(({ data }) => JSON.parse(data.toString()))
  assert.equal(
    events.map(({ type, object }) => `${type} ${object.metadata.name}`),
    ['ADDED a', 'ADDED b', 'ADDED c', 'DELETED a'],
  )
  assert.ok(messages.every(({ isBinary }) => !isBinary))
  socket.close()
  await once(socket, 'close')
})

test('protobuf comes in binary messages without a length', async () => {
  const type = 'application/vnd.kubernetes.protobuf;stream=watch'
  const { socket, messages, reached } = await watch('watch=1&fieldSelector=metadata.name%3Db', {
    headers: { accept: type },
  })
  await reached(1)
  const { data, isBinary } = messages[0]!
  assert.ok(isBinary)
  assert.is(data.subarray(0, 7).toString('latin1'), '\n\x05ADDED')
  socket.close()
})

test('one whose time is over is closed as done', async () => {
  const { socket } = await watch('watch=true&timeoutSeconds=1')
  const [code] = await once(socket, 'close')
  assert.is(code, 1000)
})

test('what is refused is a plain answer', async () => {
  const refused = async (query: string, options: ClientOptions = {}) => {
    const { host, port, ...tls } = connection(api.pki, api.port, undefined)
    const socket = new WebSocket(`wss://${host}:${port}${CONFIG_MAPS}?${query}`, {
      ...(tls as ClientOptions),
      ...options,
    })
    socket.on('error', () => undefined)
    const [, response] = await once(socket, 'unexpected-response')
    socket.terminate()
    return response.statusCode
  }
  assert.is(await refused('watch=true'), 403)
  assert.is(await refused('watch=true', { headers: { authorization: 'Bearer wrong' } }), 401)
})

test('a message from the client changes nothing', async () => {
  const { socket, messages, reached } = await watch('watch=true')
  await reached(2)
  socket.send('{"type":"ADDED"}')
  await put('d')
  await reached(3)
  assert.is(JSON.parse(messages[2]!.data.toString()).object.metadata.name, 'd')
  socket.close()
})

test.after(() => api.stop())
test.run()
