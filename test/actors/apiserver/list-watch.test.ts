/**
 * Lists and watches together, with writes by chance: pages add up to the whole, and a list plus the watch from
 * its revision is the list of later.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ConfigMap } from '../../../src/api/core/config-map.ts'
import type { KubernetesObject } from '../../../src/api/meta.ts'
import { startTestApiserver } from '../../support/api-server.ts'
import { type Chance, chanceOf } from '../../support/chance.ts'
import { fuzzClient } from '../../support/fuzz.ts'
import { memoryStorage } from '../../support/memory-storage.ts'

const storage = memoryStorage()
const api = await startTestApiserver(storage)
const { call, close } = fuzzClient(api)
const SEEDS = Array.from({ length: 12 }, (_, at) => at + 1)

interface Item {
  metadata: { name: string; namespace: string; resourceVersion: string }
}
interface List {
  metadata: { resourceVersion: string; continue?: string; remainingItemCount?: number }
  items: Item[]
}

const list = async (path: string): Promise<List> => {
  const { code, body } = await call('GET', path, {})
  assert.is(code, 200, body.toString())
  return JSON.parse(body.toString())
}

/** Creates, changes or deletes one of some objects in two namespaces of the seed's own. */
const write = (chance: Chance, seed: number): void => {
  const name = `o${chance.below(40)}`
  const namespace = `seed-${seed}-${chance.pick(['a', 'b'])}`
  const object = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: {
      name,
      namespace,
      uid: `${namespace}/${name}`,
      creationTimestamp: '2026-01-01T00:00:00Z',
      labels: { seed: String(seed), on: chance.pick(['yes', 'no']) },
    },
    data: { value: String(chance.below(1e6)) },
  } as unknown as KubernetesObject
  const known = storage.cache.stored(ConfigMap, namespace, name)
  if (known && chance.once(3)) storage.cache.remove(known)
  else storage.cache.put(object)
}

const shown = (items: readonly Item[]): string[] => items.map((item) => JSON.stringify(item))

for (const seed of SEEDS)
  test(`pages add up to the whole, whatever is written between them (${seed})`, async () => {
    const chance = chanceOf(seed)
    for (let at = 0; at < 150; at++) write(chance, seed)
    const path = `/api/v1/configmaps?labelSelector=seed%3D${seed}`
    const whole = await list(path)
    const limit = 1 + chance.below(20)
    const found: Item[] = []
    let next = ''
    do {
      const page = await list(`${path}&limit=${limit}${next && `&continue=${next}`}`)
      if (found.length === 0)
        assert.is(page.metadata.resourceVersion, whole.metadata.resourceVersion)
      found.push(...page.items)
      next = encodeURIComponent(page.metadata.continue ?? '')
      for (let at = chance.below(8); at > 0; at--) write(chance, seed)
    } while (next)
    assert.equal(shown(found), shown(whole.items))
  })

/** Items of a list leave out what the list says of all. */
const asItem = ({ apiVersion: _version, kind: _kind, ...item }: KubernetesObject) => item

const applied = (start: readonly Item[], text: string): Map<string, string> => {
  const keyOf = ({ metadata }: Item) => `${metadata.namespace}/${metadata.name}`
  const items = new Map(start.map((item) => [keyOf(item), JSON.stringify(item)]))
  for (const line of text.split('\n').filter(Boolean)) {
    const { type, object } = JSON.parse(line)
    const has = items.has(keyOf(object))
    if (type === 'ADDED') assert.not.ok(has, `added twice: ${line}`)
    if (type === 'MODIFIED' || type === 'DELETED') assert.ok(has, `was not there: ${line}`)
    if (type === 'DELETED') items.delete(keyOf(object))
    else items.set(keyOf(object), JSON.stringify(asItem(object)))
  }
  return items
}

test('a list and the watch from it make the list of later', async () => {
  await Promise.all(
    SEEDS.slice(0, 6).map(async (seed) => {
      const chance = chanceOf(1000 + seed)
      const own = 1000 + seed
      for (let at = 0; at < 60; at++) write(chance, own)
      const selector = chance.pick(['', '%2Con%3Dyes', '%2Con%21%3Dno'])
      const path = `/api/v1/configmaps?labelSelector=seed%3D${own}${selector}`
      const before = await list(path)
      /** Some of what follows is history when the watch begins, the rest is live. */
      for (let at = 0; at < 80; at++) write(chance, own)
      const { resourceVersion } = before.metadata
      const watched = call(
        'GET',
        `${path}&watch=1&resourceVersion=${resourceVersion}&timeoutSeconds=2`,
        {},
      )
      for (let at = 0; at < 80; at++) {
        write(chance, own)
        if (chance.once(3)) await new Promise<void>((resolve) => setImmediate(resolve))
      }
      const { body } = await watched
      const later = await list(path)
      const items = applied(before.items, body.toString())
      assert.equal([...items.values()].sort(), shown(later.items).sort())
    }),
  )
})

test.after(async () => {
  close()
  await api.stop()
})
test.run()
