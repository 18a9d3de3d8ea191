import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { endpointSlice } from '../../../../src/actors/controllers/endpoints/endpoint-slice.ts'
import { show } from '../../../../src/actors/controllers/plan.ts'
import type { Pod } from '../../../../src/api/core/pod.ts'
import type { Service } from '../../../../src/api/core/service.ts'
import { EndpointSlice } from '../../../../src/api/discovery/endpoint-slice.ts'
import { memoryCache } from '../../../support/memory-cache.ts'
import { aPod, aService, ownedBy, seconds } from '../objects.ts'
import { createWorld } from '../world.ts'

const reconcile = (service: Service, ...objects: (Pod | EndpointSlice)[]) =>
  endpointSlice.reconcile(service, 'default/web', memoryCache(service, ...objects), 0)

const web = aService('web')
const ready = (name: string, ip: string, more: Parameters<typeof aPod>[1] = {}) =>
  aPod(name, { ready: true, node: 'n1', ip, ...more })
const many = (count: number) =>
  Array.from({ length: count }, (_, i) =>
    ready(`p${String(i).padStart(4, '0')}`, `10.0.${i >> 8}.${i & 255}`),
  )

test('a slice lists each pod with its state, node and reference', () => {
  const plan = reconcile(
    web,
    ready('a', '10.0.0.1'),
    ready('b', '10.0.0.2', { metadata: { labels: { app: 'web' }, deletionTimestamp: seconds(1) } }),
    aPod('c', { node: 'n1', ip: '10.0.0.3' }),
    aPod('d'),
    ready('e', '10.0.0.5', { metadata: { labels: { app: 'other' } } }),
  )
  assert.is(show(plan), 'create EndpointSlice web-*')
  const slice = plan.commands[0]!.object as unknown as EndpointSlice
  assert.equal(slice.metadata.labels, {
    'kubernetes.io/service-name': 'web',
    'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
  })
  assert.equal(slice.metadata.ownerReferences, ownedBy(web).ownerReferences)
  assert.equal(slice.ports, [{ port: 8080, protocol: 'TCP' }])
  assert.equal(
    slice.endpoints!.map(({ addresses, conditions }) => [
      addresses[0],
      ...Object.values(conditions!),
    ]),
    [
      ['10.0.0.1', true, true, false],
      ['10.0.0.2', false, true, true],
      ['10.0.0.3', false, false, false],
    ],
  )
  assert.equal(slice.endpoints![0]!.targetRef, {
    kind: 'Pod',
    namespace: 'default',
    name: 'a',
    uid: 'uid-a',
  })
  assert.is(slice.endpoints![0]!.nodeName, 'n1')
})

test('a Service without pods has one empty slice', () => {
  const slice = reconcile(web).commands[0]!.object as unknown as EndpointSlice
  assert.equal([slice.endpoints, slice.ports], [[], []])
})

test('a Service without selector, or for an external name, is left alone', () => {
  assert.is(
    show(reconcile(aService('web', { spec: { selector: undefined } }), ready('a', '10.0.0.1'))),
    '',
  )
  assert.is(
    show(reconcile(aService('web', { spec: { type: 'ExternalName' } }), ready('a', '10.0.0.1'))),
    '',
  )
})

test('a named port is that of each pod, and pods that differ have slices of their own', () => {
  const named = aService('web', {
    spec: { ports: [{ name: 'http', port: 80, targetPort: 'http' }] },
  })
  const on = (containerPort: number) => ({
    spec: { nodeName: 'n1', containers: [{ name: 'c', ports: [{ name: 'http', containerPort }] }] },
  })
  const plan = reconcile(named, ready('a', '10.0.0.1', on(80)), ready('b', '10.0.0.2', on(81)))
  assert.equal(
    plan.commands.map(({ object }) => (object as unknown as EndpointSlice).ports),
    [[{ name: 'http', port: 80, protocol: 'TCP' }], [{ name: 'http', port: 81, protocol: 'TCP' }]],
  )
})

test('publishNotReadyAddresses counts every pod as ready', () => {
  const eager = aService('web', { spec: { publishNotReadyAddresses: true } })
  const slice = reconcile(eager, aPod('a', { ip: '10.0.0.1' })).commands[0]!
    .object as unknown as EndpointSlice
  assert.equal(slice.endpoints![0]!.conditions, { ready: true, serving: false, terminating: false })
})

test('a slice holds a hundred endpoints, and only the slice that changes is written', async () => {
  const world = createWorld([endpointSlice], web, ...many(250))
  await world.clock.advance(1000)
  const slices = () => world.cache.list(EndpointSlice)
  assert.equal(
    slices()
      .map(({ endpoints }) => endpoints!.length)
      .sort(),
    [100, 100, 50],
  )
  const before = world.client.calls.length
  const one = many(1)[0]!
  world.cache.put({
    ...one,
    status: { ...one.status!, conditions: [{ type: 'Ready', status: 'False' }] },
  } as Pod)
  await world.clock.advance(1000)
  assert.is(world.client.calls.length, before + 1)
  for (const pod of many(200)) world.cache.remove(pod)
  await world.clock.advance(1000)
  assert.is(slices().flatMap(({ endpoints }) => endpoints!).length, 50)
  await world.group.stop()
})

test('a pod that joins or leaves by its labels changes only the Services it concerns', async () => {
  const other = aService('other', { spec: { selector: { app: 'other' } } })
  const world = createWorld([endpointSlice], web, other, ready('a', '10.0.0.1'))
  await world.clock.advance(1000)
  const endpointsOf = (name: string) =>
    world.cache
      .list(EndpointSlice)
      .filter(({ metadata }) => metadata.labels!['kubernetes.io/service-name'] === name)
      .flatMap(({ endpoints }) => endpoints!.map(({ addresses }) => addresses[0]))
  assert.equal([endpointsOf('web'), endpointsOf('other')], [['10.0.0.1'], []])
  world.cache.put(ready('a', '10.0.0.1', { metadata: { labels: { app: 'other' } } }))
  await world.clock.advance(1000)
  assert.equal([endpointsOf('web'), endpointsOf('other')], [[], ['10.0.0.1']])
  await world.group.stop()
})

test('a slice that somebody deletes is made again', async () => {
  const world = createWorld([endpointSlice], web, ready('a', '10.0.0.1'))
  await world.clock.advance(1000)
  world.cache.remove(world.cache.list(EndpointSlice)[0]!)
  await world.clock.advance(1000)
  assert.is(world.cache.list(EndpointSlice).length, 1)
  await world.group.stop()
})

test.run()
