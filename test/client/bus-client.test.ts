import { pino } from 'pino'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Deployment } from '../../src/api/apps/deployment.ts'
import { ConfigMap } from '../../src/api/core/config-map.ts'
import { Pod } from '../../src/api/core/pod.ts'
import type { KubernetesObject } from '../../src/api/meta.ts'
import { expired, notFound, type StatusError } from '../../src/api/status-error.ts'
import type { Channel, Message } from '../../src/bus/bus.ts'
import { encode } from '../../src/bus/codec.ts'
import { memoryNetwork } from '../../src/bus/memory-bus.ts'
import { createClient, parseFence } from '../../src/client/bus-client.ts'
import type { Change } from '../../src/client/view.ts'
import { systemClock } from '../../src/std/clock.ts'

const log = pino({ level: 'silent' })

/** An apiserver that records what it is asked and answers with `answer`. */
const harness = async (answer: (message: Message) => unknown = ({ data }) => data) => {
  const connect = memoryNetwork(systemClock, log)
  const [bus, server] = [connect(), connect()]
  const asked: { subject: string; data: unknown; headers: Record<string, string> }[] = []
  await server.serve({
    name: 'apiserver',
    description: 'a recording',
    version: '1.0.0',
    endpoints: [
      {
        name: 'all',
        subject: 'kubus.api.*.>',
        handle: (message) => {
          const { subject, data, headers } = message
          asked.push({ subject: subject.slice('kubus.api.'.length), data, headers })
          return answer(message)
        },
      },
    ],
  })
  return { client: createClient({ bus, clock: systemClock, log }), asked, server, bus }
}

const object = (name: string, revision: number, kind = 'ConfigMap') =>
  ({
    apiVersion: 'v1',
    kind,
    metadata: { name, namespace: 'default', uid: name, resourceVersion: String(revision) },
  }) as unknown as KubernetesObject

test('each verb is one request with its subject, body and headers', async () => {
  const { client, asked } = await harness(({ subject, data }) =>
    subject.includes('.list.') ? { metadata: { resourceVersion: '7' } } : data,
  )
  const map = object('a.b', 3) as ConfigMap
  const fence = { component: 'scheduler', revision: 17 }
  await client.get(ConfigMap, 'default', 'a.b')
  assert.equal(await client.list(Pod, { namespace: 'x', labelSelector: 'a=b' }), {
    items: [],
    resourceVersion: '7',
  })
  await client.create(ConfigMap, map)
  await client.update(ConfigMap, map, { fence })
  await client.updateStatus(Deployment, map as unknown as Deployment)
  await client.patch(Pod, 'default', 'p', 'merge', { a: 1 }, { subresource: 'status' })
  await client.delete(Pod, 'default', 'p', { gracePeriodSeconds: 0 })
  await client.bind({ namespace: 'default', name: 'p', uid: 'u' }, 'node-1')
  assert.equal(
    asked.map(({ subject }) => subject),
    [
      'get.configmaps.default.a=2Eb',
      'list.pods.x',
      'create.configmaps.default',
      'update.configmaps.default.a=2Eb',
      'update.deployments=2Eapps/status.default.a=2Eb',
      'patch.pods/status.default.p',
      'delete.pods.default.p',
      'create.pods/binding.default.p',
    ],
  )
  assert.equal(asked[1]!.data, { labelSelector: 'a=b' })
  assert.equal(parseFence(asked[3]!.headers['Kubus-Fence']), fence)
  assert.is(asked[5]!.headers['Kubus-Patch-Type'], 'merge')
  assert.is((asked[6]!.data as { gracePeriodSeconds: number }).gracePeriodSeconds, 0)
  assert.is((asked[7]!.data as { target: { name: string } }).target.name, 'node-1')
})

test('waits for an apiserver that is not there yet, and passes its errors on', async () => {
  const connect = memoryNetwork(systemClock, log)
  const [bus, server] = [connect(), connect()]
  const client = createClient({ bus, clock: systemClock, log })
  const failing = client.get(ConfigMap, 'default', 'absent').catch((error: unknown) => error)
  await new Promise((resolve) => setTimeout(resolve, 120))
  await server.serve({
    name: 'apiserver',
    description: 'late',
    version: '1.0.0',
    endpoints: [
      {
        name: 'get',
        subject: 'kubus.api.get.>',
        handle: () => {
          throw notFound(ConfigMap, 'absent')
        },
      },
    ],
  })
  assert.is(((await failing) as StatusError).code, 404)
})

/** Watches that the test feeds by hand. */
const watchHarness = async () => {
  const connect = memoryNetwork(systemClock, log)
  const [bus, server] = [connect(), connect()]
  const opened: { channel: Channel; greeting: Record<string, unknown>; subject: string }[] = []
  server.accept('kubus.api.watch.configmaps.default', (channel, greeting) => {
    opened.push({ channel, greeting: greeting as Record<string, unknown>, subject: 'configmaps' })
  })
  const cache = createClient({ bus, clock: systemClock, log }).follow([
    { kind: ConfigMap, namespace: 'default', labelSelector: 'app=x' },
  ])
  const changes: Change[] = []
  cache.subscribe((change) => changes.push(change))
  const watch = async (index: number) => {
    for (let round = 0; round < 200 && opened.length <= index; round++)
      await new Promise((resolve) => setTimeout(resolve, 10))
    return opened[index]!
  }
  const send = (channel: Channel, ...events: [string, KubernetesObject | object][]) =>
    channel.send(0, encode(events.map(([type, object]) => ({ type, object }))))
  return { cache, changes, watch, send }
}

const bookmark = (revision: number, isEnd = false): [string, object] => [
  'BOOKMARK',
  {
    metadata: {
      resourceVersion: String(revision),
      ...(isEnd ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {}),
    },
  },
]

test('a followed cache takes the state, then the changes, and resumes where it was', async () => {
  const { cache, changes, watch, send } = await watchHarness()
  const first = await watch(0)
  assert.equal(first.greeting, {
    labelSelector: 'app=x',
    allowWatchBookmarks: true,
    sendInitialEvents: true,
    resourceVersionMatch: 'NotOlderThan',
  })
  await send(
    first.channel,
    ['ADDED', object('b', 9)],
    ['ADDED', object('a', 4)],
    bookmark(10, true),
  )
  await cache.ready
  assert.is(cache.list(ConfigMap).length, 2)
  assert.equal(changes, [])
  await send(first.channel, ['MODIFIED', object('a', 11)], ['DELETED', object('b', 12)])
  await cache.reached(ConfigMap, 12)
  await send(first.channel, bookmark(15))
  await cache.reached(ConfigMap, 15)
  first.channel.close()
  const second = await watch(1)
  assert.is(second.greeting['resourceVersion'], '15')
  assert.is(second.greeting['sendInitialEvents'], undefined)
  await send(second.channel, ['ADDED', object('c', 16)])
  await cache.reached(ConfigMap, 16)
  assert.equal(
    changes.map(({ type, object, revision }) => `${type} ${object.metadata.name} ${revision}`),
    ['MODIFIED a 11', 'DELETED b 12', 'ADDED c 16'],
  )
  cache.stop()
})

test('a followed cache takes the state again after 410 and reports what has gone', async () => {
  const { cache, changes, watch, send } = await watchHarness()
  const first = await watch(0)
  await send(first.channel, ['ADDED', object('a', 1)], ['ADDED', object('b', 2)], bookmark(2, true))
  await cache.ready
  await send(first.channel, ['ERROR', expired('too old resource version').status])
  const second = await watch(1)
  assert.is(second.greeting['sendInitialEvents'], true)
  await send(
    second.channel,
    ['ADDED', object('a', 1)],
    ['ADDED', object('c', 8)],
    bookmark(9, true),
  )
  await cache.reached(ConfigMap, 9)
  assert.equal(
    changes.map(({ type, object, revision }) => `${type} ${object.metadata.name} ${revision}`),
    ['ADDED c 8', 'DELETED b 9'],
  )
  assert.is(cache.get(ConfigMap, 'default', 'b'), undefined)
  cache.stop()
})

test.run()
