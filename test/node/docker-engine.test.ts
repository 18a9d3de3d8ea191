import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { engineFlags, engineVersion } from '../../src/node/docker-engine.ts'

test('an engine of ours makes no network', () => {
  assert.equal(engineFlags('/run/d.sock', undefined), [
    '--host=unix:///run/d.sock',
    '--bridge=none',
    '--iptables=false',
  ])
})

test('what the settings of the machine name is not given again', () => {
  assert.equal(engineFlags('/run/d.sock', '{ "hosts": ["fd://"], "iptables": true }'), [
    '--bridge=none',
  ])
})

test('where no engine listens there is no version', async () => {
  assert.is(await engineVersion('/nonexistent/docker.sock'), undefined)
})

test.run()
