/**
 * Aggregated APIs, with a real HTTPS server of an extension behind a real apiserver.
 */
import { createServer } from 'node:https'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createAuthority, issueCertificate } from '../../../../src/node/pki.ts'
import { startTestApiserver, TOKEN, testPki } from '../../../support/api-server.ts'

const GROUP = 'wardle.example.com'
const ROOT = `/apis/${GROUP}/v1`
const NAME = `v1.${GROUP}`
const nowMs = Date.now()

interface Asked {
  method: string
  path: string
  body: string
  user: unknown
  groups: unknown
  authorization: unknown
  proxy: string | undefined
}

const pki = await testPki()
const authority = await createAuthority('extension-ca', nowMs)
const certificate = await issueCertificate(authority, {
  subject: { commonName: 'wardle' },
  usage: 'server',
  names: ['wardle.default.svc'],
  nowMs,
})
const asked: Asked[] = []
let isBroken = false

const resources = {
  kind: 'APIResourceList',
  apiVersion: 'v1',
  groupVersion: `${GROUP}/v1`,
  resources: [
    {
      name: 'flunders',
      singularName: 'flunder',
      namespaced: true,
      kind: 'Flunder',
      verbs: ['get', 'list', 'watch'],
      shortNames: ['fl'],
    },
    {
      name: 'flunders/status',
      singularName: '',
      namespaced: true,
      kind: 'Flunder',
      verbs: ['get'],
    },
  ],
}
const openApi = {
  '/openapi/v3': {
    paths: { [`apis/${GROUP}/v1`]: { serverRelativeURL: `/openapi/v3/apis/${GROUP}/v1?hash=ABC` } },
  },
  [`/openapi/v3/apis/${GROUP}/v1?hash=ABC`]: { openapi: '3.0.0', paths: { [`${ROOT}/`]: {} } },
  '/openapi/v2': {
    swagger: '2.0',
    paths: { [`${ROOT}/flunders`]: {}, '/apis/other/v1/': {} },
    definitions: { 'com.example.wardle.v1.Flunder': { type: 'object' } },
  },
} as Record<string, object>

const extension = createServer(
  {
    cert: certificate.certificate,
    key: certificate.key,
    ca: pki.frontProxy.authority,
    requestCert: true,
    rejectUnauthorized: true,
  },
  (request, response) => {
    const { method = '', url = '', headers } = request
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      asked.push({
        method,
        path: url,
        body: Buffer.concat(chunks).toString(),
        user: headers['x-remote-user'],
        groups: headers['x-remote-group'],
        authorization: headers.authorization,
        proxy: String((request.socket as TLSSocket).getPeerCertificate().subject.CN),
      })
      const send = (code: number, body: object) => {
        response.writeHead(code, { 'Content-Type': 'application/json', 'X-Extension': 'yes' })
        response.end(JSON.stringify(body))
      }
      if (isBroken) return send(500, {})
      if (url === ROOT) return send(200, resources)
      if (openApi[url]) return send(200, openApi[url])
      if (url.includes('watch=true')) {
        response.writeHead(200, { 'Content-Type': 'application/json' })
        response.write('{"type":"ADDED"}\n')
        return
      }
      return send(method === 'POST' ? 201 : 200, { kind: 'Flunder', method })
    })
  },
)
extension.on('upgrade', (request, socket) => {
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\nX-User: ${request.headers['x-remote-user']}\r\n\r\n`,
  )
  socket.on('data', (data: Buffer) => socket.write(`<${data}>`))
  socket.on('end', () => socket.end())
})
const port = await new Promise<number>((resolve) => {
  extension.listen(0, '127.0.0.1', () => resolve((extension.address() as { port: number }).port))
})

const api = await startTestApiserver()
const get = (path: string, headers: Record<string, string> = {}) =>
  api.call('GET', path, undefined, { headers })

const apiService = (spec: object = {}) => ({
  apiVersion: 'apiregistration.k8s.io/v1',
  kind: 'APIService',
  metadata: { name: NAME },
  spec: {
    group: GROUP,
    version: 'v1',
    groupPriorityMinimum: 2000,
    versionPriority: 15,
    caBundle: Buffer.from(authority.certificate).toString('base64'),
    service: { namespace: 'default', name: 'wardle', port },
    ...spec,
  },
})
const APISERVICES = '/apis/apiregistration.k8s.io/v1/apiservices'

/** The Available condition, once it has the reason. */
const becomes = async (reason: string) => {
  for (let tries = 0; tries < 400; tries++) {
    const { json } = await get(`${APISERVICES}/${NAME}`)
    const [condition] = json.status?.conditions ?? []
    if (condition?.reason === reason) return condition
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
  throw new Error(`never became ${reason}: ${(await get(`${APISERVICES}/${NAME}`)).text}`)
}

test('a server without its Service is not available', async () => {
  assert.is((await api.call('POST', APISERVICES, apiService())).code, 201)
  const condition = await becomes('ServiceNotFound')
  assert.is(condition.status, 'False')
  assert.is(condition.message, 'service/wardle in "default" is not present')
  const answer = await get(`${ROOT}/namespaces/default/flunders`)
  assert.is(answer.code, 503)
  assert.is(answer.text, 'service unavailable\n')
  const { json } = await get('/apis', {
    accept: 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList',
  })
  const group = json.items.find(
    ({ metadata }: { metadata: { name: string } }) => metadata.name === GROUP,
  )
  assert.is(group.versions[0].freshness, 'Stale')
})

test('a Service must listen on the port and have endpoints', async () => {
  const service = (body: object) => ({ metadata: { name: 'wardle' }, spec: body })
  const SERVICES = '/api/v1/namespaces/default/services'
  await api.call('POST', SERVICES, service({ ports: [{ port: 1 }] }))
  assert.is(
    (await becomes('ServicePortError')).message,
    `service/wardle in "default" is not listening on port ${port}`,
  )
  await api.call(
    'PATCH',
    `${SERVICES}/wardle`,
    { spec: { ports: [{ port }] } },
    {
      headers: { 'content-type': 'application/merge-patch+json' },
    },
  )
  assert.is(
    (await becomes('EndpointsNotFound')).message,
    'cannot find endpointslices for service/wardle in "default"',
  )
  await api.call('POST', '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices', {
    metadata: { name: 'wardle', labels: { 'kubernetes.io/service-name': 'wardle' } },
    addressType: 'IPv4',
    endpoints: [],
    ports: [{ name: '', port }],
  })
  assert.is(
    (await becomes('MissingEndpoints')).message,
    'endpointslices for service/wardle in "default" have no addresses with port name ""',
  )
  await api.call('DELETE', `${SERVICES}/wardle`)
})

test('a server that answers is available, and its paths lead to it', async () => {
  isBroken = true
  await api.call('POST', '/api/v1/namespaces/default/services', {
    metadata: { name: 'wardle' },
    spec: { type: 'ExternalName', externalName: 'localhost' },
  })
  const failed = await becomes('FailedDiscoveryCheck')
  assert.match(
    failed.message,
    /^failing or missing response from https:\/\/wardle\.default\.svc:\d+\/apis\/wardle\.example\.com\/v1: bad status from /,
  )
  isBroken = false
  const passed = await becomes('Passed')
  assert.is(passed.status, 'True')
  assert.is(passed.message, 'all checks passed')

  asked.length = 0
  const answer = await api.call(
    'POST',
    `${ROOT}/namespaces/default/flunders?dryRun=All`,
    { kind: 'Flunder' },
    {
      anonymous: true,
      headers: {
        authorization: `Bearer ${TOKEN}`,
        'x-remote-user': 'somebody-else',
        'x-remote-group': 'system:masters',
      },
    },
  )
  assert.is(answer.code, 201)
  assert.is(answer.headers['x-extension'], 'yes')
  assert.equal(asked, [
    {
      method: 'POST',
      path: `${ROOT}/namespaces/default/flunders?dryRun=All`,
      body: '{"kind":"Flunder"}',
      user: 'robot',
      groups: 'robots, system:authenticated',
      authorization: undefined,
      proxy: 'front-proxy-client',
    },
  ])
  const refused = await api.call('GET', `${ROOT}/namespaces/default/flunders`, undefined, {
    anonymous: true,
  })
  assert.is(refused.code, 403)
  assert.match(
    refused.json.message,
    /cannot list resource "flunders" in API group "wardle\.example\.com"/,
  )
})

test('discovery and OpenAPI hold what it serves', async () => {
  const accept = (version: string) =>
    `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`
  for (const version of ['v2', 'v2beta1']) {
    const answer = await get('/apis', { accept: accept(version) })
    assert.is(answer.json.apiVersion, `apidiscovery.k8s.io/${version}`)
    const group = answer.json.items.find(
      ({ metadata }: { metadata: { name: string } }) => metadata.name === GROUP,
    )
    assert.is(group.versions[0].freshness, 'Current')
    const [flunders] = group.versions[0].resources
    assert.is(flunders.singularResource, 'flunder')
    assert.equal(flunders.shortNames, ['fl'])
    assert.is(flunders.subresources[0].subresource, 'status')
    const again = await get('/apis', {
      accept: accept(version),
      'if-none-match': String(answer.headers['etag']),
    })
    assert.is(again.code, 304)
  }
  const groups = (await get('/apis')).json.groups.map(({ name }: { name: string }) => name)
  assert.ok(groups.indexOf(GROUP) > groups.indexOf('apps'))
  assert.is((await get(`/apis/${GROUP}`)).json.preferredVersion.version, 'v1')
  assert.equal((await get(ROOT)).json, resources)
  const index = (await get('/openapi/v3')).json.paths[`apis/${GROUP}/v1`]
  assert.is(index.serverRelativeURL, `/openapi/v3/apis/${GROUP}/v1?hash=ABC`)
  assert.is((await get(index.serverRelativeURL)).json.openapi, '3.0.0')
  const v2 = (await get('/openapi/v2')).json
  assert.ok(v2.paths[`${ROOT}/flunders`])
  assert.not(v2.paths['/apis/other/v1/'])
  assert.ok(v2.definitions['com.example.wardle.v1.Flunder'])
  assert.ok(v2.definitions['io.k8s.api.core.v1.Pod'])
})

test('watches and upgraded connections pass through', async () => {
  const open = (head: string) =>
    new Promise<{ socket: TLSSocket; until(text: string): Promise<string> }>((resolve) => {
      const socket = connectTls(
        {
          host: '127.0.0.1',
          port: api.port,
          ca: pki.authority.certificate,
          cert: pki.admin.certificate,
          key: pki.admin.key,
          ALPNProtocols: ['http/1.1'],
        },
        () => {
          socket.write(`${head}\r\nHost: localhost\r\n\r\n`)
          resolve({ socket, until })
        },
      )
      let received = ''
      socket.on('data', (data: Buffer) => {
        received += data
      })
      const until = async (text: string): Promise<string> => {
        for (let tries = 0; tries < 200 && !received.includes(text); tries++)
          await new Promise((next) => setTimeout(next, 10))
        assert.ok(received.includes(text), received)
        return received
      }
    })
  const watch = await open(`GET ${ROOT}/flunders?watch=true HTTP/1.1`)
  await watch.until('{"type":"ADDED"}')
  watch.socket.destroy()
  const echo = await open(
    `GET ${ROOT}/namespaces/default/flunders/a/connect HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: echo`,
  )
  assert.match(await echo.until('\r\n\r\n'), /^HTTP\/1\.1 101 [\s\S]*X-User: admin/)
  echo.socket.write('hello')
  await echo.until('<hello>')
  echo.socket.destroy()
})

test('a certificate of another authority is not believed', async () => {
  const patch = (spec: object) =>
    api.call(
      'PATCH',
      `${APISERVICES}/${NAME}`,
      { spec },
      {
        headers: { 'content-type': 'application/merge-patch+json' },
      },
    )
  await patch({ caBundle: Buffer.from(pki.authority.certificate).toString('base64') })
  await becomes('Passed')
  const wrong = await get(`${ROOT}/namespaces/default/flunders/a`)
  assert.is(wrong.code, 503)
  assert.match(wrong.json.message, /^error trying to reach service: .*certificate/)
  await patch({ caBundle: null, insecureSkipTLSVerify: true })
  assert.is((await get(`${ROOT}/namespaces/default/flunders/a`)).code, 200)
})

test('servers learn from a ConfigMap whom to believe', async () => {
  const { json } = await get(
    '/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication',
  )
  assert.is(json.data['requestheader-client-ca-file'], pki.frontProxy.authority)
  assert.is(json.data['client-ca-file'], pki.authority.certificate)
  assert.is(json.data['requestheader-allowed-names'], '["front-proxy-client"]')
})

test('without its APIService nothing is left of it', async () => {
  await api.call('DELETE', `${APISERVICES}/${NAME}`)
  assert.is((await get(`${ROOT}/namespaces/default/flunders`)).code, 404)
  assert.is((await get(`/apis/${GROUP}`)).code, 404)
})

test.after(async () => {
  await api.stop()
  extension.closeAllConnections()
  await new Promise((resolve) => extension.close(resolve))
})

test.run()
