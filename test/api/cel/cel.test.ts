/**
 * Expressions of CEL: what they give, how their faults read, and what they cost.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { CompileError, compile, ResultTypeError } from '../../../src/api/cel/cel.ts'
import { BudgetError, CelError } from '../../../src/api/cel/cel-error.ts'
import { BOOL, DYN, INT, listOf, optionalOf, STRING } from '../../../src/api/cel/cel-type.ts'
import { typeOfSchema } from '../../../src/api/cel/schema-type.ts'
import { Optional, toJson } from '../../../src/api/cel/value.ts'

const schema = typeOfSchema(
  {
    type: 'object',
    required: ['name'],
    properties: {
      name: { type: 'string', maxLength: 63 },
      replicas: { type: 'integer' },
      ratio: { type: 'number' },
      port: { 'x-kubernetes-int-or-string': true },
      'with-dash': { type: 'boolean' },
      namespace: { type: 'string' },
      tags: { type: 'array', maxItems: 10, items: { type: 'string', maxLength: 20 } },
      wide: { type: 'array', items: { type: 'string' } },
      ports: {
        type: 'array',
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['name'],
        items: {
          type: 'object',
          properties: { name: { type: 'string' }, port: { type: 'integer' } },
        },
      },
      labels: { type: 'object', additionalProperties: { type: 'string' } },
      since: { type: 'string', format: 'date-time' },
      wait: { type: 'string', format: 'duration' },
      secret: { type: 'string', format: 'byte' },
    },
  },
  true,
)!

const object = {
  apiVersion: 'example.org/v1',
  kind: 'Thing',
  metadata: { name: 'one' },
  name: 'web-1',
  replicas: 3,
  ratio: 2,
  port: '80%',
  'with-dash': true,
  namespace: 'default',
  tags: ['a', 'b', 'c'],
  ports: [
    { name: 'http', port: 80 },
    { name: 'https', port: 443 },
  ],
  labels: { app: 'web', 'x/y': 'z' },
  since: '2024-02-29T12:00:00Z',
  wait: '1h30m',
  secret: 'aGk=',
}

const evaluate = (source: string, bindings: Record<string, unknown> = {}) =>
  toJson(
    compile(source, {
      variables: { self: schema, oldSelf: schema, any: DYN, maybe: optionalOf(schema) },
    }).evaluate({ self: object, any: object, ...bindings }).value,
  )

const fault = (source: string): string => {
  try {
    evaluate(source)
    return 'no fault'
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

const TRUE = `
self.replicas == 3 && self.replicas > 2 && self.replicas < 3.5
self.ratio == 2.0 && type(self.ratio) == double
has(self.name) && !has(self.wide)
self.metadata.name == 'one' && self.kind == "Thing"
self.with__dash__dash && self.__namespace__ == 'default'
type(self.port) == string && self.port.matches(r'^\\d+%$')
self.tags.all(t, t.size() == 1) && self.tags.exists(t, t == 'b')
self.tags.exists_one(t, t == 'a') && !self.tags.exists_one(t, t > 'a')
self.tags.map(t, t + '!') == ['a!', 'b!', 'c!']
self.tags.filter(t, t != 'b').join('-') == 'a-c'
self.tags.map(t, t != 'a', t.upperAscii()) == ['B', 'C']
'a' in self.tags && 'app' in self.labels && !('nope' in self.labels)
self.labels['x/y'] == 'z' && self.labels.app == 'web'
self.labels.all(k, k.size() > 1) && self.labels.exists(k, v, v == 'z')
self.ports == [self.ports[1], self.ports[0]]
self.tags.all(i, t, self.tags[i] == t)
self.tags.transformList(i, t, i > 0, t + string(i)) == ['b1', 'c2']
{'a': 1, 'b': 2}.transformMap(k, v, v * 2) == {'a': 2, 'b': 4}
{'a': 1}.transformMapEntry(k, v, {v: k}) == {1: 'a'}
self.since > timestamp('2024-01-01T00:00:00Z') && self.since.getMonth() == 1
self.since.getHours('Europe/Berlin') == 13 && self.since.getDayOfYear() == 59
self.wait == duration('90m') && self.wait.getMinutes() == 90
self.since + self.wait == timestamp('2024-02-29T13:30:00Z')
self.secret == b'hi' && string(self.secret) == 'hi'
self.?wide.orValue(['x']) == ['x'] && self.?name.hasValue()
self.labels[?'app'].orValue('') == 'web' && !self.labels[?'b'].hasValue()
self.?labels.?nope.optMap(v, v + '1').orValue('none') == 'none'
[?self.?wide, ?optional.of(['q'])] == [['q']]
{?'a': optional.none(), 'b': 1}.size() == 1
optional.ofNonZeroValue('').or(optional.of('b')).value() == 'b'
cel.bind(n, self.replicas * 2, n + n == 12)
[1, 2, 3].isSorted() && [1, 2, 3].sum() == 6 && [4, 2].min() == 2 && [4, 2].max() == 4
[1, 2, 1].indexOf(1) == 0 && [1, 2, 1].lastIndexOf(1) == 2 && [1.5, 1.5].sum() == 3.0
'abc 123'.find('[0-9]+') == '123' && '1a2b3'.findAll('[0-9]', 2) == ['1', '2']
url('https://user@example.com:8080/a%20b/c?x=1&x=2&y=').getPort() == '8080'
url('https://example.com:80/p?x=1&x=2').getQuery() == {'x': ['1', '2']}
url('https://[::1]:80/p').getHostname() == '::1' && !isURL('../x') && isURL('/x')
ip('192.168.0.1').family() == 4 && isIP('::1') && !isIP('1.2.3.04') && !isIP('::ffff:1.2.3.4')
ip('::1').isLoopback() && ip.isCanonical('2001:db8::1') && !ip.isCanonical('2001:DB8::1')
cidr('10.0.0.0/8').containsIP('10.1.2.3') && cidr('10.0.0.0/8').containsCIDR(cidr('10.1.0.0/16'))
string(cidr('192.168.1.7/24').masked()) == '192.168.1.0/24' && cidr('::/0').prefixLength() == 0
quantity('1.5Gi').isGreaterThan(quantity('1Gi')) && quantity('200M').compareTo(quantity('0.2G')) == 0
quantity('50k').asInteger() == 50000 && isQuantity('20Mi') && !isQuantity('20Mo')
quantity('1').add(quantity('500m')).asApproximateFloat() == 1.5 && quantity('-1').sign() == -1
semver('1.2.3').isLessThan(semver('1.10.0')) && semver('1.0.0-rc.1').isLessThan(semver('1.0.0'))
isSemver('v1.0', true) && !isSemver('v1.0') && semver('v01.1', true).major() == 1
!format.dns1123Label().validate('ok').hasValue() && format.named('nope') == optional.none()
format.dns1123Label().validate('Not_ok').value().size() == 1
sets.contains([1, 2, 3], [2]) && sets.equivalent([1, 2], [2, 1, 1]) && !sets.intersects([1], [2])
'%s has %d of %.2f %x %e'.format(['x', 3, 1.5, 255, 1234.5]) == 'x has 3 of 1.50 ff 1.234500×10⁰³'
'hello'.charAt(1) == 'e' && 'a,b,c'.split(',', 2) == ['a', 'b,c'] && 'tacocat'.substring(4) == 'cat'
'hello'.replace('l', 'L', 1) == 'heLlo' && '  x '.trim() == 'x' && strings.quote('a"b') == '"a\\\\"b"'
'äöü'.size() == 3 && 'äöü'.indexOf('ü') == 2
int('12') == 12 && double(3) == 3.0 && string(1.0) == '1' && uint(3) == 3u && bool('true')
1u + 2u == 3u && 7 / 2 == 3 && -7 % 3 == -1 && 0x1F == 31 && -9223372036854775808 < 0
dyn(1) == 1.0 && dyn(1u) == 1 && type(1) == int && type(null) == null_type
true || 1 / 0 == 1
1 / 0 == 1 || true
!(false && self.ports[9].port == 1)
[1, 0].exists(x, 1 / x == 1)
true ? true : false
[3, 1, 2].sort() == [1, 2, 3] && [1, 2].first().value() == 1 && ![].last().hasValue()
any.replicas + 1 == 4 && any.tags[0] == 'a' && any.labels.app.startsWith('w')
type(self.since) == google.protobuf.Timestamp
r'\\n' == '\\\\n' && '\\u00e4' == 'ä' && """a"b""" == 'a"b'
`

test('expressions give what they give in Kubernetes', () => {
  for (const source of TRUE.trim().split('\n')) {
    let result: unknown
    try {
      result = evaluate(source)
    } catch (error) {
      result = error
    }
    assert.is(result, true, `${source}: ${result}`)
  }
})

test('faults of an expression stand at the place and in the words of cel-go', () => {
  const cases: [string, string][] = [
    ['self.nope', "ERROR: <input>:1:5: undefined field 'nope'\n | self.nope\n | ....^"],
    ['nope == 1', "ERROR: <input>:1:1: undeclared reference to 'nope' (in container '')"],
    [
      'self.replicas == "a"',
      "ERROR: <input>:1:15: found no matching overload for '_==_' applied to '(int, string)'\n | self.replicas == \"a\"\n | ..............^",
    ],
    ['self.name.foo()', "undeclared reference to 'foo' (in container '')"],
    [
      'self.replicas.startsWith("a")',
      "found no matching overload for 'startsWith' applied to 'int.(string)'",
    ],
    ['1 + ', "Syntax error: mismatched input '<EOF>' expecting {'[', '{', '(', '.', '-', '!'"],
    ['1 2', "ERROR: <input>:1:3: Syntax error: extraneous input '2' expecting <EOF>"],
    [
      'self.name.all(x, true)',
      'cannot be range of a comprehension (must be list, map, or dynamic)',
    ],
    ['[1, "a"]', "expected type 'int' but found 'string'"],
    ['has(self)', 'invalid argument to has() macro'],
    ["self.name.matches('[')", 'ERROR: <input>:1:19: invalid matches argument'],
    ["self.wait < duration('never')", 'ERROR: <input>:1:22: invalid duration argument'],
    ['self.name.size > 1', "type 'string' does not support field selection"],
  ]
  for (const [source, message] of cases) {
    const found = fault(source)
    assert.ok(found.startsWith('compilation failed: ERROR: <input>:1:'), `${source}: ${found}`)
    assert.ok(found.includes(message), `${source}: ${found}`)
  }
})

test('all faults of an expression are told, in order', () => {
  try {
    compile('self.a + self.b', { variables: { self: schema } })
    assert.unreachable()
  } catch (error) {
    assert.instance(error, CompileError)
    assert.equal(
      (error as CompileError).issues.map(({ message }) => message),
      ["undefined field 'a'", "undefined field 'b'"],
    )
  }
})

test('an expression has to give what is wanted', () => {
  assert.throws(
    () => compile('1 + 1', { variables: {} }, BOOL),
    (error: Error) =>
      error instanceof ResultTypeError &&
      error.message === 'cel expression must evaluate to a bool',
  )
  assert.is(compile('any', { variables: { any: DYN } }, BOOL).type.kind, 'dyn')
})

test('faults of an evaluation are worded as cel-go words them', () => {
  assert.is(fault('self.wide == []'), 'no such key: wide')
  assert.is(fault('self.labels["q"] == ""'), 'no such key: q')
  assert.is(fault('self.tags[5] == ""'), 'index out of bounds: 5')
  assert.is(fault('1 / (self.replicas - 3) == 1'), 'division by zero')
  assert.is(fault('any.name + 1 == 2'), 'no such overload')
  assert.is(fault('9223372036854775807 + self.replicas == 0'), 'integer overflow')
})

test('a variable may be optional, null, or not bound', () => {
  assert.is(evaluate('maybe.hasValue()', { maybe: Optional.none }), false)
  assert.is(evaluate('maybe.name.orValue("")', { maybe: Optional.none }), '')
  assert.is(evaluate('any == null', { any: null }), true)
  assert.throws(() => evaluate('oldSelf.name == ""'), /no such attribute/)
})

test('getters of bindings are called when they are looked at', () => {
  let calls = 0
  const variables = {
    get used() {
      calls++
      return 4
    },
    get unused(): number {
      throw new Error('not asked for')
    },
  }
  assert.is(evaluate('any.used == 4', { any: variables }), true)
  assert.is(calls, 1)
})

test('a runaway expression ends when its budget is used up', () => {
  const list = Array.from({ length: 2000 }, (_, index) => index)
  const rule = compile('l.all(a, l.all(b, l.all(c, a + b + c >= 0)))', {
    variables: { l: listOf(INT) },
  })
  assert.throws(
    () => rule.evaluate({ l: list }),
    (error: Error) => error instanceof BudgetError,
  )
  const hidden = compile('l.exists(a, l.all(b, a + b < 0)) || true', {
    variables: { l: listOf(INT) },
  })
  assert.throws(() => hidden.evaluate({ l: list }, 1000), /actual cost limit exceeded/)
})

test('estimates follow the bounds of the schema', () => {
  const cost = (source: string) => compile(source, { variables: { self: schema } }).cost
  assert.ok(cost('self.name == "a"').max < 20)
  assert.ok(cost('self.tags.all(t, t.contains("a"))').max < 500)
  assert.ok(cost('self.wide.all(a, self.wide.all(b, a == b))').max > 1e9)
  assert.is(compile('self.x.all(k, true)', { variables: { self: DYN } }).cost.max, 2 ** 64)
})

test('a pattern that ruins other engines costs linear time', () => {
  const text = 'a'.repeat(3000)
  const rule = compile("t.matches('^(a+)+$') && !(t + 'b').matches('^(a+)+$')", {
    variables: { t: STRING },
  })
  assert.is(rule.evaluate({ t: text }).value, true)
})

test('mutating expressions make objects', () => {
  const made = compile('Object{spec: Object.spec{replicas: 3, ?name: object.?name}}', {
    variables: { object: DYN },
    structs: true,
  }).evaluate({ object: { name: 'x' } })
  assert.equal(toJson(made.value), { spec: { replicas: 3, name: 'x' } })
})

test('any text is refused or compiled, never anything else', () => {
  const signs = [
    'self',
    '.',
    '(',
    ')',
    '[',
    ']',
    '{',
    '}',
    '?',
    ':',
    "'",
    '"',
    '1',
    'u',
    '-',
    'has',
  ]
  let seed = 7
  const next = (limit: number) => {
    seed = (seed * 1103515245 + 12345) % 2147483648
    return seed % limit
  }
  for (let round = 0; round < 3000; round++) {
    const source = Array.from({ length: 1 + next(12) }, () => signs[next(signs.length)]).join('')
    try {
      compile(source, { variables: { self: schema } }).evaluate({ self: object })
    } catch (error) {
      assert.ok(error instanceof CompileError || error instanceof CelError, `${source}: ${error}`)
    }
  }
  assert.throws(() => compile('('.repeat(5000), { variables: {} }), /recursion limit/)
  assert.throws(() => compile(`1${'+1'.repeat(5000)}`, { variables: {} }), /recursion limit/)
  assert.throws(() => compile(`a${'.a'.repeat(5000)}`, { variables: {} }), /recursion limit/)
  assert.throws(() => compile('['.repeat(5000), { variables: {} }), /recursion limit/)
  const many = compile(`true${' && 1 < 2'.repeat(4000)}`, { variables: {} })
  assert.is(many.evaluate({}).value, true)
  const deep = compile(`${'(true ? '.repeat(200)}1${' : 2)'.repeat(200)}`, { variables: {} })
  assert.is(deep.cost.max, 0)
  assert.throws(() => compile('-'.repeat(5000), { variables: {} }), /recursion limit/)
})

test.run()
