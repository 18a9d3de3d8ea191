import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  canonicalQuantity,
  isQuantity,
  milliValue,
  quantityOfMilli,
  value,
} from '../../src/api/quantity.ts'

test('quantities are printed in canonical form', () => {
  const cases: [string, string][] = [
    ['0', '0'],
    ['0m', '0'],
    ['0.5', '500m'],
    ['1.5', '1500m'],
    ['1000m', '1'],
    ['1500m', '1500m'],
    ['100m', '100m'],
    ['1024Mi', '1Gi'],
    ['1025Mi', '1025Mi'],
    ['1.5Gi', '1536Mi'],
    ['0.1Mi', '104858'],
    ['512', '512'],
    ['1000', '1k'],
    ['1000Ki', '1000Ki'],
    ['1000000k', '1G'],
    ['1e3', '1e3'],
    ['12E6', '12e6'],
    ['1500e-3', '1500e-3'],
    ['1E', '1E'],
    ['100Ei', '9223372036854775807'],
    ['1n', '1n'],
    ['0.1n', '1n'],
    ['-1.5', '-1500m'],
    ['+3', '3'],
    ['128974848', '128974848'],
    ['129M', '129M'],
    ['.5', '500m'],
    ['5.', '5'],
    ['0.5Ki', '512'],
  ]
  for (const [text, expected] of cases) assert.is(canonicalQuantity(text), expected, text)
})

test('canonical form is stable', () => {
  for (const text of ['0.5', '1024Mi', '1e3', '100m', '1.5Gi', '-2', '999999999n'])
    assert.is(canonicalQuantity(canonicalQuantity(text)), canonicalQuantity(text))
})

test('what is no quantity is refused', () => {
  for (const text of ['', ' ', '.', 'm', '1x', '1 Gi', '1.1.1', '1+1', '1i', '0.1mi', '1e', '--1'])
    assert.not(isQuantity(text), text)
})

test('values round away from zero', () => {
  assert.is(milliValue('250m'), 250)
  assert.is(milliValue('0.0001'), 1)
  assert.is(milliValue('2'), 2000)
  assert.is(milliValue(undefined), 0)
  assert.is(value('1Gi'), 1073741824)
  assert.is(value('100m'), 1)
  assert.is(value('-100m'), -1)
})

test('thousandths are written in the shortest form', () => {
  assert.is(quantityOfMilli(1250), '1250m')
  assert.is(quantityOfMilli(2000), '2')
})

test.run()
