/**
 * Payloads on the bus that nobody means: each is answered, the apiserver goes on, and what was refused is not
 * there.
 */
import { connect, headers as createHeaders } from 'nats'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { decode, encode } from '../../src/bus/codec.ts'
import { type Chance, damaged, damagedBytes } from '../support/chance.ts'
import { startControlPlane } from '../support/control-plane.ts'
import { explore } from '../support/fuzz.ts'

const plane = await startControlPlane()
const connection = await connect({ servers: plane.nats.url })
const { cache } = plane.api.storage

const VERBS = ['get', 'list', 'create', 'update', 'patch', 'apply', 'delete', 'scale', 'logs']
const RESOURCES = [
  'configmaps',
  'cm',
  'pods',
  'deployments.apps',
  'namespaces',
  'x',
  'nodes',
  '__proto__',
]
const PLACES = [
  '',
  '.default',
  '.default.a',
  '.default.b',
  '._',
  '._.a',
  '.default.=00',
  '.a.b.c.d',
]

const payloadOf = (chance: Chance): Uint8Array => {
  const document = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: chance.pick(['a', 'b']), labels: { x: 'y' } },
    data: { k: 'v' },
  }
  const value = chance.once(3) ? document : damaged(chance, document)
  const bytes = Buffer.from(encode(value, chance.once(2) ? 'json' : 'msgpack'))
  if (chance.once(3)) return damagedBytes(chance, bytes)
  return chance.once(10) ? chance.bytes(chance.below(40)) : bytes
}

test('frames', async () => {
  await explore(async (chance) => {
    const verb = chance.pick(VERBS)
    /** Each delete or write that succeeds waits for the disk; most rounds are refused or read. */
    const subject = `kubus.api.${verb}.${chance.pick(RESOURCES)}${chance.pick(PLACES)}`
    const payload = payloadOf(chance)
    const headers = createHeaders()
    if (chance.once(8))
      headers.set('Content-Type', chance.pick(['application/json', 'application/msgpack', 'x']))
    if (chance.once(8)) headers.set('Kubus-Fence', chance.text(10).replaceAll(/[^\x21-\x7e]/g, ''))
    const answer = await connection.request(subject, payload, { timeout: 20_000, headers })
    const shown = `${subject} ${Buffer.from(payload).toString('base64')}`
    const isInternal = Buffer.from(answer.data).includes('Internal error occurred')
    return isInternal ? `${shown}\n  ${Buffer.from(answer.data).toString()}` : undefined
  })
  const list = await connection.request('kubus.api.list.configmaps.default', encode({}))
  assert.is((decode(list.data) as { kind: string }).kind, 'ConfigMapList')
})

test('what is there is whole', () => {
  for (const kind of cache.kinds.stored)
    for (const { metadata } of cache.list(kind))
      assert.ok(metadata.name && metadata.uid && metadata.resourceVersion, kind.kind)
})

test.after(async () => {
  await connection.close()
  await plane.stop()
})
test.run()
