/**
 * The proxy subresources and port-forward over an apiserver whose node connects to a server of the test.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { gunzipSync, gzipSync } from 'node:zlib'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { WebSocket, WebSocketServer } from 'ws'
import { StatusError } from '../../../../src/api/status-error.ts'
import { ChannelDuplex } from '../../../../src/bus/channel-duplex.ts'
import { joinStreams } from '../../../../src/std/join-streams.ts'
import { connection, startTestApiserver } from '../../../support/api-server.ts'

const api = await startTestApiserver()
const NAMESPACE = '/api/v1/namespaces/default'
const PROXY = `${NAMESPACE}/pods/web/proxy`

/** What runs in the pod. */
const serve = (request: IncomingMessage, response: ServerResponse) => {
  const url = request.url ?? ''
  if (url === '/page') {
    response.setHeader('Content-Type', 'text/html; charset=utf-8')
    response.end('<a href="/next">')
  } else if (url === '/zipped') {
    response.setHeader('Content-Type', 'text/html')
    response.setHeader('Content-Encoding', 'gzip')
    response.end(gzipSync('<a href="/next">'))
  } else if (url === '/moved') {
    response.writeHead(302, { Location: '/there' }).end()
  } else {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const { authorization, 'x-forwarded-uri': uri } = request.headers
      const body = Buffer.concat(chunks).toString()
      response.setHeader('X-Served', 'yes')
      response.setHeader('Content-Type', 'application/json')
      response.end(JSON.stringify({ method: request.method, url, body, uri, authorization }))
    })
  }
}
const server = createServer(serve)
const sockets = new WebSocketServer({ server, path: '/socket' })
sockets.on('connection', (socket) => socket.on('message', (data) => socket.send(`heard ${data}`)))
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
const { port } = server.address() as AddressInfo

interface Wanted {
  port?: number
  view?: string
}
const wanted: Wanted[] = []
const node = api.bus.accept('kubus.node.n1.portforward', async (channel, greeting) => {
  const { port: asked, view } = greeting as Wanted
  wanted.push({ ...(asked ? { port: asked } : {}), ...(view ? { view } : {}) })
  if (asked === undefined) return
  await null
  if (asked === 81) {
    const refused = 'dial tcp 10.0.0.1:81: connect: connection refused'
    return channel.close(new StatusError(503, 'ServiceUnavailable', refused).status)
  }
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  await once(socket, 'connect')
  const peer = new ChannelDuplex(channel)
  await peer.sayConnected()
  joinStreams(peer, socket)
})
const kubelet = api.bus.accept('kubus.node.n1.proxy', async (channel, greeting) => {
  await channel.send(1, JSON.stringify({ code: 200, type: 'application/json' }))
  await channel.send(0, JSON.stringify(greeting))
  channel.close()
})

const put = (path: string, body: object) => api.call('PUT', path, body)
test.before(async () => {
  await api.call('POST', `${NAMESPACE}/pods`, {
    metadata: { name: 'web' },
    spec: {
      nodeName: 'n1',
      containers: [{ name: 'c', image: 'i', ports: [{ containerPort: 80 }] }],
    },
  })
  const { json } = await api.call('GET', `${NAMESPACE}/pods/web`)
  const status = { phase: 'Running', podIP: '10.0.0.1', podIPs: [{ ip: '10.0.0.1' }] }
  await put(`${NAMESPACE}/pods/web/status`, { ...json, status })
  await api.call('POST', '/api/v1/nodes', { metadata: { name: 'n1' } })
  await api.call('POST', `${NAMESPACE}/services`, {
    metadata: { name: 'pages' },
    spec: { ports: [{ name: 'web', port: 8080 }] },
  })
  await api.call('POST', `${NAMESPACE}/endpoints`, {
    metadata: { name: 'pages' },
    subsets: [
      {
        addresses: [
          { ip: '10.0.0.1', targetRef: { kind: 'Pod', name: 'web', namespace: 'default' } },
        ],
        ports: [{ name: 'web', port: 80 }],
      },
    ],
  })
})

test('every method reaches the pod, with path, query and body, without credentials', async () => {
  for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
    const body = method === 'GET' ? undefined : 'a body'
    const { code, json, headers } = await api.call(method, `${PROXY}/a%2Fb/c?d=e`, body)
    assert.is(code, 200)
    assert.is(headers['x-served'], 'yes')
    assert.equal(json, {
      method,
      url: '/a%2Fb/c?d=e',
      body: body ?? '',
      uri: `${PROXY}/a%2Fb/c`,
    })
  }
  assert.equal(wanted.at(-1), { port: 80, view: 'outside' })
  const head = await api.call('HEAD', `${PROXY}/x`)
  assert.equal([head.code, head.text], [200, ''])
})

test('the root without a slash is elsewhere', async () => {
  const { code, headers } = await api.call('GET', `${PROXY}?a=b`)
  assert.equal([code, headers['location']], [301, `${PROXY}/?a=b`])
  assert.is((await api.call('POST', PROXY, 'x')).json.url, '/')
  assert.is((await api.call('GET', `${PROXY}/sub/`)).json.url, '/sub/')
})

test('links and redirects lead through the proxy', async () => {
  assert.is((await api.call('GET', `${PROXY}/page`)).text, `<a href="${PROXY}/next">`)
  const { headers } = await api.call('GET', `${PROXY}/moved`)
  assert.is(headers['location'], `${PROXY}/there`)
  const zipped = await fetchBytes(`${PROXY}/zipped`)
  assert.is(gunzipSync(zipped).toString(), `<a href="${PROXY}/next">`)
})

const fetchBytes = (path: string): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const options = { ...connection(api.pki, api.port, api.pki.admin), path, agent: false }
    import('node:https').then(({ request }) => {
      request(options as object, (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('end', () => resolve(Buffer.concat(chunks)))
      })
        .on('error', reject)
        .end()
    }, reject)
  })

test('what cannot be reached, or named, is said as by Kubernetes', async () => {
  const says = async (path: string) => {
    const { code, json } = await api.call('GET', `${NAMESPACE}/${path}`)
    return `${code} ${json.message}`
  }
  assert.is(
    await says('pods/web:81/proxy/'),
    '503 error trying to reach service: dial tcp 10.0.0.1:81: connect: connection refused',
  )
  assert.is(await says('pods/ftp:web:1/proxy/'), '400 invalid pod request "ftp:web:1"')
  assert.is(await says('pods/none/proxy/'), '404 pods "none" not found')
  assert.is(await says('services/none:80/proxy/'), '404 services "none" not found')
  assert.is(await says('services/none/proxy/'), '404 endpoints "none" not found')
  assert.is(
    await says('services/pages:9/proxy/'),
    '503 no service port 9 found for service "pages"',
  )
  assert.is(await says('services/pages/proxy/'), '503 no endpoints available for service "pages"')
})

test('a service leads to a ready endpoint, by the number or the name of its port', async () => {
  for (const id of ['pages:8080', 'pages:web', 'http:pages:web'])
    assert.is((await api.call('GET', `${NAMESPACE}/services/${id}/proxy/x`)).json.url, '/x')
})

test('a node answers for itself', async () => {
  for (const id of ['n1', 'n1:10250', 'https:n1:10250']) {
    const { json } = await api.call('GET', `/api/v1/nodes/${id}/proxy/healthz?verbose`)
    assert.equal(json, { method: 'GET', path: '/healthz?verbose' })
  }
  assert.is((await api.call('GET', '/api/v1/nodes/n9/proxy/healthz')).code, 404)
})

test('nobody proxies without leave', async () => {
  const { code, json } = await api.call('POST', `${PROXY}/x`, 'b', { anonymous: true })
  assert.is(code, 403)
  assert.match(json.message, 'cannot create resource "pods/proxy"')
})

const open = (path: string, protocols: string[] = []) => {
  const { ca, cert, key } = connection(api.pki, api.port, api.pki.admin)
  return new WebSocket(`wss://127.0.0.1:${api.port}${path}`, protocols, { ca, cert, key } as object)
}

test('a WebSocket passes through', async () => {
  const socket = open(`${PROXY}/socket`)
  await once(socket, 'open')
  socket.send('me')
  assert.is(String((await once(socket, 'message'))[0]), 'heard me')
  socket.close()
  await once(socket, 'close')
})

for (const protocol of ['v4.channel.k8s.io', 'v4.base64.channel.k8s.io'])
  test(`ports are forwarded over ${protocol}`, async () => {
    const isText = protocol.includes('base64')
    const socket = open(`${NAMESPACE}/pods/web/portforward?ports=80,81`, [protocol])
    const heard = ['', '', '', '']
    socket.on('message', (data: Buffer) => {
      const channel = isText ? data[0]! - 0x30 : data[0]!
      const payload = isText ? Buffer.from(data.toString('latin1', 1), 'base64') : data.subarray(1)
      heard[channel] += payload.toString('latin1')
    })
    await once(socket, 'open')
    const request = 'GET /plain HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'
    socket.send(
      isText
        ? `0${Buffer.from(request).toString('base64')}`
        : Buffer.concat([Buffer.of(0), Buffer.from(request)]),
    )
    await once(socket, 'close')
    assert.match(heard[0]!, /^P\0HTTP\/1\.1 200 OK/)
    assert.is(heard[1], 'P\0')
    assert.is(heard[2], 'Q\0')
    assert.match(heard[3]!, /^Q\0error forwarding port 81 to pod web, uid : .*connection refused$/)
  })

test('ports must be named', async () => {
  const refused = open(`${NAMESPACE}/pods/web/portforward`, ['v4.channel.k8s.io'])
  const [, response] = await once(refused, 'unexpected-response')
  assert.is(response.statusCode, 400)
})

test.after(async () => {
  await node.stop()
  await kubelet.stop()
  await api.stop()
  sockets.close()
  server.closeAllConnections()
  server.close()
})
test.run()
