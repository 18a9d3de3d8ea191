/**
 * Addresses and networks: their one form, and which lies in which.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  addressErrors,
  canonicalAddress,
  canonicalAddressErrors,
  hasHostBits,
  isSloppyCidr,
  isStrictSubnet,
  networkOf,
} from '../../src/api/ip-network.ts'

test('an address has one form', () => {
  assert.is(canonicalAddress('10.0.0.1'), '10.0.0.1')
  assert.is(canonicalAddress('2001:DB8:0:0:0:0:0:1'), '2001:db8::1')
  assert.equal(canonicalAddressErrors('2001:db8::1'), [])
  assert.equal(canonicalAddressErrors('2001:db8:0::1'), [
    'must be in canonical form ("2001:db8::1")',
  ])
})

test('what is no address is told apart', () => {
  assert.equal(addressErrors('10.0.0.1'), [])
  assert.equal(addressErrors('010.0.0.1'), ['must not have leading 0s'])
  assert.equal(addressErrors('::ffff:10.0.0.1'), ['must not be an IPv4-mapped IPv6 address'])
  assert.equal(addressErrors('web').length, 1)
  assert.equal(addressErrors('fe80::1%eth0').length, 1)
})

test('a smaller network lies in a larger one of its family', () => {
  const isIn = (inner: string, outer: string) => isStrictSubnet(networkOf(inner), networkOf(outer))
  assert.ok(isIn('10.1.0.0/16', '10.0.0.0/8'))
  assert.not.ok(isIn('10.0.0.0/8', '10.0.0.0/8'))
  assert.not.ok(isIn('11.0.0.0/16', '10.0.0.0/8'))
  assert.ok(isIn('2001:db8:1::/48', '2001:db8::/32'))
  assert.not.ok(isIn('2001:db8::/64', '10.0.0.0/8'))
})

test('bits beyond the prefix are seen in both families', () => {
  assert.ok(hasHostBits('10.0.0.1/8'))
  assert.not.ok(hasHostBits('10.0.0.0/8'))
  assert.ok(hasHostBits('2001:db8::1/64'))
  assert.not.ok(hasHostBits('2001:db8::/64'))
  assert.ok(isSloppyCidr('10.0.0.0/8'))
  assert.not.ok(isSloppyCidr('10.0.0.0/33'))
  assert.not.ok(isSloppyCidr('10.0.0.0'))
})

test.run()
