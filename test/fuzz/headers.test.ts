/**
 * Headers that nobody means, and bytes that are no HTTP: the next request is answered all the same.
 */
import { connect } from 'node:tls'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { startTestApiserver, TOKEN } from '../support/api-server.ts'
import { type Chance, damagedBytes } from '../support/chance.ts'
import { explore, faultOf, fuzzClient } from '../support/fuzz.ts'

const api = await startTestApiserver()
const { call, close } = fuzzClient(api)
const CONFIG_MAPS = '/api/v1/namespaces/default/configmaps'
await api.call('POST', CONFIG_MAPS, { metadata: { name: 'a' }, data: { k: 'v' } })

const TYPES = [
  ...['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf', 'text/plain'],
  ...['*/*', 'application/*', '', ';', ',', 'application/json;as=Table;g=meta.k8s.io;v=v1'],
  ...['application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1beta1', 'a/b/c', 'application'],
  ...['application/json;q=0', 'application/json;q=x;=;a=;b', 'application/json; charset=utf-8'],
  ...['application/apply-patch+yaml', 'application/json-patch+json', 'x'.repeat(5000)],
]
const VALUES: Readonly<Record<string, readonly string[]>> = {
  accept: TYPES,
  'content-type': TYPES,
  'accept-encoding': ['gzip', 'gzip;q=0', 'br', '*', ''],
  authorization: [`Bearer ${TOKEN}`, 'Bearer', 'Bearer x.y.z', 'Basic YTpi', '', 'Bearer  '],
  'audit-id': ['mine', 'x'.repeat(300), 'a b', ''],
  'impersonate-user': ['jane', '', 'system:masters'],
  'impersonate-group': ['system:masters', ''],
  'if-none-match': ['"x"', '*', ''],
  'content-encoding': ['gzip', 'x'],
  expect: ['100-continue'],
  connection: ['keep-alive', 'close', 'x'],
  upgrade: ['websocket', 'SPDY/3.1', 'x', 'h2c'],
  'sec-websocket-key': ['x', 'dGhlIHNhbXBsZSBub25jZQ=='],
  'sec-websocket-version': ['13', 'x'],
  'sec-websocket-protocol': ['v5.channel.k8s.io', 'x', ','],
  'x-stream-protocol-version': ['v4.channel.k8s.io', 'x'],
  'x-forwarded-for': ['1.2.3.4', 'x'],
  'x-remote-user': ['admin'],
  'user-agent': ['x', '', 'curl/8'],
  range: ['bytes=0-1'],
}

const headersOf = (chance: Chance): Record<string, string> =>
  Object.fromEntries(
    Array.from({ length: 1 + chance.below(6) }, () => {
      const name = chance.pick(Object.keys(VALUES))
      const value = chance.once(5)
        ? chance.text(30).replaceAll(/[^\x20-\x7e\x80-\xff]/g, '?')
        : chance.pick(VALUES[name]!)
      return [name, value]
    }),
  )

const PATHS = [CONFIG_MAPS, `${CONFIG_MAPS}/a`, '/api', '/openapi/v3', '/version', '/healthz']

test('headers', async () => {
  await explore(async (chance) => {
    const method = chance.pick(['GET', 'GET', 'POST', 'PATCH'])
    const path = chance.pick(PATHS)
    const headers = headersOf(chance)
    /** The client of the test would wait for its own kinds of answers. */
    if (headers['upgrade'] || headers['expect']) delete headers['connection']
    if (headers['upgrade']) delete headers['upgrade']
    const body = method === 'GET' ? undefined : Buffer.from('{"metadata":{"name":"b"}}')
    const fault = faultOf(await call(method, path, headers, body))
    return fault && `${method} ${path} ${JSON.stringify(headers)}\n  ${fault}`
  })
})

const REQUESTS = [
  `GET ${CONFIG_MAPS}/a HTTP/1.1\r\nHost: x\r\n\r\n`,
  `POST ${CONFIG_MAPS} HTTP/1.1\r\nHost: x\r\nContent-Length: 25\r\n\r\n{"metadata":{"name":"c"}}`,
  `POST ${CONFIG_MAPS} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"met\r\n0\r\n\r\n`,
  `GET ${CONFIG_MAPS}?watch=1&timeoutSeconds=1 HTTP/1.1\r\nHost: x\r\n\r\n`,
  'GET /api/v1/namespaces/default/pods/p/exec?command=x HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: v5.channel.k8s.io\r\n\r\n',
  'POST /api/v1/namespaces/default/pods/p/portforward HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n',
  'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0',
  '',
]

/** Sends bytes and closes; resolves when the connection is gone. */
const sendBytes = (bytes: Buffer, protocol: string): Promise<void> =>
  new Promise((resolve) => {
    const { authority, admin } = api.pki
    const socket = connect({
      host: '127.0.0.1',
      port: api.port,
      ca: authority.certificate,
      cert: admin.certificate,
      key: admin.key,
      ALPNProtocols: [protocol],
    })
    socket.on('secureConnect', () => socket.end(bytes))
    socket.on('error', () => undefined)
    socket.on('close', () => resolve())
    socket.setTimeout(50, () => socket.destroy())
    socket.resume()
  })

test('bytes', async () => {
  await explore(async (chance) => {
    /** Handshakes are dear: one round in thirty. */
    if (!chance.once(30)) return undefined
    const bytes = damagedBytes(chance, Buffer.from(chance.pick(REQUESTS)))
    await sendBytes(bytes, chance.pick(['http/1.1', 'h2']))
    return undefined
  })
  assert.is((await api.call('GET', `${CONFIG_MAPS}/a`)).code, 200)
})

test.after(async () => {
  close()
  await api.stop()
})
test.run()
