import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { capabilityNames } from '../../../src/node/docker/abilities.ts'

test('a capability mask is read as names', () => {
  assert.equal(capabilityNames('0000000000000021'), ['CHOWN', 'KILL'])
  assert.is(capabilityNames('000001fffeffffff').includes('SYS_RESOURCE'), false)
  assert.is(capabilityNames('000001ffffffffff').includes('SYS_RESOURCE'), true)
})

test.run()
