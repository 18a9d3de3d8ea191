/**
 * Who a request is made by, for each sort of credential; and that what is withdrawn is refused at once.
 */
import { connect as connectHttp2 } from 'node:http2'
import { Agent, request } from 'node:https'
import { connect, type TLSSocket } from 'node:tls'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Credentials } from '../../../../src/actors/apiserver/apiserver.ts'
import { createAuthority, issueCertificate, type KeyPair } from '../../../../src/node/pki.ts'
import { type Answer, connection, startTestApiserver, TOKEN } from '../../../support/api-server.ts'

const api = await startTestApiserver()
const nowMs = Date.now()
const WHOAMI = '/apis/authentication.k8s.io/v1/selfsubjectreviews'
const SECRETS = '/api/v1/namespaces/kube-system/secrets'

const initial: Credentials = {
  tls: {
    certificate: api.pki.server.certificate,
    key: api.pki.server.key,
    clientCa: api.pki.authority.certificate,
  },
  frontProxy: api.pki.frontProxy,
  authentication: {
    tokens: [{ token: TOKEN, user: 'robot', groups: ['robots'] }],
    serviceAccountKey: api.pki.serviceAccountKey,
  },
}

const ask = (headers: Record<string, string>, certificate?: KeyPair): Promise<Answer> =>
  api.call(
    'POST',
    WHOAMI,
    {},
    { headers, ...(certificate ? { certificate } : { anonymous: true }) },
  )
const bearer = (token: string) => ask({ authorization: `Bearer ${token}` })
const userOf = ({ code, json, text }: Answer) => {
  assert.is(code, 201, text)
  return json.status.userInfo
}
const review = async (token: string) =>
  (await api.call('POST', '/apis/authentication.k8s.io/v1/tokenreviews', { spec: { token } })).json
    .status

const client = (commonName: string, organizations: string[] = [], authority?: KeyPair) =>
  issueCertificate(authority ?? api.pki.authority, {
    subject: { commonName, organizations },
    usage: 'client',
    nowMs,
  })

test('a certificate is its common name, in the groups of its organizations', async () => {
  const { username, groups, extra } = userOf(await ask({}, await client('jane', ['a', 'b'])))
  assert.is(username, 'jane')
  assert.equal(groups, ['a', 'b', 'system:authenticated'])
  assert.match(extra['authentication.kubernetes.io/credential-id'][0], /^X509SHA256=[0-9a-f]{64}$/)
})

test('a serving certificate is nobody’s credential', async () => {
  assert.is((await ask({}, api.pki.server)).code, 401)
})

test('what is no bearer token is no credential', async () => {
  for (const authorization of ['Basic amFuZTp4', 'Bearer', 'Bearer  spaced', 'bearer '])
    assert.match((await ask({ authorization })).json.message, /User "system:anonymous"/)
  assert.is((await bearer('wrong')).code, 401)
  assert.is(userOf(await ask({ authorization: `bearer ${TOKEN}` })).username, 'robot')
})

test('a right token is good beside a wrong certificate', async () => {
  const foreign = await client('jane', [], await createAuthority('other', nowMs))
  assert.is((await ask({}, foreign)).code, 401)
  assert.is(userOf(await ask({ authorization: `Bearer ${TOKEN}` }, foreign)).username, 'robot')
})

test('a browser brings its token as a WebSocket protocol', async () => {
  const upgrade = async (protocols: string) => {
    const path = '/api/v1/namespaces?watch=1'
    const headers = {
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': Buffer.alloc(16).toString('base64'),
      'sec-websocket-protocol': protocols,
    }
    return new Promise<{ code: number; protocol: string | undefined }>((resolve, reject) => {
      const sent = request({
        ...connection(api.pki, api.port, undefined),
        path,
        headers,
        agent: false,
      })
      sent.on('upgrade', ({ headers: { 'sec-websocket-protocol': protocol } }, socket) => {
        socket.destroy()
        resolve({ code: 101, protocol })
      })
      sent.on('response', (answer) => {
        answer.resume()
        resolve({ code: answer.statusCode ?? 0, protocol: undefined })
      })
      sent.on('error', reject)
      sent.end()
    })
  }
  const encoded = (token: string) =>
    `base64url.bearer.authorization.k8s.io.${Buffer.from(token).toString('base64url')}`
  assert.equal(await upgrade(`${encoded(TOKEN)}, base64.binary.k8s.io`), {
    code: 101,
    protocol: 'base64.binary.k8s.io',
  })
  assert.is((await upgrade(`${encoded('wrong')}, base64.binary.k8s.io`)).code, 401)
  assert.is((await upgrade(encoded(TOKEN))).code, 401)
})

const bootstrapSecret = (id: string, more: Record<string, string> = {}) => ({
  metadata: { name: `bootstrap-token-${id}` },
  type: 'bootstrap.kubernetes.io/token',
  stringData: {
    'token-id': id,
    'token-secret': 'f395accd246ae52d',
    'usage-bootstrap-authentication': 'true',
    ...more,
  },
})
const SECRET = 'f395accd246ae52d'

test('a bootstrap token is a user of its own, until its Secret is gone', async () => {
  const groups = 'system:bootstrappers:worker,system:bootstrappers:ingress'
  const body = bootstrapSecret('abcdef', { 'auth-extra-groups': groups })
  assert.is((await api.call('POST', SECRETS, body)).code, 201)
  const user = userOf(await bearer(`abcdef.${SECRET}`))
  assert.is(user.username, 'system:bootstrap:abcdef')
  assert.equal(user.groups, [
    'system:bootstrappers',
    'system:bootstrappers:ingress',
    'system:bootstrappers:worker',
    'system:authenticated',
  ])
  assert.is((await review(`abcdef.${SECRET}`)).user.username, 'system:bootstrap:abcdef')
  assert.is((await bearer('abcdef.f395accd246ae52e')).code, 401)
  assert.equal(await review('abcdef.f395accd246ae52e'), { user: {}, error: 'invalid bearer token' })
  await api.call('DELETE', `${SECRETS}/bootstrap-token-abcdef`)
  assert.is((await bearer(`abcdef.${SECRET}`)).code, 401)
})

test('a bootstrap token that is expired, misnamed or not for authentication is none', async () => {
  const cases: [string, Record<string, string>][] = [
    ['aaaaa1', { expiration: '2020-01-01T00:00:00Z' }],
    ['aaaaa2', { expiration: 'soon' }],
    ['aaaaa3', { 'usage-bootstrap-authentication': 'false' }],
    ['aaaaa4', { 'token-id': 'aaaaa5' }],
    ['aaaaa6', { 'auth-extra-groups': 'system:masters' }],
  ]
  for (const [id, more] of cases) {
    const made = await api.call('POST', SECRETS, bootstrapSecret(id, more))
    assert.is(made.code, 201, made.text)
    assert.is((await bearer(`${id}.${SECRET}`)).code, 401, id)
  }
  const future = { expiration: '2120-01-01T00:00:00Z' }
  await api.call('POST', SECRETS, bootstrapSecret('aaaaa7', future))
  assert.is((await bearer(`aaaaa7.${SECRET}`)).code, 201)
})

const REMOTE = {
  'x-remote-user': 'jane',
  'x-remote-uid': '42',
  'x-remote-group': 'staff',
  'x-remote-extra-example.org%2fscope': 'all',
}

test('a front proxy says who the user is, nobody else does', async () => {
  const user = userOf(await ask(REMOTE, api.pki.frontProxy))
  assert.equal(user, {
    username: 'jane',
    uid: '42',
    groups: ['staff', 'system:authenticated'],
    extra: { 'example.org/scope': ['all'] },
  })
  assert.is((await ask({}, api.pki.frontProxy)).code, 401)
  assert.is(userOf(await ask(REMOTE, await client('mallory'))).username, 'mallory')
  const posing = await client('front-proxy-client')
  assert.is(userOf(await ask(REMOTE, posing)).username, 'front-proxy-client')
  assert.match((await ask(REMOTE)).json.message, /User "system:anonymous"/)
})

test('a static token has a uid, and is refused as soon as it is withdrawn', async () => {
  const tokens = [{ token: 'second', user: 'robot-2', uid: '7', groups: ['robots'] }]
  await api.present({ ...initial, authentication: { ...initial.authentication, tokens } })
  const user = userOf(await bearer('second'))
  assert.is(user.uid, '7')
  assert.is((await bearer(TOKEN)).code, 401)
  await api.present(initial)
  assert.is((await bearer('second')).code, 401)
  assert.is((await bearer(TOKEN)).code, 201)
})

test('anonymous requests can be kept to some paths, or away', async () => {
  const version = (headers: Record<string, string> = {}) =>
    api.call('GET', '/version?timeout=3s', undefined, { anonymous: true, headers })
  const configure = (anonymous: { enabled: boolean; conditions?: { path: string }[] }) =>
    api.present({
      ...initial,
      authentication: { ...initial.authentication, configuration: { jwt: [], anonymous } },
    })
  assert.is((await version()).code, 200)
  await configure({ enabled: true, conditions: [{ path: '/livez' }] })
  assert.is((await version()).code, 401)
  assert.is((await api.call('GET', '/livez', undefined, { anonymous: true })).code, 200)
  await configure({ enabled: false })
  assert.is((await api.call('GET', '/livez', undefined, { anonymous: true })).code, 401)
  assert.is((await version({ authorization: `Bearer ${TOKEN}` })).code, 200)
  await api.present(initial)
  assert.is((await version()).code, 200)
})

test('authorities are replaced by overlap, without a request that fails', async () => {
  const next = await createAuthority('next-ca', nowMs)
  const old = await client('jane')
  const renewed = await client('jane', [], next)
  const both = `${next.certificate}\n${api.pki.authority.certificate}`
  assert.is((await ask({}, renewed)).code, 401)
  await api.present({ ...initial, tls: { ...initial.tls, clientCa: both } })
  assert.is(userOf(await ask({}, renewed)).username, 'jane')
  assert.is(userOf(await ask({}, old)).username, 'jane')
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const kept = () => status(agent, old)
  assert.is(await kept(), 200)
  await api.present({ ...initial, tls: { ...initial.tls, clientCa: next.certificate } })
  assert.is(await kept(), 401, 'a connection that was made before')
  assert.is((await ask({}, old)).code, 401)
  agent.destroy()
  const bundle = { ...initial, tls: { ...initial.tls, clientCa: both } }
  await api.present(bundle)
  const published = await api.call(
    'GET',
    '/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication',
  )
  assert.is(published.json.data['client-ca-file'], both)
  await api.present(initial)
})

const status = (agent: Agent, certificate: KeyPair): Promise<number> =>
  new Promise((resolve, reject) => {
    const options = {
      ...connection(api.pki, api.port, certificate),
      agent,
      path: '/api/v1/nodes/x',
    }
    request(options, (answer) => {
      answer.resume()
      // What is not allowed is at least somebody's.
      answer.on('end', () => resolve(answer.statusCode === 403 ? 200 : (answer.statusCode ?? 0)))
    })
      .on('error', reject)
      .end()
  })

test('a new serving certificate is shown on new connections, HTTP/2 too; old ones go on', async () => {
  const renewed = await issueCertificate(api.pki.authority, {
    subject: { commonName: 'renewed' },
    usage: 'server',
    names: ['127.0.0.1', 'localhost'],
    nowMs,
  })
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  assert.is(await status(agent, api.pki.admin), 404)
  assert.is(await shownName(), 'apiserver')
  await api.present({ ...initial, tls: { ...initial.tls, ...renewed } })
  assert.is(await status(agent, api.pki.admin), 404)
  assert.is(await shownName(), 'renewed')
  const session = connectHttp2(`https://127.0.0.1:${api.port}`, {
    ca: api.pki.authority.certificate,
    cert: api.pki.admin.certificate,
    key: api.pki.admin.key,
  })
  const stream = session.request({ ':path': '/version' })
  const code = await new Promise((resolve) => {
    stream.on('response', (headers) => resolve(headers[':status']))
  })
  assert.is(code, 200)
  assert.is((session.socket as TLSSocket).getPeerCertificate().subject.CN, 'renewed')
  session.destroy()
  agent.destroy()
  await api.present(initial)
})

const shownName = (): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = connect({
      host: '127.0.0.1',
      port: api.port,
      ca: api.pki.authority.certificate,
    })
    socket.on('secureConnect', () => {
      resolve(String(socket.getPeerCertificate().subject.CN))
      socket.destroy()
    })
    socket.on('error', reject)
  })

test('a machine that joins finds the cluster, and the roles for it', async () => {
  const info = '/api/v1/namespaces/kube-public/configmaps/cluster-info'
  const { code, json } = await api.call('GET', info, undefined, { anonymous: true })
  assert.is(code, 200)
  assert.match(json.data.kubeconfig, `server: https://192.0.2.10:${api.port}`)
  const ca = Buffer.from(api.pki.authority.certificate).toString('base64')
  assert.match(json.data.kubeconfig, `certificate-authority-data: ${ca}`)
  const other = '/api/v1/namespaces/kube-public/configmaps/kube-root-ca.crt'
  assert.is((await api.call('GET', other, undefined, { anonymous: true })).code, 403)
})

test('what nobody serves is not there for who may ask for it, and forbidden for others', async () => {
  const jane = await client('jane')
  const post = (path: string) => api.call('POST', path, {}, { certificate: jane })
  const { code } = await post('/apis/authentication.k8s.io/v1alpha1/selfsubjectreviews')
  assert.is(code, 404)
  const { json } = await post('/apis/authentication.k8s.io/v1alpha1/namespaces/a/nothings')
  assert.is(
    json.message,
    'nothings.authentication.k8s.io is forbidden: User "jane" cannot create resource "nothings" in API group "authentication.k8s.io" in the namespace "a"',
  )
})

test.after(() => api.stop())
test.run()
