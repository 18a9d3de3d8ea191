import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Secret } from '../../../src/api/core/secret.ts'
import { deepCopy } from '../../../src/api/equality.ts'
import { NOW, shown } from './pod-samples.ts'

const metadata = {
  name: 'one',
  namespace: 'default',
  uid: 'uid',
  resourceVersion: '1',
  creationTimestamp: '2026-01-01T00:00:00Z',
}
const base = { apiVersion: 'v1', kind: '', metadata }
const secret = (fields: Partial<Secret>): Secret => {
  const object = deepCopy({ ...base, ...fields })
  Secret.applyDefaults!(object)
  return object
}

test('texts given to a secret are merged into its data and dropped', () => {
  const made = secret({ data: { a: 'eA==', b: 'eA==' }, stringData: { a: 'new', c: 'ü' } })
  assert.equal(made.data, { a: 'bmV3', b: 'eA==', c: 'w7w=' })
  assert.not.ok('stringData' in made)
  assert.is(made.type, 'Opaque')
})

const cases: [Partial<Secret>, string[]][] = [
  [{ data: { '..': '' } }, ['data[..]: Invalid value: "..": must not be \'..\'']],
  [
    { data: { a: Buffer.alloc(1024 * 1024 + 1).toString('base64') } },
    ['data: Too long: may not be more than 1048576 bytes'],
  ],
  [
    { type: 'kubernetes.io/service-account-token' },
    ['metadata.annotations[kubernetes.io/service-account.name]: Required value'],
  ],
  [
    { type: 'kubernetes.io/basic-auth' },
    ['data[username]: Required value', 'data[password]: Required value'],
  ],
  [{ type: 'kubernetes.io/basic-auth', stringData: { password: 'x' } }, []],
  [{ type: 'kubernetes.io/ssh-auth' }, ['data[ssh-privatekey]: Required value']],
  [
    { type: 'kubernetes.io/tls' },
    ['data[tls.crt]: Required value', 'data[tls.key]: Required value'],
  ],
  [{ type: 'kubernetes.io/dockerconfigjson' }, ['data[.dockerconfigjson]: Required value']],
  [
    { type: 'kubernetes.io/dockercfg', stringData: { '.dockercfg': '{' } },
    ['data[.dockercfg]: Invalid value: "<secret contents redacted>": unexpected end of JSON input'],
  ],
  [
    { type: 'kubernetes.io/dockercfg', stringData: { '.dockercfg': '[]' } },
    [
      'data[.dockercfg]: Invalid value: "<secret contents redacted>": json: cannot unmarshal array into Go value of type map[string]interface {}',
    ],
  ],
  [{ type: 'kubernetes.io/dockercfg', stringData: { '.dockercfg': '{}' } }, []],
  [{ type: 'example.com/own' }, []],
]
for (const [index, [fields, expected]] of cases.entries()) {
  test(`secret: ${expected[0] ?? `valid case ${index}`}`, () => {
    assert.equal(shown(Secret.validate!(secret(fields))), expected)
  })
}

test('the type of a secret never changes', () => {
  assert.equal(shown(Secret.validateUpdate!(secret({ type: 'example.com/own' }), secret({}))), [
    'type: Invalid value: "example.com/own": field is immutable',
  ])
})

test('the row is the one kubectl shows', () => {
  assert.equal(
    Secret.columns.map((each) => each.value(secret({ data: { a: '' } }), NOW)),
    ['one', 'Opaque', 1, '60m'],
  )
})

test.run()
