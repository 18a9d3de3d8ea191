/**
 * How charged writes share batches, and what becomes of those that lose a race.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { QuotaLedger } from '../../../../src/actors/apiserver/quota/quota-ledger.ts'
import { ConfigMap } from '../../../../src/api/core/config-map.ts'
import { ResourceQuota } from '../../../../src/api/core/resource-quota.ts'
import type { KubernetesObject } from '../../../../src/api/meta.ts'
import { evaluatorOf } from '../../../../src/api/quota/evaluators.ts'
import { StatusError } from '../../../../src/api/status-error.ts'
import type { Fence, Write } from '../../../../src/client/storage.ts'
import { systemClock } from '../../../../src/std/clock.ts'
import { memoryCache } from '../../../support/memory-cache.ts'
import { memoryStorage } from '../../../support/memory-storage.ts'

const quotaOf = (name: string, most: number, used: number) =>
  ({
    apiVersion: 'v1',
    kind: 'ResourceQuota',
    metadata: { name, namespace: 'n', uid: name },
    spec: { hard: { configmaps: String(most) } },
    status: { hard: { configmaps: String(most) }, used: { configmaps: String(used) } },
  }) as unknown as ResourceQuota
const configMap = (name: string) =>
  ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace: 'n', uid: name },
  }) as unknown as KubernetesObject

const ledgerWith = (...objects: KubernetesObject[]) => {
  const cache = memoryCache(...objects)
  const storage = memoryStorage(cache)
  const batches: string[] = []
  const { write } = storage
  storage.write = (one) => {
    batches.push([...(one.before ?? []), one].map(({ name }) => name).join(' '))
    return write(one)
  }
  const ledger = new QuotaLedger(storage, systemClock)
  const create = (name: string, fence?: Fence, text = ''): Promise<number> => {
    const object = { ...configMap(name), data: { text } }
    const write: Write = {
      kind: ConfigMap,
      namespace: 'n',
      name,
      expected: 0,
      object,
      ...(fence ? { fence } : {}),
    }
    const request = {
      kind: ConfigMap,
      operation: 'CREATE',
      subresource: undefined,
      object,
      old: undefined,
    } as const
    return ledger.commit('n', { request, evaluator: evaluatorOf(ConfigMap)! }, write)
  }
  const usedOf = (name: string) => cache.get(ResourceQuota, 'n', name)?.status?.used?.['configmaps']
  return { cache, storage, batches, create, usedOf }
}

const outcomes = async (running: readonly Promise<number>[]): Promise<string[]> =>
  (await Promise.allSettled(running)).map((result) =>
    result.status === 'fulfilled'
      ? 'stored'
      : result.reason instanceof StatusError
        ? result.reason.reason
        : (result.reason as Error).constructor.name,
  )

test('writes of one turn share a batch, and get their own revisions', async () => {
  const { cache, batches, create, usedOf } = ledgerWith(quotaOf('q', 5, 1))
  const revisions = await Promise.all(['a', 'b', 'c'].map((name) => create(name)))
  assert.equal(batches, ['a b c q'])
  assert.equal(
    revisions.map(String),
    ['a', 'b', 'c'].map((name) => cache.get(ConfigMap, 'n', name)!.metadata.resourceVersion),
  )
  assert.is(usedOf('q'), '4')
})

test('those that fit are stored, the others refused', async () => {
  const { batches, create, usedOf } = ledgerWith(quotaOf('q', 2, 1), quotaOf('r', 9, 3))
  const ended = await outcomes(['a', 'b'].map((name) => create(name)))
  assert.equal(ended, ['stored', 'Forbidden'])
  assert.equal(batches, ['a q r'])
  assert.equal([usedOf('q'), usedOf('r')], ['2', '4'])
})

test('what was charged by others meanwhile is judged anew', async () => {
  const { cache, storage, batches, create, usedOf } = ledgerWith(quotaOf('q', 3, 0))
  storage.before = () => cache.put(quotaOf('q', 3, 2))
  assert.equal(await outcomes(['a', 'b'].map((name) => create(name))), ['stored', 'Forbidden'])
  assert.equal(batches, ['a b q', 'a q'])
  assert.is(usedOf('q'), '3')
})

test('one whose name is taken loses alone, and is not charged', async () => {
  const { storage, cache, create, usedOf } = ledgerWith(quotaOf('q', 5, 0))
  storage.before = () => cache.put(configMap('b'))
  const ended = await outcomes(['a', 'b', 'c'].map((name) => create(name)))
  assert.equal(ended, ['stored', 'RevisionConflict', 'stored'])
  assert.is(usedOf('q'), '2')
})

test('one name twice, and different leaders, never share a batch', async () => {
  const { storage, batches, create } = ledgerWith(quotaOf('q', 9, 0))
  const fence = { component: 'leader', revision: await storage.takeFence('leader', 0, 'me') }
  const running = [create('a'), create('a'), create('b', fence), create('c')]
  assert.equal(await outcomes(running), ['stored', 'RevisionConflict', 'stored', 'stored'])
  assert.equal(batches, ['a c q', 'a q', 'b q'])
})

test('large objects do not all share a batch', async () => {
  const { batches, create } = ledgerWith(quotaOf('q', 9, 0))
  const text = 'x'.repeat(900_000)
  await Promise.all(['a', 'b', 'c', 'd'].map((name) => create(name, undefined, text)))
  assert.equal(batches, ['a b q', 'c d q'])
})

test('a leader that was deposed writes nothing and is told so', async () => {
  const { create, usedOf } = ledgerWith(quotaOf('q', 9, 0))
  const ended = await outcomes([create('a', { component: 'leader', revision: 7 }), create('b')])
  assert.equal(ended, ['FenceLost', 'stored'])
  assert.is(usedOf('q'), '1')
})

test('where the quota has gone meanwhile, writes go on without it', async () => {
  const { cache, storage, batches, create } = ledgerWith(quotaOf('q', 1, 1))
  cache.remove(cache.get(ResourceQuota, 'n', 'q')!)
  assert.equal(await outcomes([create('a'), create('b')]), ['stored', 'stored'])
  assert.equal(batches, ['a', 'b'])
  assert.is(storage.writes, 2)
})

test.run()
