import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Pod } from '../../src/api/core/pod.ts'
import {
  checkFieldSelector,
  matchesFields,
  parseFieldSelector,
  requiredValue,
} from '../../src/api/field-selector.ts'
import { defineKind } from '../../src/api/kind.ts'
import {
  formatLabelSelector,
  labelSelectorOf,
  matchesLabels,
  parseLabelSelector,
  selectorOfMap,
} from '../../src/api/selector.ts'

test('label selectors match as Kubernetes matches them', () => {
  const labels = { app: 'web', tier: 'front', level: '7' }
  const cases: [string, boolean][] = [
    ['', true],
    ['app=web', true],
    ['app==web,tier!=back', true],
    ['app = web , tier in (front, back)', true],
    ['tier notin (front)', false],
    ['missing notin (x)', true],
    ['missing!=x', true],
    ['app', true],
    ['!app', false],
    ['!missing', true],
    ['level>6', true],
    ['level<7', false],
    ['app>6', false],
    ['missing=', false],
    ['in in (in)', false],
    ['tier in (,front)', true],
  ]
  for (const [text, expected] of cases)
    assert.is(matchesLabels(parseLabelSelector(text), labels), expected, text)
})

test('label selectors are printed sorted', () => {
  const cases: [string, string][] = [
    ['b=1,a in (y,x,y)', 'a in (x,y),b=1'],
    ['!c,b', 'b,!c'],
    ['a notin (1),b!=2,c>3', 'a notin (1),b!=2,c>3'],
    ['a==1', 'a=1'],
  ]
  for (const [text, expected] of cases)
    assert.is(formatLabelSelector(parseLabelSelector(text)), expected)
})

test('label selectors that do not parse are refused in the words of Kubernetes', () => {
  const cases: [string, string][] = [
    ['a,', "found '', expected: identifier after ','"],
    ['=x', "found '=', expected: !, identifier, or 'end of string'"],
    ['a=b=c', "found '=', expected: ',' or 'end of string'"],
    ['a in b', "unable to parse requirement: found 'b' expected: '('"],
    ['a b', "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"],
    [
      'a in ()',
      "unable to parse requirement: values: Invalid value: []: for 'in', 'notin' operators, values set can't be empty",
    ],
    [
      'a>x',
      "unable to parse requirement: values[0]: Invalid value: \"x\": for 'Gt', 'Lt' operators, the value must be an integer",
    ],
    [
      'app=-x',
      "unable to parse requirement: values[0][app]: Invalid value: \"-x\": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')",
    ],
    [
      '/a',
      'unable to parse requirement: <nil>: Invalid value: "/a": prefix part must be non-empty',
    ],
  ]
  for (const [text, message] of cases)
    assert.throws(
      () => parseLabelSelector(text),
      (error: Error & { code: number }) => error.message === message && error.code === 400,
      text,
    )
})

test('an absent selector selects nothing, an empty one everything', () => {
  assert.not(matchesLabels(labelSelectorOf(undefined), { a: '1' }))
  assert.ok(matchesLabels(labelSelectorOf({}), { a: '1' }))
  assert.ok(matchesLabels(selectorOfMap({}), undefined))
  const selector = labelSelectorOf({
    matchLabels: { b: '2', a: '1' },
    matchExpressions: [
      { key: 'c', operator: 'In', values: ['y', 'x'] },
      { key: 'd', operator: 'DoesNotExist' },
    ],
  })
  assert.is(formatLabelSelector(selector), 'a=1,b=2,c in (x,y),!d')
  assert.ok(matchesLabels(selector, { a: '1', b: '2', c: 'x' }))
  assert.not(matchesLabels(selector, { a: '1', b: '2', c: 'x', d: '' }))
})

const Thing = defineKind({
  group: '',
  version: 'v1',
  kind: 'Thing',
  plural: 'things',
  singular: 'thing',
  namespaced: true,
  model: 'V1Thing',
  selectableFields: { 'status.phase': () => 'Running' },
  columns: [],
})
const thing = {
  apiVersion: 'v1',
  kind: 'Thing',
  metadata: {
    name: 'a',
    namespace: 'default',
    uid: '',
    resourceVersion: '1',
    creationTimestamp: '2026-01-01T00:00:00Z',
  },
}

test('field selectors match metadata and what the kind offers', () => {
  const cases: [string, boolean][] = [
    ['', true],
    ['metadata.name=a', true],
    ['metadata.name==a,metadata.namespace!=kube-system', true],
    ['status.phase=Running', true],
    ['status.phase!=Running', false],
  ]
  for (const [text, expected] of cases)
    assert.is(matchesFields(parseFieldSelector(text), Thing, thing), expected, text)
  assert.is(requiredValue(parseFieldSelector('metadata.name=a'), 'metadata.name'), 'a')
  assert.is(parseFieldSelector('a=x\\,y')[0]?.value, 'x,y')
})

test('unknown fields and bad grammar are refused in the words of Kubernetes', () => {
  assert.throws(
    () => checkFieldSelector(parseFieldSelector('spec.foo=1'), Thing),
    'field label not supported: spec.foo',
  )
  assert.throws(
    () =>
      checkFieldSelector(parseFieldSelector('spec.foo=1'), { ...Pod, selectableFields: undefined }),
    '"spec.foo" is not a known field selector: only "metadata.name", "metadata.namespace"',
  )
  assert.throws(() => parseFieldSelector('foo'), "invalid selector: 'foo'; can't understand 'foo'")
})

test.run()
