/**
 * Endpoints that are kept by hand, as slices.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { endpointSliceMirroring } from '../../../../src/actors/controllers/endpoints/mirroring.ts'
import { show } from '../../../../src/actors/controllers/plan.ts'
import type { Endpoints } from '../../../../src/api/core/endpoints.ts'
import type { EndpointSlice } from '../../../../src/api/discovery/endpoint-slice.ts'
import type { KubernetesObject } from '../../../../src/api/meta.ts'
import { memoryCache } from '../../../support/memory-cache.ts'
import { aService, seconds } from '../objects.ts'

const service = aService('db', { spec: { ports: [{ port: 5432 }] } } as never)
delete (service as { spec?: { selector?: object } }).spec?.selector

const someEndpoints = (metadata: object = {}, subsets: object[] = SUBSETS) =>
  ({
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: {
      name: 'db',
      namespace: 'default',
      uid: 'e1',
      resourceVersion: '1',
      creationTimestamp: seconds(0),
      ...metadata,
    },
    subsets,
  }) as unknown as Endpoints
const SUBSETS = [
  {
    addresses: [{ ip: '192.0.2.1', hostname: 'one' }, { ip: '192.0.2.2' }, { ip: '2001:db8::1' }],
    notReadyAddresses: [{ ip: '192.0.2.3' }],
    ports: [{ name: 'sql', port: 5432, protocol: 'TCP' }],
  },
]
const plan = (endpoints: Endpoints | undefined, ...others: KubernetesObject[]) => {
  const view = memoryCache(...(endpoints ? [endpoints] : []), ...others)
  return endpointSliceMirroring.reconcile(endpoints as never, 'default/db', view, 0)
}
const slicesOf = (endpoints: Endpoints): EndpointSlice[] =>
  plan(endpoints, service).commands.map(({ object }, at) => {
    const slice = object as unknown as EndpointSlice
    return {
      ...slice,
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { ...slice.metadata, name: `db-${at}`, uid: `s${at}`, resourceVersion: '2' },
    } as EndpointSlice
  })

test('each family and set of ports gets a slice with the same addresses', () => {
  const endpoints = someEndpoints({
    labels: { team: 'a' },
    annotations: { note: 'n', 'endpoints.kubernetes.io/last-change-trigger-time': 't' },
  })
  const [four, six] = slicesOf(endpoints)
  assert.equal(four!.metadata.labels, {
    team: 'a',
    'kubernetes.io/service-name': 'db',
    'endpointslice.kubernetes.io/managed-by': 'endpointslicemirroring-controller.k8s.io',
  })
  assert.equal(four!.metadata.annotations, { note: 'n' })
  assert.is(four!.metadata.ownerReferences![0]!.kind, 'Endpoints')
  assert.equal(
    four!.endpoints!.map(({ addresses, conditions, hostname }) => [
      addresses[0],
      conditions?.ready,
      hostname,
    ]),
    [
      ['192.0.2.1', true, 'one'],
      ['192.0.2.2', true, undefined],
      ['192.0.2.3', false, undefined],
    ],
  )
  assert.equal(four!.ports, [{ name: 'sql', port: 5432, protocol: 'TCP' }])
  assert.is(six!.addressType, 'IPv6')
  assert.equal(plan(endpoints, service, ...slicesOf(endpoints)).commands, [])
})

test('a change updates the slice that is there; what is left over goes', () => {
  const before = slicesOf(someEndpoints())
  const after = someEndpoints({}, [{ addresses: [{ ip: '192.0.2.9' }], ports: [{ port: 80 }] }])
  assert.is(
    show(plan(after, service, ...before)),
    'update EndpointSlice db-0\ndelete EndpointSlice db-1',
  )
})

test('Endpoints of others are not mirrored, and their mirrors end', () => {
  const mirrors = slicesOf(someEndpoints())
  const gone = 'delete EndpointSlice db-0\ndelete EndpointSlice db-1'
  const skip = { labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } }
  const leader = { annotations: { 'control-plane.alpha.kubernetes.io/leader': '{}' } }
  assert.is(show(plan(someEndpoints(skip), service, ...mirrors)), gone)
  assert.is(show(plan(someEndpoints(leader), service, ...mirrors)), gone)
  assert.is(show(plan(someEndpoints(), aService('db'), ...mirrors)), gone)
  assert.is(show(plan(someEndpoints(), ...mirrors)), gone)
  assert.is(show(plan(undefined, service, ...mirrors)), gone)
})

test('more than a thousand addresses of a subset are cut, and the cut is told', () => {
  const addresses = Array.from({ length: 1100 }, (_, i) => ({ ip: `10.0.${i >> 8}.${i & 255}` }))
  const { commands, reports } = plan(someEndpoints({}, [{ addresses }]), service)
  assert.is((commands[0]!.object as unknown as EndpointSlice).endpoints!.length, 1000)
  assert.is(
    reports![0]!.message,
    'A max of 1000 addresses can be mirrored to EndpointSlices per Endpoints subset. 100 addresses were skipped',
  )
})

test.run()
