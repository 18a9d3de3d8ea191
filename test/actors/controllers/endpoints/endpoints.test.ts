import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { endpoints } from '../../../../src/actors/controllers/endpoints/endpoints.ts'
import { show } from '../../../../src/actors/controllers/plan.ts'
import { Endpoints } from '../../../../src/api/core/endpoints.ts'
import { memoryCache } from '../../../support/memory-cache.ts'
import { aPod, aService, seconds } from '../objects.ts'

const web = aService('web', { metadata: { labels: { team: 'a' } } })

test('ready and other pods are told apart, terminating ones are left out', () => {
  const view = memoryCache(
    aPod('b', { ready: true, node: 'n1', ip: '10.0.0.2' }),
    aPod('a', { ready: true, node: 'n1', ip: '10.0.0.1' }),
    aPod('c', { ip: '10.0.0.3' }),
    aPod('t', {
      ready: true,
      ip: '10.0.0.4',
      metadata: { labels: { app: 'web' }, deletionTimestamp: seconds(0) },
    }),
  )
  const object = endpoints.reconcile(web, 'default/web', view, 0).commands[0]!
    .object as unknown as Endpoints
  assert.equal(
    object.subsets!.map(({ addresses, notReadyAddresses, ports }) => [
      addresses!.map(({ ip }) => ip),
      notReadyAddresses!.map(({ ip }) => ip),
      ports,
    ]),
    [[['10.0.0.1', '10.0.0.2'], ['10.0.0.3'], [{ port: 8080, protocol: 'TCP' }]]],
  )
  assert.equal(object.metadata.labels, {
    team: 'a',
    'endpoints.kubernetes.io/managed-by': 'endpoint-controller',
  })
})

test('more than a thousand addresses are cut, and the cut is told', () => {
  const pods = Array.from({ length: 1100 }, (_, i) =>
    aPod(`p${i}`, { ready: i % 2 === 0, ip: `10.0.${i >> 8}.${i & 255}` }),
  )
  const plan = endpoints.reconcile(web, 'default/web', memoryCache(...pods), 0)
  const { subsets, metadata } = plan.commands[0]!.object as unknown as Endpoints
  assert.equal([subsets![0]!.addresses!.length, subsets![0]!.notReadyAddresses!.length], [550, 450])
  assert.is(metadata.annotations!['endpoints.kubernetes.io/over-capacity'], 'truncated')
})

test('endpoints go with their Service, but only those that this controller made', () => {
  const made = {
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: {
      name: 'web',
      namespace: 'default',
      uid: 'e',
      resourceVersion: '1',
      creationTimestamp: seconds(0),
      labels: { 'endpoints.kubernetes.io/managed-by': 'endpoint-controller' },
    },
  }
  assert.is(
    show(endpoints.reconcile(undefined, 'default/web', memoryCache(made), 0)),
    'delete Endpoints web',
  )
  const own = { ...made, metadata: { ...made.metadata, labels: {} } }
  assert.is(show(endpoints.reconcile(undefined, 'default/web', memoryCache(own), 0)), '')
})

test('nothing is written when nothing changed', () => {
  const view = memoryCache(aPod('a', { ready: true, node: 'n1', ip: '10.0.0.1' }))
  const first = endpoints.reconcile(web, 'default/web', view, 0).commands[0]!
    .object as unknown as Endpoints
  view.put({ ...first, apiVersion: 'v1', kind: 'Endpoints' })
  assert.is(show(endpoints.reconcile(web, 'default/web', view, 0)), '')
  assert.is(view.list(Endpoints).length, 1)
})

test.run()
