/**
 * IPAddresses follow ClusterIPs; ServiceCIDRs are ready, and stay while they are needed.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { show } from '../../../../src/actors/controllers/plan.ts'
import { ipAddresses } from '../../../../src/actors/controllers/services/ip-addresses.ts'
import { serviceCidrs } from '../../../../src/actors/controllers/services/service-cidrs.ts'
import type { Service } from '../../../../src/api/core/service.ts'
import type { KubernetesObject } from '../../../../src/api/meta.ts'
import { IPAddress } from '../../../../src/api/networking/ip-address.ts'
import type { ServiceCIDR } from '../../../../src/api/networking/service-cidr.ts'
import { memoryCache } from '../../../support/memory-cache.ts'
import { aService, seconds, T0 } from '../objects.ts'
import { createWorld } from '../world.ts'

const withAddress = (name: string, clusterIP: string) => {
  const service = aService(name)
  return { ...service, spec: { ...service.spec, clusterIP, clusterIPs: [clusterIP] } } as Service
}

test('an address has an object as long as a Service has the address', async () => {
  const world = createWorld([ipAddresses], withAddress('web', '10.96.0.10'))
  world.cache.put(withAddress('headless', 'None'))
  await world.clock.advance(100)
  const [made, ...others] = world.cache.list(IPAddress)
  assert.is(others.length, 0)
  assert.equal(
    [made!.metadata.name, made!.metadata.labels, made!.spec],
    [
      '10.96.0.10',
      {
        'ipaddress.kubernetes.io/ip-family': 'IPv4',
        'ipaddress.kubernetes.io/managed-by': 'ipallocator.k8s.io',
      },
      { parentRef: { group: '', resource: 'services', namespace: 'default', name: 'web' } },
    ],
  )
  world.cache.put(withAddress('web', '10.96.0.11'))
  await world.clock.advance(100)
  assert.equal(
    world.cache.list(IPAddress).map(({ metadata }) => metadata.name),
    ['10.96.0.11'],
  )
  world.cache.remove(withAddress('web', '10.96.0.11'))
  await world.clock.advance(100)
  assert.equal(world.cache.list(IPAddress), [])
  await world.group.stop()
})

const address = (name: string, labels: Record<string, string>, parent: string) =>
  ({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'IPAddress',
    metadata: { name, labels, uid: name, resourceVersion: '1', creationTimestamp: seconds(0) },
    spec: { parentRef: { group: '', resource: 'services', namespace: 'default', name: parent } },
  }) as unknown as IPAddress
const OWN = {
  'ipaddress.kubernetes.io/ip-family': 'IPv4',
  'ipaddress.kubernetes.io/managed-by': 'ipallocator.k8s.io',
}

test('what others made stays; what says the wrong Service is made anew', () => {
  const service = withAddress('web', '10.96.0.10')
  const look = (object: IPAddress) =>
    show(ipAddresses.reconcile(object as never, '10.96.0.10', memoryCache(service, object), 0))
  assert.is(look(address('10.96.0.10', {}, 'other')), '')
  assert.is(look(address('10.96.0.10', OWN, 'web')), '')
  assert.is(
    look(address('10.96.0.10', OWN, 'other')),
    'delete IPAddress 10.96.0.10\ncreate IPAddress 10.96.0.10',
  )
})

const range = (name: string, cidr: string, metadata: object = {}, conditions: object[] = []) =>
  ({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'ServiceCIDR',
    metadata: { name, uid: name, resourceVersion: '1', creationTimestamp: seconds(0), ...metadata },
    spec: { cidrs: [cidr] },
    status: { conditions },
  }) as unknown as ServiceCIDR
const FINALIZER = 'networking.k8s.io/service-cidr-finalizer'
const reconcile = (object: ServiceCIDR, now: number, ...others: KubernetesObject[]) =>
  serviceCidrs.reconcile(object as never, object.metadata.name, memoryCache(object, ...others), now)

test('a range is held and told to be ready', () => {
  const { commands } = reconcile(range('more', '10.100.0.0/24'), T0)
  assert.match(show({ commands }), FINALIZER)
  assert.match(
    show({ commands }),
    '"type":"Ready","status":"True","reason":"","message":"Kubernetes Service CIDR is ready"',
  )
  const ready = range('more', '10.100.0.0/24', { finalizers: [FINALIZER] }, [
    { type: 'Ready', status: 'True' },
  ])
  assert.equal(reconcile(ready, T0).commands, [])
})

test('a range that is going waits for its addresses, and for those who give them', () => {
  const going = range('more', '10.100.0.0/24', {
    finalizers: [FINALIZER],
    deletionTimestamp: seconds(0),
  })
  const used = address('10.100.0.7', OWN, 'web')
  const waiting = show(reconcile(going, T0 + 20_000, used))
  assert.match(waiting, '"status":"False","reason":"Terminating"')
  const whole = range('whole', '10.100.0.0/16')
  const free = '{"metadata":{"resourceVersion":"1","finalizers":[]}}'
  assert.match(show(reconcile(going, T0 + 20_000, used, whole)), free)
  assert.match(show(reconcile(going, T0 + 20_000, address('10.96.0.7', OWN, 'web'))), free)
  assert.is(reconcile(going, T0 + 4_000).requeueAfterMs, 6_000)
  assert.match(show(reconcile(going, T0 + 10_000)), free)
})

test.run()
