/**
 * Faults of JSON texts in the words of Go's reader.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { jsonSyntaxFault } from '../../src/api/json-syntax.ts'

const END = 'unexpected end of JSON input'

const CASES: readonly (readonly [text: string, fault: string])[] = [
  ['', END],
  ['  ', END],
  ['{', END],
  ['{"a"', END],
  ['{"a":1', END],
  ['[1,', END],
  ['"abc', END],
  ['oops', "invalid character 'o' looking for beginning of value"],
  ['{a: 1}', "invalid character 'a' looking for beginning of object key string"],
  ['{"a":1,}', "invalid character '}' looking for beginning of object key string"],
  ['{"a" 1}', "invalid character '1' after object key"],
  ['{"a":1 "b":2}', "invalid character '\"' after object key:value pair"],
  ['[1 2]', "invalid character '2' after array element"],
  ['[1,]', "invalid character ']' looking for beginning of value"],
  ['{} {}', "invalid character '{' after top-level value"],
  ["{'a':1}", "invalid character '\\'' looking for beginning of object key string"],
  ['"a\nb"', "invalid character '\\n' in string literal"],
  ['"\\x"', "invalid character 'x' in string escape code"],
  ['"\\u12G4"', "invalid character 'G' in \\u hexadecimal character escape"],
  ['-x', "invalid character 'x' in numeric literal"],
  ['-', "invalid character ' ' in numeric literal"],
  ['1.', "invalid character ' ' after decimal point in numeric literal"],
  ['1e+', "invalid character ' ' in exponent of numeric literal"],
  ['012', "invalid character '1' after top-level value"],
  ['trux', "invalid character 'x' in literal true (expecting 'e')"],
  ['nul', "invalid character ' ' in literal null (expecting 'l')"],
  ['\u0001', "invalid character '\\x01' looking for beginning of value"],
  ['é', "invalid character 'Ã' looking for beginning of value"],
]

for (const [text, fault] of CASES)
  test(`${JSON.stringify(text)}: ${fault}`, () => {
    assert.is(jsonSyntaxFault(text), fault)
    assert.throws(() => JSON.parse(text))
  })

test('what is JSON has no fault', () => {
  const values = [
    null,
    true,
    -0.5e-7,
    'a"\\/\b\u2028é',
    [],
    [[], {}],
    { a: { b: [1, 'x', false] } },
  ]
  for (const value of values) assert.is(jsonSyntaxFault(JSON.stringify(value, null, 1)), undefined)
  assert.is(jsonSyntaxFault('['.repeat(20_000) + ']'.repeat(20_000)), undefined, 'however deep')
})

test.run()
