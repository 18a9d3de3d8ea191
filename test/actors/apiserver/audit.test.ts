/**
 * The audit log of a real apiserver: who, what, how it ended, and how much of it the policy wants.
 */
import { request } from 'node:https'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { AuditEvent } from '../../../src/actors/apiserver/audit/auditor.ts'
import { type AuditPolicy, parseAuditPolicy } from '../../../src/api/audit-policy.ts'
import { connection, startTestApiserver } from '../../support/api-server.ts'

// biome-ignore lint/suspicious/noExplicitAny: events of every shape
type Loose = any

const policyOf = (...rules: object[]): AuditPolicy =>
  parseAuditPolicy({
    apiVersion: 'audit.k8s.io/v1',
    kind: 'Policy',
    omitManagedFields: true,
    rules: [{ level: 'None', users: ['system:apiserver'] }, ...rules],
  })

let lines: string[] = []
let setPolicy: (policy: AuditPolicy) => void = () => undefined
const api = await startTestApiserver(undefined, undefined, 0, 1, {
  audit: {
    policy: policyOf({ level: 'Metadata' }),
    write: (line) => void lines.push(line),
    onPolicy: (take) => {
      setPolicy = take
    },
  },
})

const CONFIG_MAPS = '/api/v1/namespaces/default/configmaps'
const configMap = (name: string) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name },
  data: { a: 'b' },
})

/** What one request leaves in the books. */
const booked = async (work: () => Promise<unknown>, ...rules: object[]): Promise<Loose[]> => {
  setPolicy(policyOf(...rules))
  lines = []
  await work()
  for (let tries = 0; tries < 100 && !isComplete(); tries++)
    await new Promise((resolve) => setTimeout(resolve, 10))
  return lines.map((line) => JSON.parse(line) as AuditEvent)
}
const isComplete = () => lines.some((line) => line.includes('"stage":"ResponseComplete"'))

test('a request is written down when it comes and when it is answered, without its content', async () => {
  const [received, complete, ...more] = await booked(
    () =>
      api.call('POST', `${CONFIG_MAPS}?fieldManager=me`, configMap('a'), {
        headers: { 'user-agent': 'test/1', 'audit-id': 'one', 'x-forwarded-for': '192.0.2.7' },
      }),
    { level: 'Metadata' },
  )
  assert.is(more.length, 0)
  assert.is(received.stage, 'RequestReceived')
  assert.is(complete.stage, 'ResponseComplete')
  for (const event of [received, complete]) {
    assert.is(event.kind, 'Event')
    assert.is(event.apiVersion, 'audit.k8s.io/v1')
    assert.is(event.auditID, 'one')
    assert.is(event.verb, 'create')
    assert.is(event.requestURI, `${CONFIG_MAPS}?fieldManager=me`)
    assert.is(event.user.username, 'admin')
    assert.ok(event.user.groups.includes('system:masters'))
    assert.equal(event.sourceIPs, ['192.0.2.7', '127.0.0.1'])
    assert.is(event.userAgent, 'test/1')
    assert.is(event.requestObject, undefined)
    assert.match(event.requestReceivedTimestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/)
  }
  assert.is(received.objectRef.name, undefined)
  assert.equal(complete.objectRef, {
    resource: 'configmaps',
    namespace: 'default',
    name: 'a',
    apiVersion: 'v1',
  })
  assert.equal(complete.responseStatus, { metadata: {}, code: 201 })
  assert.is(complete.annotations['authorization.k8s.io/decision'], 'allow')
})

test('the levels Request and RequestResponse add the bodies', async () => {
  const asked = await booked(() => api.call('POST', CONFIG_MAPS, configMap('b')), {
    level: 'Request',
    omitStages: ['RequestReceived'],
  })
  assert.is(asked.length, 1)
  assert.equal(asked[0].requestObject.data, { a: 'b' })
  assert.is(asked[0].responseObject, undefined)
  const [, both] = await booked(() => api.call('GET', `${CONFIG_MAPS}/b`), {
    level: 'RequestResponse',
  })
  assert.is(both.responseObject.metadata.name, 'b')
  assert.is(both.responseObject.metadata.managedFields, undefined)
  const [, list] = await booked(() => api.call('GET', CONFIG_MAPS), {
    level: 'RequestResponse',
    omitManagedFields: false,
  })
  assert.is(list.responseObject.kind, 'ConfigMapList')
  assert.ok(list.responseObject.items[0].metadata.managedFields)
})

test('errors are written down with their Status', async () => {
  const [, missing] = await booked(() => api.call('GET', `${CONFIG_MAPS}/none`), {
    level: 'Metadata',
  })
  assert.is(missing.responseStatus.reason, 'NotFound')
  assert.is(missing.responseStatus.code, 404)
})

test('whoever may not, and whoever is not known, is in the books', async () => {
  const secrets = '/api/v1/namespaces/default/secrets/x'
  const [, refused] = await booked(() => api.call('GET', secrets, undefined, { anonymous: true }), {
    level: 'Metadata',
  })
  assert.is(refused.user.username, 'system:anonymous')
  assert.is(refused.responseStatus.code, 403)
  assert.is(refused.annotations['authorization.k8s.io/decision'], 'forbid')
  const [, unknown] = await booked(
    () =>
      api.call('GET', secrets, undefined, {
        anonymous: true,
        headers: { authorization: 'Bearer wrong' },
      }),
    { level: 'Metadata', resources: [{ group: '', resources: ['secrets'] }] },
  )
  assert.equal(unknown.user, {})
  assert.is(unknown.verb, 'get')
  assert.is(unknown.responseStatus.code, 401)
})

test('an impersonated user and who asked for it both appear', async () => {
  const [, event] = await booked(
    () => api.call('GET', '/version', undefined, { headers: { 'impersonate-user': 'bob' } }),
    { level: 'Metadata' },
  )
  assert.is(event.user.username, 'admin')
  assert.is(event.impersonatedUser.username, 'bob')
  assert.is(event.objectRef, undefined)
})

test('a watch is written down when it starts and when it ends', async () => {
  const events = await booked(
    () =>
      new Promise<void>((resolve, reject) => {
        const path = `${CONFIG_MAPS}?watch=1`
        const sent = request(
          { ...connection(api.pki, api.port, api.pki.admin), path },
          (answer) => {
            answer.once('data', () => {
              sent.destroy()
              resolve()
            })
          },
        )
        sent.on('error', reject)
        sent.end()
      }),
    { level: 'Metadata' },
  )
  assert.equal(
    events.map(({ stage }) => stage),
    ['RequestReceived', 'ResponseStarted', 'ResponseComplete'],
  )
  assert.is(events[0].verb, 'watch')
})

test('requests on the bus are in the same books, and the books are told on the bus', async () => {
  const told: Loose[] = []
  const listening = api.bus.subscribe('kubus.audit.>', (message) => void told.push(message))
  const [, event] = await booked(() => api.bus.request('kubus.api.get.configmaps.default.b'), {
    level: 'Metadata',
  })
  assert.is(event.requestURI, 'kubus.api.get.configmaps.default.b')
  assert.is(event.verb, 'get')
  assert.is(event.objectRef.name, 'b')
  assert.is(event.responseStatus.code, 200)
  assert.ok(told.some(({ subject }) => subject === 'kubus.audit.get.configmaps.default'))
  await listening.stop()
})

test('where a request on the bus comes from, nobody but nats-server says', async () => {
  const info = JSON.stringify({ host: '192.0.2.9' })
  const [, event] = await booked(
    () =>
      api.bus.request('kubus.api.get.configmaps.default.b', undefined, {
        headers: { 'Nats-Request-Info': info },
      }),
    { level: 'Metadata' },
  )
  assert.is(event.sourceIPs, undefined)
  assert.is(event.responseStatus.code, 200)
})

test('what the policy does not want is not written', async () => {
  setPolicy(policyOf({ level: 'None', nonResourceURLs: ['/version'] }, { level: 'Metadata' }))
  lines = []
  await api.call('GET', '/version')
  await api.call('GET', `${CONFIG_MAPS}/b`)
  assert.is(lines.filter((line) => line.includes('/version')).length, 0)
  assert.is(lines.length, 2)
})

test.after(() => api.stop())
test.run()
