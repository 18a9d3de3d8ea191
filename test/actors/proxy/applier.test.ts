/** The applier: which transactions changes cause, against a ruleset that only remembers. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Applier } from '../../../src/actors/proxy/applier.ts'
import type { RulesetPort } from '../../../src/node/nftables.ts'
import { endpointSlice, node, service } from '../../support/build.ts'
import { memoryCache } from '../../support/memory-cache.ts'

const setUp = async () => {
  const texts: string[] = []
  const ruleset: RulesetPort = {
    table: 'kubus',
    available: async () => undefined,
    prepare: async () => {},
    apply: async (text) => {
      texts.push(text)
    },
    remove: async () => {},
  }
  const view = memoryCache(
    service('web').port(80).object,
    endpointSlice('web', 8080, [{ ip: '10.1.0.2' }]),
    service('other', '10.96.0.11').port(80).object,
  )
  const applier = new Applier(view, ruleset, new Set(['here']))
  view.subscribe((change) => applier.observe(change))
  await applier.replace()
  return { texts, view, applier, last: () => texts.at(-1) ?? '' }
}

test('a change of endpoints writes its own service only', async () => {
  const { view, applier, texts, last } = await setUp()
  view.put(endpointSlice('web', 8080, [{ ip: '10.1.0.3' }]))
  assert.ok(applier.hasChanges)
  await applier.change()
  assert.is(texts.length, 2)
  assert.match(last(), 'dnat to 10.1.0.3:8080')
  assert.not.match(last(), 'other')
})

test('a change that makes no difference writes nothing', async () => {
  const { view, applier, texts } = await setUp()
  view.put(service('web').port(80).object)
  view.put(node('n1').object)
  await applier.change()
  assert.is(texts.length, 1)
  assert.not.ok(applier.hasChanges)
})

test('chains nothing refers to any more are deleted later', async () => {
  const { view, applier, last } = await setUp()
  view.remove(endpointSlice('web', 8080, []))
  await applier.change()
  assert.match(last(), 'goto reject-chain')
  assert.not.match(last(), 'delete chain')
  assert.ok(applier.hasStaleChains)
  await applier.prune()
  assert.match(last(), /delete chain ip kubus service-[0-9a-f]{8}-default\/web\/tcp\//)
  assert.not.ok(applier.hasStaleChains)
})

test('an endpoint that comes back before the deletion keeps its chain', async () => {
  const { view, applier } = await setUp()
  view.remove(endpointSlice('web', 8080, []))
  await applier.change()
  view.put(endpointSlice('web', 8080, [{ ip: '10.1.0.2' }]))
  await applier.change()
  assert.not.ok(applier.hasStaleChains)
})

test('the pods of a new node count as inside', async () => {
  const { view, applier, last } = await setUp()
  view.put(node('n1').podCIDR('10.1.0.0/24').object, node('n2').podCIDR('10.1.1.0/24').object)
  await applier.change()
  assert.match(last(), 'flush set ip kubus pod-cidrs')
  assert.match(last(), 'pod-cidrs { 10.1.0.0/24, 10.1.1.0/24 }')
})

test.run()
