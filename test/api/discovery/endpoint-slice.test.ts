import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { EndpointSlice } from '../../../src/api/discovery/endpoint-slice.ts'
import { deepCopy } from '../../../src/api/equality.ts'

const NOW = Date.parse('2026-01-01T01:00:00Z')

const slice = (fields: Partial<EndpointSlice> = {}): EndpointSlice => {
  const object: EndpointSlice = deepCopy({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: 'web-1',
      namespace: 'default',
      uid: 'uid',
      resourceVersion: '1',
      creationTimestamp: '2026-01-01T00:00:00Z',
    },
    addressType: 'IPv4',
    endpoints: [{ addresses: ['10.0.0.1'] }],
    ports: [{ port: 80 }],
    ...fields,
  })
  EndpointSlice.applyDefaults!(object)
  return object
}
const shown = (object: EndpointSlice) =>
  EndpointSlice.validate!(object).map(({ field, message }) => `${field}: ${message}`)

test('ports get a name and a protocol', () => {
  assert.equal(slice().ports, [{ port: 80, name: '', protocol: 'TCP' }])
})

const cases: [Partial<EndpointSlice>, string[]][] = [
  [{}, []],
  [{ addressType: '' }, ['addressType: Required value']],
  [
    { addressType: 'MAC' },
    ['addressType: Unsupported value: "MAC": supported values: "FQDN", "IPv4", "IPv6"'],
  ],
  [
    { endpoints: [{ addresses: [] }] },
    ['endpoints[0].addresses: Required value: must contain at least 1 address'],
  ],
  [
    { endpoints: [{ addresses: Array.from({ length: 101 }, () => '10.0.0.1') }] },
    ['endpoints[0].addresses: Too many: 101: must have at most 100 items'],
  ],
  [
    { endpoints: Array.from({ length: 1001 }, () => ({ addresses: ['10.0.0.1'] })) },
    ['endpoints: Too many: 1001: must have at most 1000 items'],
  ],
  [
    { endpoints: [{ addresses: ['fd00::1'] }] },
    ['endpoints[0].addresses: Invalid value: "fd00::1": must be an IPv4 address'],
  ],
  [
    { addressType: 'FQDN', endpoints: [{ addresses: ['host'] }] },
    [
      'endpoints[0].addresses[0]: Invalid value: "host": should be a domain with at least two segments separated by dots',
    ],
  ],
  [{ ports: [{ port: 80 }, { port: 81 }] }, ['ports[1].name: Duplicate value: ""']],
  [
    { ports: [{ port: 80, protocol: 'HTTP' }] },
    ['ports[0].protocol: Unsupported value: "HTTP": supported values: "SCTP", "TCP", "UDP"'],
  ],
  [
    {
      endpoints: [{ addresses: ['10.0.0.1'], hints: { forZones: [{ name: 'a' }, { name: 'a' }] } }],
    },
    ['endpoints[0].hints.forZones[1].name: Duplicate value: "a"'],
  ],
]
for (const [index, [fields, expected]] of cases.entries()) {
  test(expected[0] ?? `valid case ${index}`, () => assert.equal(shown(slice(fields)), expected))
}

test('the type of addresses is immutable', () => {
  const errors = EndpointSlice.validateUpdate!(slice({ addressType: 'IPv6' }), slice())
  assert.equal(
    errors.map(({ field, message }) => `${field}: ${message}`),
    ['addressType: Invalid value: "IPv6": field is immutable'],
  )
})

test('what an address belonged to in the beta versions is not taken', () => {
  const old = slice()
  const next = slice({
    endpoints: [{ addresses: ['10.0.0.1'], deprecatedTopology: { zone: 'a' } }],
  })
  EndpointSlice.prepareForUpdate!(next, old, { now: 0 })
  assert.equal(next.endpoints, [{ addresses: ['10.0.0.1'] }])
})

test('an address with leading zeros is refused once', () => {
  assert.equal(shown(slice({ endpoints: [{ addresses: ['10.0.0.01'] }] })), [
    'endpoints[0].addresses[0]: Invalid value: "10.0.0.01": must not have leading 0s',
  ])
})

test('the row shows three of each and counts the rest', () => {
  const four = [1, 2, 3, 4].map((last) => ({ addresses: [`10.0.0.${last}`] }))
  const row = EndpointSlice.columns.map((each) => each.value(slice({ endpoints: four }), NOW))
  assert.equal(row, ['web-1', 'IPv4', '80', '10.0.0.1,10.0.0.2,10.0.0.3 + 1 more...', '60m'])
  const empty = slice({ endpoints: [], ports: [] })
  assert.equal(EndpointSlice.columns.map((each) => each.value(empty, NOW)).slice(2, 4), [
    '<unset>',
    '<unset>',
  ])
})

test.run()
