import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createPodAddresses, parseRange } from '../../src/node/pod-addresses.ts'

test('the bridge has the first address, pods the rest up to the broadcast address', () => {
  assert.equal(parseRange('10.1.2.0/24'), {
    gateway: '10.1.2.1',
    prefixLength: 24,
    first: 0x0a_01_02_02,
    size: 253,
  })
  const addresses = createPodAddresses('10.1.2.0/29')
  const all = Array.from({ length: 5 }, () => addresses.take())
  assert.equal(all, ['10.1.2.2', '10.1.2.3', '10.1.2.4', '10.1.2.5', '10.1.2.6'])
  assert.throws(() => addresses.take(), /no IP addresses available in range set: 10.1.2.0\/29/)
})

test('a freed address is the last to be given again', () => {
  const addresses = createPodAddresses('10.1.2.0/29')
  addresses.free(addresses.take())
  assert.equal(
    Array.from({ length: 5 }, () => addresses.take()),
    ['10.1.2.3', '10.1.2.4', '10.1.2.5', '10.1.2.6', '10.1.2.2'],
  )
})

test('an adopted address is taken; one of another range is not adopted', () => {
  const addresses = createPodAddresses('10.1.2.0/29')
  assert.is(addresses.adopt('10.1.2.2'), true)
  assert.is(addresses.adopt('10.9.9.9'), false)
  assert.is(addresses.take(), '10.1.2.3')
})

test('what is no range is refused', () => {
  for (const cidr of ['10.1.2.0', 'x/24', '10.1.2.0/31', 'fd00::/64'])
    assert.throws(() => parseRange(cidr), /is not an IPv4 CIDR/)
})

test.run()
