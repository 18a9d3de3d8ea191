/** Applying packet rules for real, in a network namespace of its own. */
import { execFileSync } from 'node:child_process'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createNftables, RulesetError } from '../../src/node/nftables.ts'
import { rootLog } from '../../src/std/log.ts'

const test = suite('nftables')
const netns = `kbe-${process.pid}-nft`
const port = createNftables({ table: 'kubus-test', log: rootLog, netns })
const reason = await createNftables({ table: 'kubus-test', log: rootLog }).available()
const check = reason ? test.skip : test
const list = () =>
  execFileSync('ip', ['netns', 'exec', netns, 'nft', 'list', 'ruleset'], { encoding: 'utf8' })

test.before(() => {
  if (!reason) execFileSync('ip', ['netns', 'add', netns])
})

test.after(() => {
  if (!reason) execFileSync('ip', ['netns', 'del', netns])
})

check('a text is applied, and the table removed again', async () => {
  await port.apply('add table ip kubus-test\nadd chain ip kubus-test one\n')
  assert.match(list(), 'chain one')
  await port.remove()
  assert.is(list(), '')
  await port.remove()
})

check('a text with one fault changes nothing and says what is wrong', async () => {
  try {
    await port.apply('add table ip kubus-test\nadd rule ip kubus-test absent accept\n')
    assert.unreachable()
  } catch (error) {
    assert.instance(error, RulesetError)
    assert.match((error as RulesetError).message, 'No such file or directory')
  }
  assert.is(list(), '')
})

check('packets are forwarded after preparing', async () => {
  await port.prepare()
  const setting = ['netns', 'exec', netns, 'cat', '/proc/sys/net/ipv4/ip_forward']
  assert.is(execFileSync('ip', setting, { encoding: 'utf8' }).trim(), '1')
})

check('a host that lets rules be changed is available', async () => {
  assert.is(await port.available(), undefined)
})

test('where rules cannot be changed, one sentence says why and what to do', async () => {
  const elsewhere = createNftables({ table: 'kubus-test', log: rootLog, netns: 'kbe-absent' })
  assert.match((await elsewhere.available()) ?? '', /^Services need .*: run as root/)
})

test('a table name that nft would read as something else is refused', () => {
  assert.throws(() => createNftables({ table: 'a; flush ruleset', log: rootLog }), /cannot be/)
})

test.run()
