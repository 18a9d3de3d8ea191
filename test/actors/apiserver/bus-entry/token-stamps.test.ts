import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { parseTokenFile } from '../../../../src/actors/apiserver/authentication/static-tokens.ts'
import { TokenStamps } from '../../../../src/actors/apiserver/bus-entry/token-stamps.ts'

const stampsOf = (text: string, key = 'k') => {
  let tokens = parseTokenFile(text)
  const stamps = new TokenStamps(
    () => tokens,
    () => key,
  )
  const become = (next: string) => {
    tokens = parseTokenFile(next)
  }
  return { stamps, become }
}

test('a stamp is good as long as its entry is listed as it was', () => {
  const { stamps, become } = stampsOf('t1,jane,1,"a,b"\nt2,joe,2\n')
  const jane = stamps.of('t1')!
  const joe = stamps.of('t2')!
  assert.ok(stamps.isGood(jane) && stamps.isGood(joe))
  become('t2,joe,2\n')
  assert.not.ok(stamps.isGood(jane))
  assert.ok(stamps.isGood(joe))
  assert.is(stamps.of('t1'), undefined)
  become('t1,jane,1,"a,b"\nt2,joe,2,admins\n')
  assert.ok(stamps.isGood(jane))
  assert.not.ok(stamps.isGood(joe))
})

test('replicas make the same stamps; without their key nobody does, and none tells its token', () => {
  const file = 'secret,jane,1\n'
  const stamp = stampsOf(file).stamps.of('secret')!
  assert.ok(stampsOf(file).stamps.isGood(stamp))
  assert.not.ok(stampsOf(file, 'another').stamps.isGood(stamp))
  assert.not.match(stamp, 'secret')
})

test.run()
