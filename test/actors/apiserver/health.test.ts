/**
 * What the health pages say, of the whole and of each check.
 */
import { pino } from 'pino'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Health, type StartStep } from '../../../src/actors/apiserver/health.ts'
import { virtualClock } from '../../support/virtual-clock.ts'

const STEPS: readonly StartStep[] = [
  'cache',
  'bootstrap',
  'customResources',
  'apiServices',
  'authentication',
  'aggregation',
  'flowControl',
]

const healthOf = (askStore: () => Promise<unknown> = async () => undefined, steps = STEPS) => {
  const clock = virtualClock()
  const health = new Health({ clock, log: pino({ level: 'silent' }), askStore })
  for (const step of steps) health.finish(step)
  const page = async (url: string) => {
    const [path = '', query] = url.split('?')
    const found = await health.page(path, new URLSearchParams(query))
    return found && { code: found.code, text: String(found.body), headers: found.headers }
  }
  return { health, page, clock }
}

test('who is well says ok, and every check to whoever asks', async () => {
  const { page } = healthOf()
  for (const root of ['healthz', 'livez', 'readyz'])
    assert.equal(await page(`/${root}`), {
      code: 200,
      text: 'ok',
      headers: { 'X-Content-Type-Options': 'nosniff' },
    })
  const lines = (await page('/readyz?verbose'))!.text.split('\n')
  assert.equal(lines.slice(0, 5), [
    '[+]ping ok',
    '[+]log ok',
    '[+]etcd ok',
    '[+]etcd-readiness ok',
    '[+]informer-sync ok',
  ])
  assert.ok(lines.includes('[+]poststarthook/rbac/bootstrap-roles ok'))
  assert.equal(lines.slice(-3), ['[+]shutdown ok', 'readyz check passed', ''])
  const live = (await page('/livez?verbose'))!.text
  assert.not.match(live, /etcd-readiness|]informer-sync|shutdown/)
  assert.match(live, /livez check passed\n$/)
})

test('a check has a path of its own, which tells what is wrong', async () => {
  const { page } = healthOf(() => Promise.reject(new Error('no leader')), [])
  assert.is((await page('/livez/ping'))!.text, 'ok')
  const store = (await page('/readyz/etcd'))!
  assert.is(store.code, 500)
  assert.is(store.text, 'internal server error: no leader\n')
  const hook = (await page('/healthz/poststarthook/crd-informer-synced'))!
  assert.is(hook.text, 'internal server error: not finished\n')
  assert.is(await page('/readyz/nonsense'), undefined)
  assert.is(await page('/readyz/'), undefined)
  assert.is(await page('/version'), undefined)
})

test('the whole withholds what is wrong', async () => {
  const { page } = healthOf(() => Promise.reject(new Error('no leader')))
  const { code, text } = (await page('/livez'))!
  assert.is(code, 500)
  assert.match(text, /^\[\+\]ping ok\n\[\+\]log ok\n\[-\]etcd failed: reason withheld\n/)
  assert.match(text, /livez check failed\n$/)
  assert.not.match(text, /no leader/)
})

test('checks are left out by their name or their group', async () => {
  const { page } = healthOf(() => Promise.reject(new Error('no leader')))
  const url = '/readyz?verbose&exclude=etcd&exclude=etcd-readiness&exclude=b&exclude=a'
  const { code, text } = (await page(url))!
  assert.is(code, 200)
  assert.match(text, '[+]etcd excluded: ok\n[+]etcd-readiness excluded: ok\n')
  assert.match(
    text,
    'warn: some health checks cannot be excluded: no matches for "a","b"\nreadyz check passed\n',
  )
})

test('a store that says nothing for two seconds is no store', async () => {
  const { page, clock } = healthOf(() => new Promise(() => undefined))
  const answer = page('/readyz/etcd')
  await clock.advance(2_000)
  assert.is((await answer)!.text, 'internal server error: the store does not answer in time\n')
})

test('who is stopping is alive and not ready', async () => {
  const { page, health } = healthOf()
  health.stop()
  assert.is((await page('/livez'))!.code, 200)
  assert.is((await page('/readyz'))!.code, 500)
  assert.is(
    (await page('/readyz/shutdown'))!.text,
    'internal server error: process is shutting down\n',
  )
})

test.run()
