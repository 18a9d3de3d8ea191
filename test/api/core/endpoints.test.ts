import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Endpoints } from '../../../src/api/core/endpoints.ts'
import { deepCopy } from '../../../src/api/equality.ts'
import { NOW, shown } from './pod-samples.ts'

const endpoints = (subsets: NonNullable<Endpoints['subsets']>): Endpoints => {
  const object = deepCopy({
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: {
      name: 'web',
      namespace: 'default',
      uid: 'uid',
      resourceVersion: '1',
      creationTimestamp: '2026-01-01T00:00:00Z',
    },
    subsets,
  })
  Endpoints.applyDefaults!(object)
  return object
}
const addresses = [{ ip: '10.0.0.1' }]

const cases: [NonNullable<Endpoints['subsets']>, string[]][] = [
  [[{ addresses, ports: [{ port: 80 }] }], []],
  [[{}], ['subsets[0]: Required value: must specify `addresses` or `notReadyAddresses`']],
  [
    [{ addresses: [{ ip: '127.0.0.1' }] }],
    [
      'subsets[0].addresses[0].ip: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
    ],
  ],
  [
    [{ addresses, ports: [{ port: 80 }, { port: 0, name: 'b' }] }],
    [
      'subsets[0].ports[0].name: Required value',
      'subsets[0].ports[1].port: Invalid value: 0: must be between 1 and 65535, inclusive',
    ],
  ],
]
for (const [index, [subsets, expected]] of cases.entries()) {
  test(expected[0] ?? `valid case ${index}`, () => {
    assert.equal(shown(Endpoints.validate!(endpoints(subsets))), expected)
  })
}

test('ports are TCP unless they say otherwise', () => {
  const { subsets } = endpoints([
    { addresses, ports: [{ port: 53, protocol: 'UDP' }, { port: 80 }] },
  ])
  assert.equal(
    subsets![0]!.ports!.map(({ protocol }) => protocol),
    ['UDP', 'TCP'],
  )
})

test('the row shows three addresses and counts the rest', () => {
  const cell = (subsets: NonNullable<Endpoints['subsets']>) =>
    Endpoints.columns[1]!.value(endpoints(subsets), NOW)
  assert.is(cell([]), '<none>')
  assert.is(cell([{ addresses }]), '10.0.0.1')
  assert.is(cell([{ addresses, ports: [{ port: 80 }] }]), '10.0.0.1:80')
  const five = [1, 2, 3, 4, 5].map((last) => ({ ip: `10.0.0.${last}` }))
  assert.is(
    cell([{ addresses: five, ports: [{ port: 80 }] }]),
    '10.0.0.1:80,10.0.0.2:80,10.0.0.3:80 + 2 more...',
  )
})

test.run()
