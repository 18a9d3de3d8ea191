import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { busUser, OPERATOR, parseBusName } from '../../../src/actors/apiserver/bus-identity.ts'
import { EVERYBODY } from '../../../src/bus/subjects.ts'

const JANE = { name: 'jane', groups: ['team'], uid: 'u', extra: { a: ['b'] } }
const info = (user: unknown) => ({
  'Nats-Request-Info': JSON.stringify({ acc: 'USERS', user: JSON.stringify(user), rtt: 1 }),
})

test('the subject says who a part of the cluster is, whatever the headers say', () => {
  assert.equal(busUser('system:node:n1', info(JANE)), {
    name: 'system:node:n1',
    groups: ['system:nodes', 'system:authenticated'],
  })
  assert.equal(busUser('system:kube-scheduler', {}).groups, ['system:authenticated'])
  assert.is(busUser(undefined, info(JANE)), OPERATOR)
})

test('of everybody else the server says who it is', () => {
  assert.equal(busUser(EVERYBODY, info({ ...JANE, rights: 'x', issuedAtMs: 1 })), JANE)
  assert.equal(parseBusName(JSON.stringify({ ...JANE, rights: 'x' }))?.rights, 'x')
})

test('who is not named by the server is nobody', () => {
  const unnamed: Record<string, string>[] = [
    {},
    { 'Nats-Request-Info': '' },
    { 'nats-request-info': info(JANE)['Nats-Request-Info'] },
    { 'Nats-Request-Info': JSON.stringify({ user: 'UABC' }) },
    info(7),
    info({ name: 'jane' }),
  ]
  for (const headers of unnamed) assert.throws(() => busUser(EVERYBODY, headers), /Unauthorized/)
})

test.run()
