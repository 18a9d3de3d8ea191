import { connect } from 'nats'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { hasListener } from '../../src/bus/listeners.ts'
import { accountsConfig, connectUser } from '../support/nats-accounts.ts'
import { startNatsServer } from '../support/nats-server.ts'

const server = await startNatsServer({ config: accountsConfig('told.>') })
const part = await connect({ servers: server.url })
const user = await connectUser(server.url)

test.after(async () => {
  await Promise.all([part.close(), user.close()])
  await server.stop()
})

test('a subscription of a user counts, by its own name or by wildcards, as long as it is there', async () => {
  assert.not(await hasListener(part, 'told.a.b'))
  for (const subject of ['told.a.b', 'told.a.>', 'told.*.b', '>']) {
    const subscription = user.subscribe(subject)
    await user.flush()
    assert.ok(await hasListener(part, 'told.a.b'), subject)
    assert.is(await hasListener(part, 'told.c'), subject === '>')
    subscription.unsubscribe()
    await user.flush()
    assert.not(await hasListener(part, 'told.a.b'), subject)
  }
})

test('so does one of a part of the cluster; and nobody hears the question', async () => {
  const heard: string[] = []
  const subscription = part.subscribe('told.a.*', {
    callback: (_, { subject }) => void heard.push(subject),
  })
  await part.flush()
  assert.ok(await hasListener(part, 'told.a.b'))
  assert.equal(heard, [])
  subscription.unsubscribe()
})

test('what cannot be found out counts as heard', async () => {
  const lost = await connect({ servers: server.url })
  await lost.close()
  assert.ok(await hasListener(lost, 'told.a.b'))
})

test.run()
