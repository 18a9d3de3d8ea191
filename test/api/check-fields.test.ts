import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { checkFields, decodeError, strictDecodingMessage } from '../../src/api/check-fields.ts'
import type { Json } from '../../src/api/meta.ts'

const pod = (spec: Json, more: Record<string, Json> = {}): Json => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'a', namespace: 'default', creationTimestamp: null },
  spec,
  ...more,
})

const firstTypeError = (model: string, value: Json) => checkFields(model, value).typeErrors[0]

test('a well-formed pod comes through as it was, without nulls', () => {
  const spec = {
    containers: [
      {
        name: 'web',
        image: 'nginx',
        ports: [{ containerPort: 80, name: 'http' }],
        env: [{ name: 'A', value: 'b' }],
        readinessProbe: { httpGet: { path: '/', port: 'http' } },
        resources: {},
      },
    ],
  }
  const { object, unknownFields, typeErrors } = checkFields('V1Pod', pod(spec))
  assert.equal(unknownFields, [])
  assert.equal(typeErrors, [])
  assert.equal(object, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'a', namespace: 'default' },
    spec,
  })
})

test('unknown fields are dropped and named with their paths', () => {
  const { object, unknownFields } = checkFields(
    'V1Pod',
    pod(
      {
        containers: [
          { name: 'a', imagee: 'x' },
          { name: 'b', nope: {} },
        ],
        foo: 1,
      },
      { bar: 2 },
    ),
  )
  assert.equal(unknownFields, [
    'unknown field "spec.containers[0].imagee"',
    'unknown field "spec.containers[1].nope"',
    'unknown field "spec.foo"',
    'unknown field "bar"',
  ])
  assert.equal(object['spec'], { containers: [{ name: 'a' }, { name: 'b' }] })
  assert.is(
    strictDecodingMessage(unknownFields.slice(2)),
    'strict decoding error: unknown field "spec.foo", unknown field "bar"',
  )
})

test("wrong types are reported in Go's words", () => {
  const cases: [string, Json, string][] = [
    [
      'V1Deployment',
      { spec: { replicas: 'three' } },
      'json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32',
    ],
    [
      'V1Deployment',
      { spec: { replicas: 1.5 } },
      'json: cannot unmarshal number 1.5 into Go struct field DeploymentSpec.spec.replicas of type int32',
    ],
    [
      'V1Deployment',
      { spec: { template: { spec: { containers: [{ env: [{ value: 1 }] }] } } } },
      'json: cannot unmarshal number into Go struct field EnvVar.spec.template.spec.containers.env.value of type string',
    ],
    [
      'V1Pod',
      { spec: { containers: {} } },
      'json: cannot unmarshal object into Go struct field PodSpec.spec.containers of type []v1.Container',
    ],
    [
      'V1Pod',
      { spec: { containers: ['x'] } },
      'json: cannot unmarshal string into Go struct field PodSpec.spec.containers of type v1.Container',
    ],
    [
      'V1Pod',
      { metadata: { labels: { a: true } } },
      'json: cannot unmarshal bool into Go struct field ObjectMeta.metadata.labels of type string',
    ],
    ['V1Pod', [], 'json: cannot unmarshal array into Go value of type v1.Pod'],
    [
      'V1Pod',
      { spec: { containers: [{ resources: { limits: { cpu: '1x' } } }] } },
      "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
    ],
    [
      'V1Pod',
      { metadata: { creationTimestamp: 'yesterday' } },
      'parsing time "yesterday" as "2006-01-02T15:04:05Z07:00": cannot parse "yesterday" as "2006"',
    ],
    ['V1Secret', { data: { a: '!' } }, 'illegal base64 data at input byte 0'],
  ]
  for (const [model, value, expected] of cases) assert.is(firstTypeError(model, value), expected)
})

test('the decode error names kind and version', () => {
  assert.is(
    decodeError({ kind: 'Deployment', version: 'v1' }, 'json: oops').message,
    'Deployment in version "v1" cannot be handled as a Deployment: json: oops',
  )
})

test('quantities and times take their canonical form', () => {
  const { object } = checkFields(
    'V1Pod',
    pod({
      containers: [
        {
          name: 'a',
          resources: { limits: { cpu: 0.5, memory: '1024Mi' }, requests: { cpu: '1000m' } },
        },
      ],
      overhead: { cpu: null },
    }),
  )
  assert.equal(object['spec'], {
    containers: [
      { name: 'a', resources: { limits: { cpu: '500m', memory: '1Gi' }, requests: { cpu: '1' } } },
    ],
    overhead: { cpu: '0' },
  })
  const lease = checkFields('V1Lease', {
    metadata: { creationTimestamp: '2026-01-01T02:00:00.5+02:00' },
    spec: { renewTime: '2026-01-01T00:00:00Z', acquireTime: '2026-01-01T00:00:00.123456789Z' },
  })
  assert.equal(lease.object, {
    metadata: { creationTimestamp: '2026-01-01T00:00:00Z' },
    spec: { renewTime: '2026-01-01T00:00:00.000000Z', acquireTime: '2026-01-01T00:00:00.123456Z' },
  })
})

test('empty values of optional fields are absent, of required fields and pointers they stay', () => {
  const { object } = checkFields('V1Deployment', {
    metadata: { name: 'a', labels: {}, annotations: null },
    spec: {
      replicas: 0,
      paused: false,
      selector: {},
      template: {
        spec: {
          containers: [{ name: '', env: [], tty: false, image: '' }],
          automountServiceAccountToken: false,
        },
      },
    },
  })
  assert.equal(object, {
    metadata: { name: 'a' },
    spec: {
      replicas: 0,
      selector: {},
      template: { spec: { containers: [{ name: '' }], automountServiceAccountToken: false } },
    },
  })
})

test('null items become what Go leaves there', () => {
  const { object, typeErrors } = checkFields('V1Pod', {
    metadata: { labels: { a: null } },
    spec: { containers: [null, { name: 'a', args: [null, 'x'] }] },
  })
  assert.equal(typeErrors, [])
  assert.equal(object, {
    metadata: { labels: { a: '' } },
    spec: { containers: [{}, { name: 'a', args: ['', 'x'] }] },
  })
})

test('a key named __proto__ stays data', () => {
  const { object } = checkFields('V1ConfigMap', JSON.parse('{"data":{"__proto__":"x","a":"b"}}'))
  const data = object['data'] as Record<string, Json>
  assert.equal(Object.keys(data), ['__proto__', 'a'])
  assert.is(JSON.stringify(data), '{"__proto__":"x","a":"b"}')
})

test('checking twice changes nothing', () => {
  const once = checkFields('V1Pod', pod({ containers: [{ name: 'a', args: [] }], nodeName: '' }))
  assert.equal(checkFields('V1Pod', once.object).object, once.object)
})

test.run()
