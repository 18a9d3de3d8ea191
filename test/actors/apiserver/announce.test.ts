/**
 * The endpoints of the Service `default/kubernetes` follow the apiservers that live.
 */
import { pino } from 'pino'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { AdmissionChain } from '../../../src/actors/apiserver/admission/chain.ts'
import { DynamicAdmission } from '../../../src/actors/apiserver/admission/dynamic-admission.ts'
import { announce, planEndpoints } from '../../../src/actors/apiserver/announce.ts'
import { createAuthenticateToken } from '../../../src/actors/apiserver/authentication/bearer-token.ts'
import { createAuthorizer } from '../../../src/actors/apiserver/authorization/authorizer.ts'
import { bootstrap } from '../../../src/actors/apiserver/bootstrap.ts'
import { ServiceAccountTokens } from '../../../src/actors/apiserver/service-account-tokens.ts'
import { ServiceAddresses } from '../../../src/actors/apiserver/service-addresses.ts'
import type { Services } from '../../../src/actors/apiserver/services.ts'
import { SortedObjects } from '../../../src/actors/apiserver/sorted-objects.ts'
import { WebhookClient } from '../../../src/actors/apiserver/webhook-call.ts'
import { Endpoints } from '../../../src/api/core/endpoints.ts'
import { EndpointSlice } from '../../../src/api/discovery/endpoint-slice.ts'
import type { Bus } from '../../../src/bus/bus.ts'
import type { Clock } from '../../../src/std/clock.ts'
import { testPki } from '../../support/api-server.ts'
import { memoryStorage } from '../../support/memory-storage.ts'
import { virtualClock } from '../../support/virtual-clock.ts'

const LOG = pino({ level: 'silent' })

const begin = async () => {
  const storage = memoryStorage()
  const clock = virtualClock()
  const { serviceAccountKey } = await testPki()
  const servicesAt = (own: Clock): Services => ({
    storage,
    clock: own,
    authorizer: createAuthorizer(storage.cache),
    admission: new AdmissionChain([]),
    dynamicAdmission: new DynamicAdmission(storage.cache),
    webhooks: new WebhookClient({ cache: storage.cache, bus: {} as Bus, clock: own }),
    sorted: new SortedObjects(storage.cache),
    serviceAccounts: new ServiceAccountTokens({ serviceAccountKey }, storage, own),
    authenticateToken: createAuthenticateToken(() => [], []),
    addresses: new ServiceAddresses(storage, {
      serviceCidr: '10.96.0.0/16',
      nodePortRange: { from: 30_000, to: 32_767 },
      identity: 'me',
    }),
  })
  await bootstrap(servicesAt(clock), 6443)
  const start = (identity: string, address: string, own: Clock = clock) =>
    announce(servicesAt(own), { identity, address, port: 6443 }, LOG)
  const shown = () =>
    storage.cache
      .get(Endpoints, 'default', 'kubernetes')
      ?.subsets?.flatMap(({ addresses }) => addresses?.map(({ ip }) => ip))
      .join() ?? ''
  return { storage, clock, start, shown }
}

test('who announces itself is an endpoint, in both kinds', async () => {
  const { storage, clock, start, shown } = await begin()
  start('a', '192.0.2.1')
  start('b', '192.0.2.2')
  await clock.advance(4_000)
  assert.is(shown(), '192.0.2.1,192.0.2.2')
  const slice = storage.cache.get(EndpointSlice, 'default', 'kubernetes')
  assert.equal(
    slice?.endpoints?.map(({ addresses }) => addresses[0]),
    ['192.0.2.1', '192.0.2.2'],
  )
  assert.equal(slice?.ports, [{ name: 'https', port: 6443, protocol: 'TCP' }])
})

test('who withdraws is gone at once', async () => {
  const { clock, start, shown } = await begin()
  start('a', '192.0.2.1')
  const withdraw = start('b', '192.0.2.2')
  await clock.advance(4_000)
  await withdraw()
  assert.is(shown(), '192.0.2.1')
})

test('who dies without a word is gone when its lease has run out', async () => {
  const { clock, start, shown } = await begin()
  start('a', '192.0.2.1')
  const frozen = virtualClock()
  start('b', '192.0.2.2', frozen)
  await frozen.advance(0)
  await clock.advance(6_000)
  assert.is(shown(), '192.0.2.1,192.0.2.2')
  await clock.advance(10_000)
  assert.is(shown(), '192.0.2.1')
})

test("a loopback address is nobody else's endpoint", async () => {
  const { clock, start, shown } = await begin()
  start('a', '127.0.0.1')
  await clock.advance(4_000)
  assert.is(shown(), '')
})

test('nothing is written while nothing changes but the leases', async () => {
  const { storage, clock, start } = await begin()
  start('a', '192.0.2.1')
  await clock.advance(4_000)
  const { writes } = storage
  await clock.advance(30_000)
  assert.is(storage.writes - writes, 10)
})

test('apiservers on several ports get a subset and a slice for each', () => {
  const { endpoints, slices } = planEndpoints([
    { ip: '192.0.2.1', port: 6443 },
    { ip: '192.0.2.1', port: 6444 },
  ])
  assert.is((endpoints as { subsets: unknown[] }).subsets.length, 2)
  assert.equal(
    slices.map(({ metadata }) => metadata.name),
    ['kubernetes', 'kubernetes-6444'],
  )
})

test.run()
