/**
 * A store notices that its stream has lost something since it last ran.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Watermark } from '../../../src/actors/store/watermark.ts'
import { StateLost } from '../../../src/client/storage.ts'
import { startNatsServer } from '../../support/nats-server.ts'
import { configMap, putWrite, storeProcess } from './store-harness.ts'

const server = await startNatsServer()
let kept: Watermark | undefined
const port = {
  read: () => kept,
  write: (watermark: Watermark) => {
    kept = watermark
  },
}
const open = () => storeProcess(server.url, 'kubus', 1, port)
const refusal = (): Promise<unknown> =>
  open().then(
    () => undefined,
    (error: unknown) => error,
  )

test('what was written is remembered when the store stops, and found again', async () => {
  const store = await open()
  await store.storage.write(putWrite(configMap('a'), 0))
  const revision = await store.storage.write(putWrite(configMap('b'), 0))
  await store.stop()
  assert.equal(kept, { revision, objects: 2 })
  await (await open()).stop()
  assert.equal(kept, { revision, objects: 2 })
})

test('a stream that ends before what is known is refused', async () => {
  const before = kept!
  kept = { revision: before.revision + 5, objects: 2 }
  const error = await refusal()
  assert.instance(error, StateLost)
  assert.is(
    (error as Error).message,
    `its state ends at revision ${before.revision} and was at ${before.revision + 5}`,
  )
  kept = before
})

test('a stream that holds fewer objects than at the same revision is refused', async () => {
  kept = { ...kept!, objects: 3 }
  const error = await refusal()
  assert.instance(error, StateLost)
  assert.is((error as Error).message, '2 of its 3 objects are left')
})

test('a stream that went on after the watermark was written is taken as it is', async () => {
  kept = { revision: 1, objects: 70 }
  await (await open()).stop()
  assert.is(kept?.objects, 2)
})

test.after(() => server.stop())
test.run()
