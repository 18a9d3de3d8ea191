/**
 * Encryption at rest over a real nats-server: what lies in the stream, what is read back, change of keys.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Secret } from '../../../src/api/core/secret.ts'
import {
  type EncryptionConfiguration,
  parseEncryptionConfiguration,
} from '../../../src/api/encryption-configuration.ts'
import { NotOpened, Sealing } from '../../../src/client/sealing.ts'
import { systemClock } from '../../../src/std/clock.ts'
import { startNatsServer } from '../../support/nats-server.ts'
import { virtualClock } from '../../support/virtual-clock.ts'
import { configMap, putWrite, storeProcess } from './store-harness.ts'

const key = (name: string, fill: number) => ({
  name,
  secret: Buffer.alloc(32, fill).toString('base64'),
})
const configuration = (provider: string, ...keys: object[]): EncryptionConfiguration =>
  parseEncryptionConfiguration({
    apiVersion: 'apiserver.config.k8s.io/v1',
    kind: 'EncryptionConfiguration',
    resources: [
      {
        resources: ['secrets'],
        providers:
          provider === 'identity'
            ? [{ identity: {} }, { aesgcm: { keys } }]
            : [{ [provider]: { keys } }, { identity: {} }],
      },
    ],
  })

const PLACE = { group: '', resource: 'secrets', namespace: 'default', name: 'a' }
const TEXT = Buffer.from('hunter2-hunter2-hunter2')

test('every provider opens what it sealed, and two seals of one value differ', () => {
  for (const provider of ['aesgcm', 'aescbc']) {
    const load = () => configuration(provider, key('key1', 1))
    const sealing = new Sealing({ load, clock: systemClock })
    const sealed = sealing.seal(Secret, PLACE, TEXT)
    assert.is(Buffer.from(sealed).subarray(0, 23).toString(), `k8s:enc:${provider}:v1:key1:`)
    assert.is(Buffer.from(sealed).includes('hunter2'), false)
    assert.equal(Buffer.from(sealing.open(PLACE, sealed)), TEXT)
    assert.not.equal(sealing.seal(Secret, PLACE, TEXT), sealed)
    assert.is(sealing.open(PLACE, TEXT), TEXT)
  }
})

test('a sealed value cannot be moved to another name, nor changed', () => {
  const sealing = new Sealing({
    load: () => configuration('aesgcm', key('key1', 1)),
    clock: systemClock,
  })
  const sealed = Buffer.from(sealing.seal(Secret, PLACE, TEXT))
  assert.throws(
    () => sealing.open({ ...PLACE, name: 'b' }, sealed),
    (error: unknown) => error instanceof NotOpened,
  )
  const last = sealed.length - 20
  sealed[last] = sealed[last]! ^ 1
  assert.throws(
    () => sealing.open(PLACE, sealed),
    (error: unknown) => error instanceof NotOpened,
  )
})

test('a key that another process took is looked for in the configuration, at most once a second', async () => {
  const clock = virtualClock()
  let current = configuration('aesgcm', key('key1', 1))
  let loads = 0
  const load = () => {
    loads++
    return current
  }
  const reader = new Sealing({ load, clock })
  current = configuration('aesgcm', key('key2', 2), key('key1', 1))
  const sealed = new Sealing({ load, clock }).seal(Secret, PLACE, TEXT)
  assert.throws(() => reader.open(PLACE, sealed), /no matching key was found/)
  assert.is(loads, 2)
  await clock.advance(1_001)
  assert.equal(Buffer.from(reader.open(PLACE, sealed)), TEXT)
  assert.is(loads, 3)
})

const secret = (name: string) => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name, namespace: 'default', uid: `uid-${name}` },
  data: { password: Buffer.from('hunter2').toString('base64') },
  type: 'Opaque',
})

const write = (name: string, expected = 0) => ({
  kind: Secret,
  namespace: 'default',
  name,
  expected,
  object: secret(name) as never,
})

test('secrets lie sealed in the stream, are read by whoever has the key, and are sealed anew on demand', async () => {
  const nats = await startNatsServer()
  let current = configuration('aesgcm', key('key1', 1))
  const sealingOf = () => new Sealing({ load: () => current, clock: systemClock })
  const one = await storeProcess(nats.url, 'kubus', 1, undefined, sealingOf())
  await one.storage.write(write('a'))
  await one.storage.write(write('gone'))
  await one.storage.write(putWrite(configMap('plain'), 0))
  const raw = await rawValues(one)
  assert.match(raw.get('$KV.kubus.core.secrets.default.a')!, /^k8s:enc:aesgcm:v1:key1:/)
  assert.is(
    [...raw.values()].some((text) => text.includes(secret('a').data.password)),
    false,
  )
  assert.match(raw.get('$KV.kubus.core.configmaps.default.plain')!, /plain/)
  assert.is(one.cache.get(Secret, 'default', 'a')?.data?.['password'], secret('a').data.password)

  const { resourceVersion } = one.cache.get(Secret, 'default', 'gone')!.metadata
  await one.storage.write({
    kind: Secret,
    namespace: 'default',
    name: 'gone',
    expected: Number(resourceVersion),
  })
  assert.match((await rawValues(one)).get('$KV.kubus.core.secrets.default.gone')!, /^k8s:enc:/)

  current = configuration('aesgcm', key('key2', 2), key('key1', 1))
  const { data } = await one.bus.request('kubus.store.reseal', {})
  assert.equal(data, { written: { secrets: 1 } })
  assert.match((await rawValues(one)).get('$KV.kubus.core.secrets.default.a')!, /v1:key2:/)

  current = configuration('identity', key('key2', 2))
  const { data: plain } = await one.bus.request('kubus.store.reseal', {})
  assert.equal(plain, { written: { secrets: 1 } })
  const last = await rawValues(one)
  assert.is(last.get('$KV.kubus.core.secrets.default.a')!.startsWith('k8s:enc:'), false)

  const two = await storeProcess(nats.url, 'kubus', 1, undefined, sealingOf())
  assert.equal(two.cache.get(Secret, 'default', 'a')?.data, secret('a').data)
  await two.stop()
  await one.stop()
  await nats.stop()
})

/** The last value of every key, as it lies in the stream, as Latin-1 text. */
const rawValues = async ({ streams }: Awaited<ReturnType<typeof storeProcess>>) => {
  const values = new Map<string, string>()
  await new Promise<void>((resolve) => {
    const follower = streams.follow('state', 1, {
      onMessage: ({ subject, payload }) =>
        void values.set(subject, Buffer.from(payload).toString('latin1')),
      onProgress: () => undefined,
      onCaughtUp: () => {
        void follower.stop()
        resolve()
      },
      onGap: () => undefined,
    })
  })
  return values
}

test.run()
