/**
 * Costs of expressions: estimates by schema, and what runs cost, figure for figure as in Kubernetes.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { compile } from '../../../src/api/cel/cel.ts'
import { type SchemaShape, typeOfSchema } from '../../../src/api/cel/schema-type.ts'

const text: SchemaShape = { type: 'string' }
const arrayOf = (items: SchemaShape, maxItems?: number): SchemaShape => ({
  type: 'array',
  items,
  ...(maxItems === undefined ? {} : { maxItems }),
})
const mapOf = (additionalProperties: SchemaShape, maxProperties?: number): SchemaShape => ({
  type: 'object',
  additionalProperties,
  ...(maxProperties === undefined ? {} : { maxProperties }),
})
const number: SchemaShape = { type: 'number' }
const either: SchemaShape = { 'x-kubernetes-int-or-string': true }
const dated = (format: string): SchemaShape => ({ type: 'string', format })
const texts = (maxLength: number): SchemaShape => ({ type: 'string', maxLength })

const ESTIMATES: [SchemaShape, string, number][] = [
  [arrayOf(number), 'self.all(x, true)', 4718591],
  [arrayOf(number, 10), 'self.all(x, true)', 32],
  [arrayOf(text), 'self.all(x, true)', 3145727],
  [arrayOf({ type: 'boolean' }), 'self.all(x, true)', 1887437],
  [arrayOf(arrayOf(number)), 'self.all(x, true)', 3145727],
  [
    arrayOf({ type: 'object', required: ['required'], properties: { required: text } }),
    'self.all(x, true)',
    555128,
  ],
  [mapOf(number), 'self.all(x, true)', 1348169],
  [mapOf(number), 'has(self.x)', 0],
  [mapOf(text), 'self.all(x, true)', 1179647],
  [mapOf(text, 3), 'self.all(x, true)', 11],
  [mapOf(dated('date-time')), 'self.all(x, true)', 349526],
  [mapOf(dated('duration')), 'self.all(x, true)', 1048577],
  [arrayOf(dated('date')), 'self.all(x, true)', 725936],
  [text, "self.contains('test')", 314574],
  [texts(10), "self.contains('test')", 5],
  [text, "self.startsWith('test')", 2],
  [text, 'size(self + "hello") > size("hello")', 314578],
  [texts(4), 'size(self + "hello") > size("hello")', 7],
  [arrayOf(number), 'self[1] == 0.0', 2],
  [arrayOf(text), 'self[1] == self[1]', 314577],
  [arrayOf(number, 10), 'self.all(x, self.all(y, true))', 352],
  [arrayOf(number, 10), 'self.all(x, self.all(y, self.all(z, true)))', 3552],
  [text, 'self.matches("x")', 314574],
  [text, '"".matches("(((((((((())))))))))[0-9]")', 7],
  [text, 'self.matches("")', 1],
  [mapOf(text), 'self.all(x, x.contains(self[x]))', 2752507],
  [texts(0), 'self == "x"', 1],
  [text, 'self == "x"', 2],
  [arrayOf(number), 'self.all(x, x == 0.0)', 6291454],
  [arrayOf(either), 'self[0] == 5', 3],
  [arrayOf(mapOf(number)), 'self.all(x, x.y == 25.2)', 6291452],
  [arrayOf(mapOf(number)), 'self[0].x > 2.0', 4],
  [arrayOf(dated('duration')), 'self[0].getHours() == 2', 4],
  [text, "self.find('[0-9]+') == ''", 629147],
  [arrayOf(text), "self.join(' ') == 'aa bb'", 329853068905],
  [arrayOf(text), 'self.isSorted() == true', 329854432052],
  [text, "self.lowerAscii() == 'lower!'", 314575],
  [mapOf({ type: 'integer' }), 'self.size() == self.size()', 5],
  [mapOf(dated('date-time')), 'self["a"] == self["b"]', 8],
  [mapOf(dated('duration')), 'self["c"] == self["d"]', 8],
  [{ type: 'string', enum: ['A', 'LongValue'] }, "self.contains('A')", 2],
  [either, 'isQuantity(self)', 314574],
]

test('estimates are those by which Kubernetes accepts or refuses a definition', () => {
  for (const [schema, source, cost] of ESTIMATES) {
    const { max } = compile(source, { variables: { self: typeOfSchema(schema)! } }).cost
    assert.is(max, cost, `${source} on ${JSON.stringify(schema)}`)
  }
})

const schema = typeOfSchema({
  type: 'object',
  properties: {
    a: { type: 'integer' },
    text: text,
    other: text,
    numbers: arrayOf({ type: 'integer' }),
    set: { ...arrayOf(text), 'x-kubernetes-list-type': 'set' },
    byKey: mapOf({ type: 'integer' }),
    items: arrayOf({ type: 'object', properties: { k: text, v: text, v2: text } }),
    either,
    wait: dated('duration'),
  },
})!
const object = {
  a: 5,
  text: 'Rook takes 👑',
  other: 'Rook takes 👑',
  numbers: [1, 1, 2, 2, 3, 3, 4, 5],
  set: ['a', 'b', 'c'],
  byKey: { b: 1, d: 2 },
  items: [
    { k: 'a1', v: 'b1' },
    { k: 'a2', v: 'b2' },
    { k: 'a3', v: 'b3', v2: 'z' },
  ],
  either: '25%',
  wait: '1h2m3s4ms',
}

const RUNS: [string, number][] = [
  ['self.a == self.a && self.a == 5', 8],
  ['type(self.a) == int', 4],
  ['double(self.a) < 10.0', 4],
  ['double(5) < 10.0', 1],
  ["self.text.startsWith('Rook')", 4],
  ["self.text.matches('^[^0-9]*$')", 8],
  ['size(self.text) == 12', 4],
  ["self.text.indexOf('o') == 1", 4],
  ["self.text.replace(' ', 'x') == 'Rookxtakesx👑'", 7],
  ["self.text.split(' ') == ['Rook', 'takes', '👑']", 6],
  ["self.text.substring(5) == 'takes 👑'", 5],
  ["self.text.upperAscii() == 'ROOK TAKES 👑'", 6],
  ["'%e'.format([3.14]) == '3.140000×10⁰⁰'", 3],
  ["self.wait == duration('1h2m') + duration('3s4ms')", 4],
  ["self.text in ['a', 'Rook takes 👑']", 2],
  ['1 in self.numbers', 10],
  ['has(self.items[0].v)', 3],
  ['has(self.a) && has(self.text)', 2],
  ["self.set == ['c', 'b', 'a']", 3],
  ["self.set + ['c', 'd'] == ['a', 'b', 'c', 'd']", 4],
  ["sets.contains(self.set, ['a'])", 6],
  ["sets.equivalent(self.set, ['a', 'b', 'c'])", 21],
  ["'b' in self.byKey", 3],
  ['self.byKey.all(k, self.byKey[k] > 0)', 17],
  ['!self.byKey.exists(k, self.byKey[k] == 3)', 20],
  ['self.byKey.exists_one(k, self.byKey[k] == 2)', 14],
  ['size(self.byKey.filter(k, self.byKey[k] > 1)) == 1', 26],
  ['self.byKey.all(k, v, v > 0)', 13],
  ['self.byKey.existsOne(k, v, v == 2)', 10],
  ['self.byKey.transformMap(k, v, v > 1, v + 1).size() == 1', 14],
  ['self.byKey.transformMap(k, v, v + 1).size() == 2', 15],
  ["self.byKey.transformMapEntry(k, v, v > 1, {k + '2': v + 1}).size() == 1", 45],
  ["self.items.all(m, m.k.startsWith('a'))", 21],
  ["self.items.all(m, !has(m.v2) || m.v2 == 'z')", 21],
  ["self.items.exists(m, m.k.endsWith('1'))", 13],
  ["self.items.exists_one(m, m.k == 'a3')", 15],
  ["!self.items.all(m, m.k.endsWith('1'))", 18],
  ["!self.items.exists(m, m.v == 'x')", 25],
  ["self.items.map(m, m.v).exists(v, v == 'b1')", 55],
  ["self.items.exists(m, has(m.v2) && m.v2 == 'z')", 21],
  ["self.items.exists(m, m.v2 == 'z')", 24],
  ["!self.items.all(m, m.v2 != 'z')", 22],
  ["self.items.map(m, has(m.v2) && m.v2 == 'z', m.v2).size() == 1", 25],
  ['self.numbers.all(e, e > 0)', 43],
  ['self.numbers.exists(e, e > 2)', 36],
  ['self.numbers.exists_one(e, e > 4)', 22],
  ['size(self.numbers.filter(e, e%2 == 0)) == 3', 68],
  ['self.numbers.map(e, e * 20).filter(e, e > 50).exists(e, e == 60)', 194],
  ['self.numbers.transformList(i, e, e > 2, e * 2).size() > 0', 77],
  ['lists.range(4) == [0, 1, 2, 3]', 16],
  ['lists.range(0) == []', 11],
  ['[5, 1, 2, 3].reverse() == [3, 2, 1, 5]', 16],
  ['[1, 2, 3, 4].slice(1, 3) == [2, 3]', 14],
  ['[[1], [2, 3]].flatten() == [1, 2, 3]', 14],
  ['[].sortBy(e, e) == []', 14],
  ["['a'].sortBy(e, e) == ['a']", 30],
  ['[-3, 1, -5, -2, 4].sortBy(e, -(e * e)) == [-5, 4, -3, -2, 1]', 145],
  ['lists.range(3).sortBy(e, -e) == [2, 1, 0]', 89],
  ['[-2, 5, -2, 1, 1, 5, -2, 1].distinct() == [-2, 5, 1]', 140],
  ["type(self.either) == int ? self.either == 1 : self.either == '25%'", 7],
  ["self.either == 1 || self.either == '25%'", 6],
]

test('a run costs what it costs in Kubernetes', () => {
  for (const [source, cost] of RUNS) {
    const made = compile(source, { variables: { self: schema } }).evaluate({ self: object })
    assert.is(made.value, true, source)
    assert.is(made.cost, cost, source)
  }
})

test('fields that the schema does not know count when objects are compared', () => {
  const known: SchemaShape = arrayOf({ type: 'object', properties: { known: { type: 'integer' } } })
  const compare = (one: object, other: object) =>
    compile('self[0] == self[1]', { variables: { self: typeOfSchema(known)! } }).evaluate({
      self: [one, other],
    }).value
  assert.is(compare({ known: 1, unknown: 'a' }, { known: 1, unknown: 'a' }), true)
  assert.is(compare({ known: 1, unknown: 'a' }, { known: 1, unknown: 'b' }), false)
  assert.is(compare({ known: 1 }, { known: 1, unknown: 'b' }), false)
})

test('a field that is null is absent, an item or a value of a map is null', () => {
  const nullable = typeOfSchema({
    type: 'object',
    properties: { a: text, m: mapOf(text), l: arrayOf(text) },
  })!
  const run = (source: string) =>
    compile(source, { variables: { self: nullable } }).evaluate({
      self: { a: null, m: { k: null }, l: [null] },
    }).value
  assert.is(run('has(self.a)'), false)
  assert.is(run("'k' in self.m && type(self.m['k']) == null_type"), true)
  assert.is(run('type(self.l[0]) == null_type'), true)
})

test.run()
