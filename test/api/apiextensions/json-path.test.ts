/**
 * JSONPath as printer columns use it.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { parseJsonPath } from '../../../src/api/apiextensions/json-path.ts'
import type { Json } from '../../../src/api/meta.ts'

const object: Json = {
  metadata: { annotations: { 'a.b/c': 'noted' } },
  spec: { list: [{ n: 1 }, { n: 2 }, { n: 3 }], on: true },
  status: {
    conditions: [
      { type: 'Ready', status: 'True' },
      { type: 'Synced', status: 'False' },
    ],
  },
}

const CASES: [path: string, found: Json[]][] = [
  ['.spec.on', [true]],
  ['.spec.list[0].n', [1]],
  ['.spec.list[-1].n', [3]],
  ['.spec.list[1:].n', [2, 3]],
  ['.spec.list[*].n', [1, 2, 3]],
  ['.metadata.annotations.a\\.b/c', ['noted']],
  [".metadata.annotations['a.b/c']", ['noted']],
  ['.status.conditions[?(@.type=="Ready")].status', ['True']],
  [".status.conditions[?(@.type=='Synced')].status", ['False']],
  ['.status.conditions[?(@.status!="True")].type', ['Synced']],
  ['..type', ['Ready', 'Synced']],
  ['.spec.missing.deep', []],
]

for (const [path, found] of CASES)
  test(path, () => assert.equal(parseJsonPath(path)?.(object), found))

test('what is no path gives nothing', () => {
  for (const path of ['spec', '.spec[', '.spec[?(x)]', '.spec[a]'])
    assert.is(parseJsonPath(path), undefined, path)
})

test.run()
