/**
 * Lists of completion indexes: read, counted, and compared.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  countIndexes,
  parseIndexes,
  sharedIndex,
} from '../../../src/api/batch/completion-indexes.ts'

test('intervals are read and counted', () => {
  assert.equal(parseIndexes('', 5), [])
  const intervals = parseIndexes('0,2-4,7', 8)
  assert.equal(intervals, [
    [0, 0],
    [2, 4],
    [7, 7],
  ])
  assert.is(countIndexes(intervals), 5)
})

const faults: readonly (readonly [string, string])[] = [
  ['3', 'too large index: "3"'],
  ['0-3', 'too large index: "3"'],
  ['a', 'cannot convert string to integer for index: "a"'],
  ['0,', 'cannot convert string to integer for index: ""'],
  ['1,0', 'non-increasing order, previous: 1, current: 0'],
  ['1-1', 'non-increasing order, previous: 1, current: 1'],
]
for (const [text, message] of faults)
  test(`refused: ${text}`, () => {
    assert.throws(
      () => parseIndexes(text, 3),
      (error: Error) => error.message === message,
    )
  })

test('the first index of both lists is found, whatever cannot be read', () => {
  assert.is(sharedIndex('0-2,5', '3-4', 10), undefined)
  assert.is(sharedIndex('0-2,5-8', '3,4,6-9', 10), 6)
  assert.is(sharedIndex('0,x,4-6', '1-5', 10), 4)
  assert.is(sharedIndex('', '1', 10), undefined)
  assert.is(sharedIndex('1,3,5', '0,2,4,5', 10), 5)
})

test.run()
