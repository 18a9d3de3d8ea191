import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { defineKind } from '../../src/api/kind.ts'
import type { KubernetesObject } from '../../src/api/meta.ts'
import { age, humanDuration, toPartialObjectMetadata, toTable } from '../../src/api/table.ts'

test('ages are printed as Kubernetes prints them', () => {
  const second = 1000
  const minute = 60 * second
  const hour = 60 * minute
  const day = 24 * hour
  const cases: [number, string][] = [
    [-2 * second, '<invalid>'],
    [-1 * second, '0s'],
    [0, '0s'],
    [119 * second, '119s'],
    [2 * minute, '2m'],
    [9 * minute + 59 * second, '9m59s'],
    [10 * minute + 1, '10m'],
    [179 * minute, '179m'],
    [3 * hour + 5 * minute, '3h5m'],
    [8 * hour + 5 * minute, '8h'],
    [47 * hour, '47h'],
    [2 * day, '2d'],
    [7 * day + 23 * hour, '7d23h'],
    [8 * day + 5 * hour, '8d'],
    [729 * day, '729d'],
    [750 * day, '2y20d'],
    [8 * 365 * day, '8y'],
  ]
  for (const [duration, expected] of cases) assert.is(humanDuration(duration), expected)
  assert.is(age('2026-01-01T00:00:00Z', Date.parse('2026-01-01T00:00:05Z')), '5s')
  assert.is(age(undefined, 0), '<unknown>')
})

const Thing = defineKind<KubernetesObject>({
  group: '',
  version: 'v1',
  kind: 'Thing',
  plural: 'things',
  singular: 'thing',
  namespaced: true,
  model: 'V1Pod',
  columns: [
    {
      name: 'Name',
      type: 'string',
      format: 'name',
      description: 'The name',
      priority: 0,
      value: (object) => object.metadata.name,
    },
    {
      name: 'Age',
      type: 'date',
      description: 'The age',
      priority: 0,
      value: (object, now) => age(object.metadata.creationTimestamp, now),
    },
  ],
})
const thing: KubernetesObject = {
  apiVersion: 'v1',
  kind: 'Thing',
  metadata: {
    name: 'a',
    uid: 'u',
    resourceVersion: '7',
    creationTimestamp: '2026-01-01T00:00:00Z',
  },
}

test('a table has a row per object and the metadata it was asked for', () => {
  const now = Date.parse('2026-01-01T00:01:00Z')
  const table = toTable(Thing, [thing], { now, resourceVersion: '9' })
  assert.equal(table.metadata, { resourceVersion: '9' })
  assert.equal(
    table.columnDefinitions?.map(({ name, type, format }) => [name, type, format]),
    [
      ['Name', 'string', 'name'],
      ['Age', 'date', ''],
    ],
  )
  assert.equal(table.rows, [{ cells: ['a', '60s'], object: toPartialObjectMetadata(thing) }])
  const none = toTable(Thing, [thing], { now, includeObject: 'None', withoutColumns: true })
  assert.equal(none.rows, [{ cells: ['a', '60s'] }])
  assert.is(none.columnDefinitions, null)
  assert.is(toTable(Thing, [thing], { now, includeObject: 'Object' }).rows[0]?.object, thing)
})

test.run()
