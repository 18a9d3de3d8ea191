import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { escapeToken, subjectsFor, unescapeToken } from '../../src/bus/subjects.ts'

const subjects = subjectsFor('kubus')

test('escapes a token reversibly and legally for the nats CLI', () => {
  assert.is(escapeToken('web-1'), 'web-1')
  assert.is(escapeToken('kube-root-ca.crt'), 'kube-root-ca=2Ecrt')
  assert.is(escapeToken('system:node=1'), 'system=3Anode=3D1')
  for (const text of ['a', '_', '_x', 'a.b', 'ü ♥', '=2E', 'x%y@z*>', 'a/b', '=', '==4'])
    for (const token of [escapeToken(text)]) {
      assert.match(token, /^[-/=\w]+$/)
      assert.is.not(token, '_')
      assert.is(unescapeToken(token), text)
    }
})

test('keeps a fixed depth for every key', () => {
  assert.is(
    subjects.key('state', '', 'pods', 'default', 'web-1'),
    '$KV.kubus.core.pods.default.web-1',
  )
  assert.is(
    subjects.key('state', 'rbac.authorization.k8s.io', 'clusterroles', undefined, 'system:node'),
    '$KV.kubus.rbac=2Eauthorization=2Ek8s=2Eio.clusterroles._.system=3Anode',
  )
  assert.is(
    subjects.key('events', '', 'events', 'default', 'web.17'),
    '$KV.kubus_events.core.events.default.web=2E17',
  )
  assert.equal(subjects.parseKey('state', '$KV.kubus.apps.deployments.default.web=2E1'), {
    group: 'apps',
    resource: 'deployments',
    namespace: 'default',
    name: 'web.1',
  })
  assert.is(subjects.parseKey('state', subjects.fenceKey('scheduler')), undefined)
  assert.is(subjects.parseFenceKey(subjects.fenceKey('scheduler')), 'scheduler')
})

test('builds and parses requests, with group, subresource and cluster scope', () => {
  assert.is(subjects.api('get', 'pods', 'default', 'web'), 'kubus.api.get.pods.default.web')
  assert.is(subjects.api('list', 'pods'), 'kubus.api.list.pods')
  assert.is(
    subjects.api('update', 'deployments.apps/status', 'default', 'a.b'),
    'kubus.api.update.deployments=2Eapps/status.default.a=2Eb',
  )
  assert.equal(subjects.parseApi('kubus.api.update.deployments=2Eapps/status.default.a=2Eb'), {
    verb: 'update',
    resource: 'deployments.apps',
    subresource: 'status',
    namespace: 'default',
    name: 'a.b',
  })
  assert.equal(subjects.parseApi(subjects.api('get', 'nodes', undefined, 'n1')), {
    verb: 'get',
    resource: 'nodes',
    name: 'n1',
  })
  assert.is(subjects.parseApi('kubus.events.pods.default.web.added'), undefined)
  assert.is(subjects.parseApi('kubus.api.get'), undefined)
})

test('tells a node from its subjects', () => {
  assert.is(subjects.parseNode(subjects.nodeHeartbeat('n.1')), 'n.1')
  assert.is(subjects.parseNode(subjects.nodeStream('n1', 'exec')), 'n1')
})

test.run()
