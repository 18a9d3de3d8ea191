import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { cgroupPath } from '../../../src/node/docker/stats.ts'

test('a container’s control group is found by the engine’s driver', () => {
  assert.is(cgroupPath('abc', { version: 1, driver: 'cgroupfs' }), 'docker/abc')
  assert.is(cgroupPath('abc', { version: 2, driver: 'systemd' }), 'system.slice/docker-abc.scope')
})

test.run()
