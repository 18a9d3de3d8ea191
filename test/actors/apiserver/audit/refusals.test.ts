/**
 * How refused attempts become events: counted, bounded, and by the policy's rules.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type AuditEvent, Auditor } from '../../../../src/actors/apiserver/audit/auditor.ts'
import { type Refusal, Refusals } from '../../../../src/actors/apiserver/audit/refusals.ts'
import { parseAuditPolicy } from '../../../../src/api/audit-policy.ts'
import { StatusError } from '../../../../src/api/status-error.ts'
import { subjectsFor } from '../../../../src/bus/subjects.ts'
import { memoryCache } from '../../../support/memory-cache.ts'
import { virtualClock } from '../../../support/virtual-clock.ts'

const open = (...rules: object[]) => {
  const events: AuditEvent[] = []
  const clock = virtualClock()
  const policy = parseAuditPolicy({ apiVersion: 'audit.k8s.io/v1', kind: 'Policy', rules })
  const auditor = new Auditor(policy, clock, [(_, event) => void events.push(event)])
  const { kinds } = memoryCache()
  const subjects = subjectsFor('kubus')
  return { events, clock, refusals: new Refusals({ auditor, subjects, kinds, clock }) }
}

const attempt = (subject: string, changes: Partial<Refusal> = {}): Refusal => ({
  user: { name: 'jane', groups: ['g'] },
  verb: 'publish',
  subject,
  status: new StatusError(403, 'Forbidden', 'forbidden').status,
  sourceIPs: ['10.0.0.9'],
  atMs: Date.UTC(2026, 0, 1),
  ...changes,
})

const attemptsOf = ({ annotations }: AuditEvent) =>
  Number((annotations as Record<string, string>)['kubus.io/attempts'] ?? 1)

test('an attempt is one event, at its end', async () => {
  const { events, clock, refusals } = open({ level: 'RequestResponse' })
  refusals.add(attempt('kubus.node.node-1.exec', { userAgent: 'nats.js' }))
  assert.is(events.length, 0)
  await clock.advance(1_000)
  assert.is(events.length, 1)
  const { auditID: _, stageTimestamp: __, ...event } = events[0]!
  assert.equal(event, {
    kind: 'Event',
    apiVersion: 'audit.k8s.io/v1',
    level: 'RequestResponse',
    stage: 'ResponseComplete',
    requestURI: 'kubus.node.node-1.exec',
    verb: 'publish',
    user: { username: 'jane', groups: ['g'] },
    sourceIPs: ['10.0.0.9'],
    userAgent: 'nats.js',
    responseStatus: {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: 'forbidden',
      reason: 'Forbidden',
      code: 403,
    },
    requestReceivedTimestamp: '2026-01-01T00:00:00.000000Z',
    annotations: { 'authorization.k8s.io/decision': 'forbid' },
  })
})

test('the same attempt again within a second is counted, by anybody else it is another', async () => {
  const { events, clock, refusals } = open({ level: 'Metadata' })
  for (let again = 0; again < 50; again++) refusals.add(attempt('x'))
  refusals.add(attempt('x', { verb: 'subscribe' }))
  refusals.add(attempt('x', { user: { name: 'joe', groups: [] } }))
  refusals.add(attempt('x', { sourceIPs: ['10.0.0.10'] }))
  await clock.advance(1_000)
  assert.equal(events.map(attemptsOf), [50, 1, 1, 1])
  refusals.add(attempt('x'))
  await clock.advance(1_000)
  assert.equal(attemptsOf(events.at(-1)!), 1)
})

test('a second has a bounded number of events, and every attempt is in one of them', async () => {
  const { events, clock, refusals } = open({ level: 'Metadata' })
  for (let number = 0; number < 5_000; number++) refusals.add(attempt(`x.${number}`))
  await clock.advance(1_000)
  assert.is(events.length, 201)
  assert.is(events.at(-1)?.requestURI, '>')
  assert.is(attemptsOf(events.at(-1)!), 4_800)
  events.length = 0
  for (let number = 0; number < 20_000; number++)
    refusals.add(attempt('x', { user: { name: `user-${number}`, groups: [] } }))
  await clock.advance(1_000)
  assert.ok(events.length <= 1_001)
  assert.is(
    events.map(attemptsOf).reduce((sum, count) => sum + count),
    20_000,
  )
})

test('rules about users, verbs and resources decide, as about requests', async () => {
  const { events, clock, refusals } = open(
    { level: 'None', users: ['jane'], verbs: ['subscribe'] },
    { level: 'Metadata', resources: [{ group: '', resources: ['secrets'] }] },
  )
  refusals.add(attempt('$KV.kubus.core.secrets.default.a'))
  refusals.add(attempt('kubus.as.system=3Anode=3An.get.secrets.default.b'))
  refusals.add(attempt('$KV.kubus.core.secrets.default.c', { verb: 'subscribe' }))
  refusals.add(attempt('$KV.kubus.core.configmaps.default.d'))
  refusals.add(attempt('kubus.node.node-1.exec'))
  await clock.advance(1_000)
  assert.equal(
    events.map(({ objectRef }) => objectRef),
    ['a', 'b'].map((name) => ({
      resource: 'secrets',
      namespace: 'default',
      name,
      apiVersion: 'v1',
    })),
  )
})

test('what waits is written when it ends, and who keeps the place is told', () => {
  const { events, refusals } = open({ level: 'Metadata' })
  let told = 0
  refusals.onWritten(() => told++)
  refusals.add(attempt('x', { user: undefined, verb: 'connect' }))
  refusals.flush()
  assert.equal(events[0]?.user, {})
  assert.is(told, 1)
})

test.run()
