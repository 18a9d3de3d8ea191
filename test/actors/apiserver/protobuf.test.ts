/**
 * Kubernetes' protobuf: what a Go client would have written comes out as the JSON it means.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { decodeProtobuf } from '../../../src/actors/apiserver/protobuf.ts'
import { StatusError } from '../../../src/api/status-error.ts'

type Part = Buffer | string | number

const varint = (value: number): Buffer => {
  const bytes: number[] = []
  let rest = BigInt.asUintN(64, BigInt(value))
  do {
    bytes.push(Number(rest & 0x7fn) | (rest > 0x7fn ? 0x80 : 0))
    rest >>= 7n
  } while (rest > 0n)
  return Buffer.from(bytes)
}
/** One field: text and messages by length, numbers as varints. */
const field = (number: number, value: Part): Buffer => {
  if (typeof value === 'number') return Buffer.concat([varint(number << 3), varint(value)])
  const bytes = Buffer.from(value)
  return Buffer.concat([varint((number << 3) | 2), varint(bytes.length), bytes])
}
const message = (...fields: Buffer[]): Buffer => Buffer.concat(fields)
const body = (apiVersion: string, kind: string, object: Buffer): Buffer =>
  message(
    Buffer.from('k8s\0'),
    field(1, message(field(1, apiVersion), field(2, kind))),
    field(2, object),
    field(3, ''),
    field(4, ''),
  )
const entry = (key: string, value: Part): Buffer => message(field(1, key), field(2, value))

test('texts, maps, times and bytes', () => {
  const metadata = message(
    field(1, 'a'),
    field(3, 'default'),
    field(8, message(field(1, 1_700_000_000), field(2, 0))),
    field(11, entry('x', 'y')),
  )
  const secret = message(field(1, metadata), field(2, entry('k', Buffer.from([1, 2]))))
  assert.equal(decodeProtobuf(body('v1', 'Secret', secret)), {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      name: 'a',
      namespace: 'default',
      creationTimestamp: '2023-11-14T22:13:20Z',
      labels: { x: 'y' },
    },
    data: { k: 'AQI=' },
  })
})

test('lists, embedded structs, quantities, numbers and intOrString', () => {
  const probe = message(
    field(
      1,
      message(field(2, message(field(1, '/'), field(2, message(field(1, 0), field(2, 80)))))),
    ),
    field(2, 5),
  )
  const limits = entry('cpu', message(field(1, '500m')))
  const container = message(
    field(1, 'c'),
    field(2, 'i'),
    field(8, message(field(1, limits))),
    field(10, probe),
  )
  const volume = message(
    field(1, 'v'),
    field(2, message(field(19, message(field(1, message(field(1, 'settings'))))))),
  )
  const spec = message(field(1, volume), field(2, container), field(4, 30))
  const pod = decodeProtobuf(body('v1', 'Pod', message(field(2, spec))))
  assert.equal(pod, {
    apiVersion: 'v1',
    kind: 'Pod',
    spec: {
      volumes: [{ name: 'v', configMap: { name: 'settings' } }],
      containers: [
        {
          name: 'c',
          image: 'i',
          resources: { limits: { cpu: '500m' } },
          livenessProbe: { httpGet: { path: '/', port: 80 }, initialDelaySeconds: 5 },
        },
      ],
      terminationGracePeriodSeconds: 30,
    },
  })
})

test('a zero time and unknown fields are left out', () => {
  const metadata = message(field(1, 'a'), field(8, message(field(1, -62_135_596_800))))
  const object = decodeProtobuf(
    body('v1', 'ConfigMap', message(field(1, metadata), field(99, 'future'))),
  )
  assert.equal(object, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' } })
})

test('documents that are no kinds are known too', () => {
  const options = body('apps/v1', 'DeleteOptions', message(field(1, 5), field(4, 'Orphan')))
  assert.equal(decodeProtobuf(options), {
    apiVersion: 'apps/v1',
    kind: 'DeleteOptions',
    gracePeriodSeconds: 5,
    propagationPolicy: 'Orphan',
  })
})

test('truncated, foreign and unknown messages are refused', () => {
  const whole = body('v1', 'ConfigMap', message(field(1, message(field(1, 'name')))))
  const codeOf = (bytes: Buffer): number => {
    try {
      decodeProtobuf(bytes)
    } catch (error) {
      if (error instanceof StatusError) return error.code
      throw error
    }
    return 200
  }
  assert.is(codeOf(whole), 200)
  for (const cut of [5, 12, 25, whole.length - 5]) assert.is(codeOf(whole.subarray(0, cut)), 400)
  assert.is(codeOf(Buffer.from('{}')), 400)
  assert.is(codeOf(body('v1', 'Gadget', message())), 415)
})

test.run()
