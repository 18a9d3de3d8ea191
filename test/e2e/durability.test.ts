/**
 * One master, killed again and again under load: what was acknowledged is there, whole, and every replica of
 * it in memory agrees with the stream.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ConfigMap } from '../../src/api/core/config-map.ts'
import { openCache, type StreamCache } from '../../src/client/stream-cache.ts'
import { systemClock } from '../../src/std/clock.ts'
import { rootLog } from '../../src/std/log.ts'
import { aloud } from '../support/aloud.ts'
import { eventually, startCluster, type TestCluster } from '../support/cluster.ts'
import {
  type Api,
  type ApiObject,
  apiOf,
  type BusWatch,
  CONFIG_MAPS,
  isWhole,
  missingFrom,
  startWatching,
  startWriters,
  watchLeaders,
} from '../support/outage.ts'

const WRITES = 10_000

let cluster: TestCluster
let api: Api
let bus: BusWatch
let ports: number[]
let stream: StreamCache

test.before(
  aloud(async () => {
    cluster = await startCluster(['--runtime', 'hollow', '--nodes', '2'])
    ports = [cluster.apiPort]
    api = apiOf(cluster)
    bus = await watchLeaders(cluster, 1)
    const log = rootLog.child({}, { level: 'silent' })
    stream = await openCache({ streams: bus.streams, clock: systemClock, log })
    await stream.ready
  }),
)

test.after(async () => {
  await stream?.stop()
  api?.close()
  await bus?.stop()
  await cluster?.stop()
})

const pidOf = (name: string) => {
  const found = cluster.processes().find((process) => process.name === name)
  if (!found) throw new Error(`there is no process ${name}`)
  return found.pid
}

const kill = async (name: string) => {
  const pid = pidOf(name)
  const killedAt = performance.now()
  process.kill(pid, 'SIGKILL')
  await eventually(() => pidOf(name) !== pid, `${name} runs again`)
  return killedAt
}

const list = async (path: string): Promise<ApiObject[]> => {
  const { body } = await api.ask<{ items: ApiObject[] }>(ports[0]!, 'GET', path)
  return body.items
}

interface Status {
  cache: { revisions: { state: number }; objects: Record<string, number> }
}

const statusOf = async (actor: string) =>
  JSON.parse(await cluster.nats(['req', '--raw', `kubus.actor.${actor}.status`, '{}'])) as Status

test('kill -9 of nats-server and of the apiserver during 10,000 writes loses no acknowledged one', async () => {
  const watching = await startWatching(api, ports, CONFIG_MAPS)
  const writers = startWriters(api, ports, { prefix: 'w', clients: 24, count: WRITES })
  const startedAt = performance.now()
  const victims = ['nats-1', 'apiserver', 'nats-1', 'apiserver', 'controllers']
  for (const [index, victim] of victims.entries()) {
    const share = ((index + 1) * WRITES) / (victims.length + 1)
    const tried = () => writers.acknowledged.size + writers.unknown
    await eventually(() => tried() >= share || undefined, `${share} writes`, 120_000)
    const killedAt = await kill(victim)
    const already = writers.acknowledged.size
    await eventually(() => writers.acknowledged.size > already + 24, 'writes go on')
    console.log(`  ${victim} killed, writes go on: ${Math.round(performance.now() - killedAt)} ms`)
  }
  await writers.done
  console.log(
    `  ${writers.acknowledged.size} of ${WRITES} acknowledged in ${Math.round(performance.now() - startedAt)} ms`,
  )
  assert.ok(writers.acknowledged.size > WRITES * 0.8, `${writers.unknown} of unknown outcome`)

  const served = await list(CONFIG_MAPS)
  assert.equal(missingFrom(served, writers.acknowledged), [])
  assert.ok(served.filter(({ metadata }) => metadata.name.startsWith('w-')).every(isWhole))

  // The watch was cut off again and again, and has heard of everything all the same.
  await eventually(
    () => [...writers.acknowledged.keys()].every((name) => watching.events.has(name)),
    'the watch tells of every write',
  )
  assert.not.ok([...watching.events.values()].some((types) => types.join() !== 'ADDED'))
  watching.stop()

  const newest = await bus.streams.lastSequence('state')
  await stream.reached(ConfigMap, newest)
  const revisions = (objects: { metadata: { name: string; resourceVersion: string } }[]) =>
    new Map(objects.map(({ metadata }) => [metadata.name, metadata.resourceVersion]))
  const inStream = stream.list(ConfigMap, { namespace: 'default' })
  assert.equal(revisions(served), revisions(inStream))
})

test('every cache has caught up with the stream', async () => {
  for (const actor of ['controllers', 'scheduler', 'events'])
    await eventually(async () => {
      const newest = await bus.streams.lastSequence('state')
      const { revisions, objects } = (await statusOf(actor)).cache
      if (revisions.state < newest) return false
      await stream.reached(ConfigMap, newest)
      const counts = stream.counts()
      return ['configmaps', 'namespaces', 'nodes', 'services'].every(
        (plural) => objects[plural] === counts[plural],
      )
    }, `the cache of ${actor} equals the stream`)
})

test('what was asked for during an outage comes about once nats-server is back', async () => {
  const labels = { app: 'web' }
  const pods = '/api/v1/namespaces/default/pods?labelSelector=app%3Dweb'
  const asked = api.ask(ports[0]!, 'POST', '/apis/apps/v1/namespaces/default/deployments', {
    metadata: { name: 'web' },
    spec: {
      replicas: 40,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'example:1' }] } },
    },
  })
  await eventually(async () => (await list(pods)).length > 3, 'the first pods')
  await kill('nats-1')
  await asked
  await eventually(async () => {
    const found = await list(pods)
    return found.length === 40 && found.every(({ status }) => status?.phase === 'Running')
  }, '40 pods run')
  // None was made twice: whoever did not know what became of its write found out first.
  const events = '/api/v1/namespaces/default/events?fieldSelector=reason%3DSuccessfulDelete'
  assert.equal(await list(events), [])
})

test.run()
