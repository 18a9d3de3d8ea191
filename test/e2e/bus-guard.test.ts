/**
 * An attacker on the bus, with a worker's certificate, with a service account's token, and with nothing: each
 * attempt is refused, and written down.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { get } from 'node:https'
import { connect, headers, type NatsConnection, tokenAuthenticator } from 'nats'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { AuditEvent } from '../../src/actors/apiserver/audit/auditor.ts'
import type { Status } from '../../src/api/status-error.ts'
import { decode, encode } from '../../src/bus/codec.ts'
import { type BusCredential, connectionOptions } from '../../src/bus/nats-credential.ts'
import { subjectsFor } from '../../src/bus/subjects.ts'
import { stateFolder } from '../../src/cli/state-folder.ts'
import { writeFileAtomically } from '../../src/node/files.ts'
import { createAuthority, issueCertificate } from '../../src/node/pki.ts'
import { aloud } from '../support/aloud.ts'
import { eventually, startCluster, type TestCluster } from '../support/cluster.ts'

const subjects = subjectsFor('kubus')
const ACCOUNT = 'system:serviceaccount:default:viewer'
const WORKER = 'system:node:worker-9'

let cluster: TestCluster
const open: NatsConnection[] = []

/** Who a connection is, for the audit log. */
const names = new WeakMap<NatsConnection, string>()

/** An attempt that was refused, as it must be in the audit log. */
interface Attempt {
  user: string | undefined
  verb: string
  subject: string
  code: number
}
const refused: Attempt[] = []

test.before(
  aloud(async () => {
    cluster = await startCluster(['--runtime', 'hollow', '--nodes', '2'])
    await cluster.kubectl(['create', 'secret', 'generic', 'foreign', '--from-literal=a=b'])
    for (const account of ['viewer', 'other'])
      await cluster.kubectl(['create', 'serviceaccount', account])
    await cluster.kubectl(['create', 'role', 'r', '--verb=get,list,watch', '--resource=configmaps'])
    await cluster.kubectl(['create', 'rolebinding', 'r', '--role=r', `--user=${ACCOUNT}`])
    const made = await cluster.kubus(['credential', '--node', 'worker-9'])
    assert.is(made.code, 0, made.stderr)
    // Auditing begins with a start.
    const rules = [{ level: 'Metadata' }]
    const policy = { apiVersion: 'audit.k8s.io/v1', kind: 'Policy', rules }
    writeFileSync(`${cluster.data}/audit-policy.yaml`, JSON.stringify(policy))
    for (const args of [['down'], ['up', '--detach']]) {
      const { code, stderr } = await cluster.kubus(args)
      assert.is(code, 0, stderr)
    }
  }),
)

test.after(async () => {
  for (const connection of open) await connection.close()
  await cluster?.stop()
})

/** Without coming back after an end. */
const enter = async (options: Parameters<typeof connect>[0]): Promise<NatsConnection> => {
  const connection = await connect({
    servers: `127.0.0.1:${cluster.natsPort}`,
    reconnect: false,
    ...options,
  })
  open.push(connection)
  void listen(connection)
  return connection
}

const nodePair = (node: string) => {
  const folder = stateFolder(cluster.data)
  const read = (what: 'crt' | 'key') => readFileSync(folder.nodeFile(node, what), 'utf8')
  return { certificate: read('crt'), key: read('key') }
}

const withCertificate = (pair: { certificate: string; key: string }) => {
  const credential: BusCredential = {
    name: WORKER,
    proof: { type: 'certificate', pair: () => pair },
  }
  return connectionOptions(credential, subjects)
}

const named = (connection: NatsConnection, name: string) => {
  names.set(connection, name)
  return connection
}

const asWorker = async () => named(await enter(withCertificate(nodePair('worker-9'))), WORKER)

const asAccount = async (...flags: string[]) => {
  const token = await cluster.kubectl(['create', 'token', 'viewer', ...flags])
  const connection = await enter({
    authenticator: tokenAuthenticator(token.trim()),
    inboxPrefix: `_INBOX.${ACCOUNT}`,
  })
  return named(connection, ACCOUNT)
}

/** What nats-server has told each connection that it does not allow, so far. */
const complaints = new WeakMap<NatsConnection, string[]>()

const listen = async (connection: NatsConnection) => {
  const said: string[] = []
  complaints.set(connection, said)
  for await (const event of connection.status())
    if (event.type === 'error') said.push(event.error.message)
}

/** What nats-server says of what `act` does. */
const violations = async (connection: NatsConnection, act: () => void): Promise<string[]> => {
  const said = complaints.get(connection)!
  const before = said.length
  act()
  await connection.flush()
  await new Promise((resolve) => setTimeout(resolve, 50))
  return said.slice(before)
}

const expectBooked = (connection: NatsConnection, verb: string, subject: string) =>
  refused.push({ user: names.get(connection), verb, subject, code: 403 })

const refusesToSend = async (connection: NatsConnection, wanted: readonly string[]) => {
  const said = await violations(connection, () => {
    for (const subject of wanted) connection.publish(subject, '{}')
  })
  for (const subject of wanted) {
    assert.ok(
      said.some((each) => each.includes(`Publish to ${JSON.stringify(subject)}`)),
      `${subject} may be published`,
    )
    expectBooked(connection, 'publish', subject)
  }
}

const refusesToHear = async (connection: NatsConnection, wanted: readonly string[]) => {
  const said = await violations(connection, () => {
    for (const subject of wanted) connection.subscribe(subject, { callback: () => {} })
  })
  for (const subject of wanted) {
    assert.ok(
      said.some((each) => each.includes(`Subscription to "${subject}"`)),
      `${subject} may be heard`,
    )
    expectBooked(connection, 'subscribe', subject)
  }
}

const ask = async (connection: NatsConnection, subject: string, with_ = headers()) => {
  with_.set('Accept', 'application/json')
  const answer = await connection.request(subject, '', { headers: with_, timeout: 5_000 })
  const object = answer.json<{ kind: string; code?: number; message?: string }>()
  if (object.code === 403) {
    const asked = subjectOf(connection, subject)
    refused.push({ user: names.get(connection), verb: verbOf(asked), subject: asked, code: 403 })
  }
  return object
}

/** Under which subject a request arrives. */
const subjectOf = (connection: NatsConnection, subject: string) =>
  names.get(connection) === WORKER ? subject : subject.replace('kubus.api.', 'kubus.as.~users.')

test('a question about nothing is written down as well', async () => {
  const account = await asAccount()
  for (const verb of ['get', 'create']) {
    const subject = `kubus.api.${verb}.nothings.default.x`
    const answer = await account.request(subject, '', { timeout: 5_000 })
    assert.match(answer.string(), '404')
    refused.push({ user: ACCOUNT, verb, subject: subjectOf(account, subject), code: 404 })
  }
})

const verbOf = (subject: string) => subject.split('.')[3] ?? ''

const THE_STREAM = [
  '$KV.kubus.core.secrets.default.forged',
  '$KV.kubus._fence.controllers',
  '$JS.API.STREAM.PURGE.KV_kubus',
  '$JS.API.STREAM.DELETE.KV_kubus',
  '$JS.API.STREAM.UPDATE.KV_kubus',
  '$JS.API.STREAM.MSG.GET.KV_kubus',
  '$JS.API.STREAM.INFO.KV_kubus',
  '$JS.API.DIRECT.GET.KV_kubus.$KV.kubus.core.secrets.default.foreign',
  '$JS.API.CONSUMER.CREATE.KV_kubus.mine',
  '$JS.API.INFO',
]
const OTHERS = [
  'kubus.as.system=3Anode=3Anode-1.get.secrets.default.foreign',
  'kubus.as.system=3Akube-controller-manager.get.secrets.default.foreign',
  'kubus.as.system=3Aapiserver.get.secrets.default.foreign',
  'kubus.as.~users.get.secrets.default.foreign',
  'kubus.node.node-1.heartbeat',
  'kubus.node.node-1.exec',
  'kubus.lease.controllers',
  'kubus.store.fence.take',
  'kubus.store.reseal',
  'kubus.events.secrets.default.foreign.deleted',
  'kubus.channel.part.apiserver.node.node-1.any',
  'kubus.inbox.master.any',
  '$SYS.REQ.SERVER.PING',
  '$SYS.REQ.USER.AUTH',
  '$SRV.PING',
]
const EVERYTHING = [
  '>',
  '*.>',
  'kubus.>',
  'kubus.api.>',
  'kubus.as.>',
  'kubus.inbox.>',
  'kubus.inbox.master.>',
  'kubus.channel.>',
  'kubus.node.>',
  'kubus.node.node-1.>',
  'kubus.events.>',
  'kubus.events.secrets.>',
  'kubus.feed.>',
  'kubus.feed.core.secrets.default.foreign',
  '_INBOX.>',
  '$KV.>',
  '$SYS.>',
  '$SYS.REQ.USER.AUTH',
]

test('a worker speaks for its own node alone', async () => {
  const worker = await asWorker()
  await refusesToSend(worker, [...THE_STREAM, ...OTHERS, 'kubus.api.get.secrets.default.foreign'])
  await refusesToHear(worker, EVERYTHING)
  const own = (verb: string, resource: string, name: string) =>
    subjects.api(verb, resource, 'default', name, WORKER)
  const secret = await ask(worker, own('get', 'secrets', 'foreign'))
  assert.is(secret.code, 403)
  assert.match(secret.message ?? '', `User "${WORKER}" cannot get resource "secrets"`)
  assert.is(
    (await ask(worker, subjects.api('list', 'nodes', undefined, undefined, WORKER))).code,
    403,
  )
  assert.equal(
    await violations(worker, () => worker.publish(subjects.nodeHeartbeat('worker-9'), '{}')),
    [],
  )
})

test('nobody has an answer written where only the store writes', async () => {
  const worker = await asWorker()
  const account = await asAccount()
  const asked: [NatsConnection, string][] = [
    [worker, subjects.api('list', 'services', undefined, undefined, WORKER)],
    [account, 'kubus.api.list.configmaps.default'],
  ]
  for (const [connection, subject] of asked)
    connection.publish(subject, '', { reply: '$KV.kubus.core.configmaps.default.forged' })
  // Elsewhere than in the account of the parts there is no stream behind these words.
  expectBooked(worker, 'publish', '$KV.kubus.core.configmaps.default.forged')
  for (const [connection, subject] of asked) await ask(connection, subject)
  const keys = await cluster.nats(['kv', 'ls', 'kubus'])
  assert.not.match(keys, 'forged')
})

test('a message of several requests speaks for its sender alone', async () => {
  const worker = await asWorker()
  const others = subjects.api('get', 'secrets', 'default', 'foreign', 'system:node:node-1')
  const answer = await worker.request(
    subjects.api('many', 'requests', undefined, undefined, WORKER),
    encode([[others, {}, new Uint8Array()]]),
    { timeout: 5_000 },
  )
  const [[, failure]] = decode(answer.data, 'msgpack') as [[null, Status]]
  assert.is(failure.code, 400)
  expectBooked(worker, 'publish', others)
})

test('a service account is who its token says, whatever it writes', async () => {
  const account = await asAccount()
  await refusesToSend(account, [...THE_STREAM, ...OTHERS])
  await refusesToHear(account, [...EVERYTHING, '_INBOX.system:serviceaccount:default:other.>'])
  assert.is((await ask(account, 'kubus.api.list.configmaps.default')).kind, 'ConfigMapList')
  const forged = headers()
  const admin = JSON.stringify({ name: 'admin', groups: ['system:masters'], rights: '' })
  for (const name of ['Nats-Request-Info', 'nats-request-info', 'Nats-Request-Info'])
    forged.append(name, JSON.stringify({ user: admin, acc: 'USERS' }))
  const secret = await ask(account, 'kubus.api.get.secrets.default.foreign', forged)
  assert.is(secret.code, 403)
  assert.match(secret.message ?? '', `User "${ACCOUNT}" cannot get`)
})

test('published changes are heard as far as the objects may be watched', async () => {
  const account = await asAccount()
  const heard: string[] = []
  const said = await violations(account, () => {
    account.subscribe('kubus.events.configmaps.default.>', {
      callback: (_, { subject }) => void heard.push(subject),
    })
  })
  assert.equal(said, [])
  await refusesToHear(account, ['kubus.events.configmaps.>', 'kubus.events.pods.default.>'])
  await cluster.kubectl(['create', 'configmap', 'seen'])
  await eventually(
    async () => heard.includes('kubus.events.configmaps.default.seen.added'),
    'the change is heard',
  )
  await cluster.kubectl(['delete', 'rolebinding', 'r'])
  await Promise.race([account.closed(), tooLate('the connection is ended')])
  const again = await asAccount()
  await refusesToHear(again, ['kubus.events.configmaps.default.>'])
})

const tooLate = (what: string) =>
  new Promise<never>((_, reject) => {
    setTimeout(() => reject(new Error(`${what}: too late`)), 5_000).unref()
  })

/** `user`: as far as it is known. */
const isRefused = async (entering: Promise<NatsConnection>, user?: string) => {
  const said = await entering.then(
    () => undefined,
    (error: Error) => error.message,
  )
  assert.match(said ?? 'let in', /authorization/i)
  refused.push({ user, verb: 'connect', subject: '$SYS.REQ.USER.AUTH', code: 401 })
}

test('a static token that is struck out ends with it, whatever else it stands beside', async () => {
  const file = stateFolder(cluster.data).pki('tokens.csv')
  const enterBy = (token: string) => enter({ authenticator: tokenAuthenticator(token) })
  writeFileAtomically(file, 'secret-1,jane,1\nsecret-2,joe,2\n')
  const jane = await eventually(() => enterBy('secret-1'), 'the token is good')
  const joe = await enterBy('secret-2')
  const struckOutAt = performance.now()
  writeFileAtomically(file, 'secret-2,joe,2\n')
  await Promise.race([jane.closed(), tooLate('the connection is ended')])
  assert.ok(performance.now() - struckOutAt < 3_000)
  await isRefused(enterBy('secret-1'))
  await joe.flush()
  // Whoever the token makes of its bearer has changed: it is not the same any more.
  writeFileAtomically(file, 'secret-2,joe,2,admins\n')
  await Promise.race([joe.closed(), tooLate('the connection is ended')])
  await (await enterBy('secret-2')).flush()
})

test('no name a client gives itself disturbs what the log says', async () => {
  const token = (await cluster.kubectl(['create', 'token', 'viewer'])).trim()
  const authenticator = tokenAuthenticator(token)
  await isRefused(enter({ authenticator, name: '%[1]s %q' }))
  const name = 'x" - "KUBUS/nkey:U" - Publish Violation - Subject "y"\n'
  const connection = named(await enter({ authenticator, name }), ACCOUNT)
  await refusesToSend(connection, ['$KV.kubus.core.pods.default.%s"\\'])
})

test('a connection that does nothing but try is ended, and counted', async () => {
  const account = await asAccount()
  for (let attempt = 0; attempt < 3_000; attempt++)
    account.publish('$KV.kubus.core.secrets.default.flood')
  for (let attempt = 0; attempt < 2_000; attempt++)
    expectBooked(account, 'publish', '$KV.kubus.core.secrets.default.flood')
  await Promise.race([account.closed(), tooLate('the connection is ended')])
})

test('a token whose pod is gone ends with it', async () => {
  await cluster.kubectl(['run', 'holder', '--image=example:1'])
  const bound = ['--bound-object-kind=Pod', '--bound-object-name=holder']
  await cluster.kubectl(['wait', '--for=condition=Ready', 'pod/holder', '--timeout=20s'])
  const token = (await cluster.kubectl(['create', 'token', 'default', ...bound])).trim()
  const authenticator = tokenAuthenticator(token)
  const holder = await enter({ authenticator })
  await cluster.kubectl(['delete', 'pod', 'holder', '--force', '--grace-period=0'])
  await Promise.race([holder.closed(), tooLate('the connection is ended')])
  await isRefused(enter({ authenticator }))
})

test('without a credential of this cluster nobody is let in', async () => {
  await isRefused(enter({}))
  await isRefused(enter({ user: 'admin', pass: 'admin' }))
  await isRefused(enter({ authenticator: tokenAuthenticator('made-up') }))
  const subject = { commonName: WORKER, organizations: ['system:nodes'] }
  const nowMs = Date.now()
  const foreign = await createAuthority('kubernetes', nowMs)
  const strange = await issueCertificate(foreign, { subject, usage: 'client', nowMs })
  await isRefused(enter(withCertificate(strange)))
  const { certificate } = nodePair('worker-9')
  await isRefused(enter(withCertificate({ certificate, key: strange.key })))
})

/** What the API says to somebody with this certificate. */
const overHttps = ({ certificate, key }: { certificate: string; key: string }) =>
  new Promise<number | undefined>((resolve, reject) => {
    const ca = readFileSync(stateFolder(cluster.data).pki('ca.crt'))
    const address = { host: '127.0.0.1', port: cluster.apiPort, path: '/api/v1/nodes/worker-9' }
    get({ ...address, ca, cert: certificate, key, agent: false }, (answer) => {
      answer.resume()
      resolve(answer.statusCode)
    }).on('error', reject)
  })

test('a revoked node is off the bus until it has a new credential', async () => {
  const worker = await asWorker()
  assert.is(await overHttps(nodePair('worker-9')), 404)
  const revoked = await cluster.kubus(['credential', '--revoke', WORKER])
  assert.is(revoked.code, 0, revoked.stderr)
  await Promise.race([worker.closed(), tooLate('the connection is ended')])
  await isRefused(asWorker(), WORKER)
  assert.is(await overHttps(nodePair('worker-9')), 401)
  // Certificates tell whole seconds.
  await new Promise((resolve) => setTimeout(resolve, 1_100))
  await cluster.kubus(['credential', '--node', 'worker-9'])
  await (await asWorker()).flush()
})

test('keys of the parts are replaced while all goes on', async () => {
  const rotated = await cluster.kubus(['credential', '--rotate'])
  assert.is(rotated.code, 0, rotated.stderr)
  await cluster.nats(['req', '--raw', 'kubus.api.get.nodes._.node-1', ''])
  await cluster.kubectl(['create', 'deployment', 'after', '--image=example:1'])
  await cluster.kubectl(['rollout', 'status', 'deployment/after', '--timeout=30s'])
})

test('an operator reads the streams and does not write them', async () => {
  const attempts = {
    '$KV.kubus.core.configmaps.default.forged': [
      ...['kv', 'put', 'kubus', 'core.configmaps.default.forged', 'x'],
    ],
    '$KV.kubus.core.namespaces._.default': [
      ...['kv', 'del', '--force', 'kubus', 'core.namespaces._.default'],
    ],
    // The command itself refuses to purge a bucket.
    '$JS.API.STREAM.PURGE.KV_kubus': ['pub', '$JS.API.STREAM.PURGE.KV_kubus', ''],
    '$JS.API.STREAM.DELETE.KV_kubus': ['stream', 'rm', '--force', 'KV_kubus'],
  }
  const outcomes = await Promise.allSettled(
    Object.values(attempts).map((args) => cluster.nats(['--timeout=1s', ...args])),
  )
  for (const subject of Object.keys(attempts))
    refused.push({ user: 'system:bus-operator', verb: 'publish', subject, code: 403 })
  assert.equal(
    outcomes.map(({ status }) => status),
    outcomes.map(() => 'rejected'),
  )
  assert.match(await cluster.nats(['kv', 'ls', 'kubus']), 'core.namespaces._.default')
})

const auditLog = (): AuditEvent[] =>
  readFileSync(`${cluster.data}/logs/audit-${cluster.apiPort}.log`, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as AuditEvent)

const attemptKey = ({ user, verb, subject, code }: Attempt) =>
  [user ?? 'nobody', verb, subject, code].join(' ')

test('every attempt that was refused is in the audit log, with who made it', async () => {
  assert.ok(refused.length > 100)
  const booked = () => {
    const found = new Map<string, number>()
    for (const { user, verb, requestURI, responseStatus, stage, annotations } of auditLog()) {
      if (stage !== 'ResponseComplete') continue
      const { username } = user as { username?: string }
      const { code } = responseStatus as { code: number }
      const key = attemptKey({ user: username, verb, subject: requestURI, code })
      const attempts = Number((annotations as Record<string, string>)?.['kubus.io/attempts'] ?? 1)
      found.set(key, (found.get(key) ?? 0) + attempts)
    }
    return found
  }
  const wanted = new Map<string, number>()
  for (const attempt of refused) {
    const key = attemptKey(attempt)
    wanted.set(key, (wanted.get(key) ?? 0) + 1)
  }
  const missing = () => {
    const found = booked()
    return [...wanted].filter(([key, attempts]) => (found.get(key) ?? 0) < attempts)
  }
  await eventually(() => missing().length === 0, 'all are written down', 5_000).catch(() => {})
  assert.equal(missing(), [])
})

test('an event about what nats-server stopped says what other events say', () => {
  const event = auditLog().find(
    ({ verb, requestURI }) => verb === 'publish' && requestURI === THE_STREAM[0],
  )
  assert.ok(event)
  assert.is(event.level, 'Metadata')
  assert.is((event['responseStatus'] as Status).reason, 'Forbidden')
  assert.equal(event['sourceIPs'], ['127.0.0.1'])
  const place = { resource: 'secrets', namespace: 'default', name: 'forged', apiVersion: 'v1' }
  assert.equal(event.objectRef, place)
  assert.is(
    (event['annotations'] as Record<string, string>)['authorization.k8s.io/decision'],
    'forbid',
  )
})

test.run()
