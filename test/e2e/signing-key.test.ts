/**
 * The key of service accounts' tokens is replaced and dropped on a cluster of three masters, while clients use it.
 */
import { readdirSync, statSync } from 'node:fs'
import { request } from 'node:https'
import { join } from 'node:path'
import { connect, type NatsConnection, tokenAuthenticator } from 'nats'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { aloud } from '../support/aloud.ts'
import { eventually, startCluster, type TestCluster } from '../support/cluster.ts'
import { type Api, apiOf } from '../support/outage.ts'

const ACCOUNTS = '/api/v1/namespaces/default/serviceaccounts'
const REVIEWS = '/apis/authentication.k8s.io/v1/tokenreviews'
const SECRETS = '/api/v1/namespaces/default/secrets'

let cluster: TestCluster
let api: Api
let ports: number[]
let stopRotating = false

test.before(
  aloud(async () => {
    cluster = await startCluster(['--runtime', 'hollow', '--masters', '3'])
    ports = [0, 1, 2].map((master) => cluster.apiPort + master)
    api = apiOf(cluster)
    await api.ask(ports[0]!, 'POST', ACCOUNTS, { metadata: { name: 'robot' } })
  }),
)
test.after(async () => {
  stopRotating = true
  api?.close()
  await cluster?.stop()
})

const tokenFrom = async (port: number): Promise<string> => {
  const { code, body } = await api.ask<{ status: { token: string } }>(
    port,
    'POST',
    `${ACCOUNTS}/robot/token`,
    { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} },
  )
  assert.is(code, 201)
  return body.status.token
}

/** What an apiserver answers who only has the token. */
const codeOf = (port: number, token: string): Promise<number> =>
  new Promise((resolve, reject) => {
    const call = request(
      {
        host: '127.0.0.1',
        port,
        path: '/apis',
        agent: false,
        // Whom the server trusts is what counts here.
        rejectUnauthorized: false,
        headers: { authorization: `Bearer ${token}` },
      },
      (answer) => {
        answer.resume()
        resolve(answer.statusCode ?? 0)
      },
    )
    call.on('error', reject)
    call.end()
  })

const codes = (token: string) => Promise.all(ports.map((port) => codeOf(port, token)))

const review = async (port: number, token: string) => {
  const { body } = await api.ask<{
    status: { authenticated?: boolean; user?: { username?: string }; error?: string }
  }>(port, 'POST', REVIEWS, { spec: { token } })
  return body.status
}

const keyIdOf = (token: string): string =>
  JSON.parse(Buffer.from(token.split('.')[0]!, 'base64url').toString()).kid

/** Of each apiserver's key set. */
const listed = () =>
  Promise.all(
    ports.map(async (port) => {
      const { body } = await api.ask<{ keys: { kid: string; kty: string; alg: string }[] }>(
        port,
        'GET',
        '/openid/v1/jwks',
      )
      for (const { kty, alg } of body.keys) assert.is(`${kty} ${alg}`, 'RSA RS256')
      return body.keys.map(({ kid }) => kid)
    }),
  )

const kept = async (): Promise<string> => {
  const { body } = await api.ask<{ data?: { token?: string } }>(ports[0]!, 'GET', `${SECRETS}/kept`)
  return Buffer.from(body.data?.token ?? '', 'base64').toString()
}

const certificates = async (...words: string[]): Promise<string> => {
  const { code, stdout, stderr } = await cluster.kubus(['certificates', ...words])
  assert.is(code, 0, stderr)
  return stdout
}

const OK = [200, 200, 200]
const REFUSED = [401, 401, 401]
let first: string
let second: string
let old: string
let inSecret: string
let connection: NatsConnection

test('a token is asked for while each master may be the one that signs or judges', async () => {
  old = await tokenFrom(ports[1]!)
  first = keyIdOf(old)
  assert.equal(await listed(), [[first], [first], [first]])
  await api.ask(ports[0]!, 'POST', SECRETS, {
    metadata: { name: 'kept', annotations: { 'kubernetes.io/service-account.name': 'robot' } },
    type: 'kubernetes.io/service-account-token',
  })
  inSecret = await eventually(kept, 'the Secret has a token')
  assert.is(keyIdOf(inSecret), first)
  assert.equal(await codes(old), OK)
  assert.equal(await codes(inSecret), OK)
  connection = await connect({
    servers: `127.0.0.1:${cluster.natsPort}`,
    authenticator: tokenAuthenticator(old),
    inboxPrefix: '_INBOX.system:serviceaccount:default:robot',
    reconnect: false,
  })
  assert.match(await certificates(), new RegExp(`${first} +sa\\.key +\\d{4}-.*Z +signs\n`))
})

test('the next key is listed and signs nothing', async () => {
  const said = await certificates('prepare-signing-key')
  second = /^(\S+) is the next key: /.exec(said)![1]!
  assert.match(said, new RegExp(`${second} +sa-next\\.key +\\S+ +verifies, will sign\n`))
  assert.equal(await listed(), Array(3).fill([first, second]))
  assert.is(keyIdOf(await tokenFrom(ports[2]!)), first)
})

test('while the key is replaced no fresh token is refused anywhere, and none from before', async () => {
  let tried = 0
  const seen = new Set<string>()
  const use = async (): Promise<void> => {
    while (!stopRotating) {
      const token = await tokenFrom(ports[tried++ % 3]!)
      seen.add(keyIdOf(token))
      assert.equal(await codes(token), OK)
    }
  }
  const clients = [use(), use()]
  const done = Promise.all(clients)
  done.catch(() => undefined)
  const said = await certificates('replace-signing-key')
  assert.ok(said.startsWith(`${second} signs from now on`), said)
  for (const port of ports) assert.is(keyIdOf(await tokenFrom(port)), second)
  stopRotating = true
  await done
  assert.ok(seen.has(first) || seen.has(second))
  assert.ok(tried > 2)
  assert.equal(await listed(), Array(3).fill([second, first]))
})

test('tokens of both keys are good, for reviews too, and those in Secrets stay as they are', async () => {
  const young = await tokenFrom(ports[0]!)
  for (const token of [old, young, inSecret]) {
    assert.equal(await codes(token), OK)
    for (const port of ports) {
      const { authenticated, user } = await review(port, token)
      assert.ok(authenticated)
      assert.is(user?.username, 'system:serviceaccount:default:robot')
    }
  }
  assert.is(await kept(), inSecret)
  assert.not(connection.isClosed())
  const folder = join(cluster.data, 'pki')
  const files = readdirSync(folder).filter((file) => file.startsWith('sa'))
  assert.equal(files.sort(), [`sa-${first}.pub`, 'sa.key'].sort())
  for (const file of files) assert.is(statSync(join(folder, file)).mode & 0o777, 0o600, file)
})

test('a master that starts later knows both keys', async () => {
  const master = cluster.processes().find(({ name }) => name === 'apiserver-2')!
  process.kill(master.pid, 'SIGKILL')
  await eventually(
    async () =>
      (await codeOf(ports[1]!, old)) === 200 &&
      cluster.processes().find(({ name }) => name === 'apiserver-2')!.pid !== master.pid,
    'the master is back',
  )
  assert.equal(await listed(), Array(3).fill([second, first]))
})

test('what a dropped key signed is refused as soon as the command is done', async () => {
  const young = await tokenFrom(ports[0]!)
  const said = await certificates('drop-signing-keys')
  assert.ok(said.startsWith(`${first} is dropped: its tokens are refused\n`), said)
  assert.equal(await codes(old), REFUSED)
  assert.equal(await codes(inSecret), REFUSED)
  assert.equal(await codes(young), OK)
  assert.equal(await listed(), Array(3).fill([second]))
  for (const port of ports) {
    const { authenticated, error } = await review(port, old)
    assert.not(authenticated)
    assert.is(error, '[invalid bearer token, invalid signature, no keys found]')
  }
  assert.ok((await certificates('drop-signing-keys')).startsWith('there is no former key\n'))
})

test('a connection to the bus that came by a token of the dropped key is ended', async () => {
  await eventually(() => connection.isClosed(), 'the connection ends', 10_000)
})

test('a Secret that is emptied gets a token of the key that signs', async () => {
  await api.ask(ports[0]!, 'PATCH', `${SECRETS}/kept`, { data: { token: null } })
  const token = await eventually(kept, 'the Secret has a token again')
  assert.is(keyIdOf(token), second)
  assert.equal(await codes(token), OK)
})

test.run()
