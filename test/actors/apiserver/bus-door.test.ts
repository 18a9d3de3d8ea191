/**
 * The bus door: the same verbs for components and for people, and watches over channels.
 */
import { pino } from 'pino'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Deployment } from '../../../src/api/apps/deployment.ts'
import { ConfigMap } from '../../../src/api/core/config-map.ts'
import { Namespace } from '../../../src/api/core/namespace.ts'
import { Pod } from '../../../src/api/core/pod.ts'
import { StatusError } from '../../../src/api/status-error.ts'
import { encode } from '../../../src/bus/codec.ts'
import { createClient, FORCE_HEADER, MANAGER_HEADER } from '../../../src/client/bus-client.ts'
import { GATHERED_MAX, type GatheredAnswer } from '../../../src/client/gathered-requests.ts'
import type { Change } from '../../../src/client/view.ts'
import { systemClock } from '../../../src/std/clock.ts'
import { startTestApiserver } from '../../support/api-server.ts'
import { memoryStorage } from '../../support/memory-storage.ts'

const storage = memoryStorage()
const api = await startTestApiserver(storage)
const { bus } = api
const client = createClient({ bus, clock: systemClock, log: pino({ level: 'silent' }) })

// biome-ignore lint/suspicious/noExplicitAny: answers are of every shape
const ask = async (subject: string, data?: unknown, headers = {}): Promise<any> =>
  (await bus.request(`kubus.api.${subject}`, data, { headers })).data
const refusal = async (asked: Promise<unknown>): Promise<StatusError> => {
  try {
    await asked
  } catch (error) {
    if (error instanceof StatusError) return error
    throw error
  }
  throw new Error('it was not refused')
}
const configMap = (name: string, data: Record<string, string> = {}) => ({
  metadata: { name, namespace: 'default' },
  data,
})
const deployment = (name: string) => ({
  metadata: { name, namespace: 'default' },
  spec: {
    replicas: 1,
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name } },
      spec: { containers: [{ name: 'c', image: 'i:1' }] },
    },
  },
})

test('the client creates, reads, updates, patches and deletes', async () => {
  const created = await client.create(ConfigMap, configMap('a', { k: '1' }))
  assert.ok(created.metadata.uid)
  const read = await client.get(ConfigMap, 'default', 'a')
  assert.equal(read, created)
  const updated = await client.update(ConfigMap, { ...read, data: { k: '2' } })
  assert.is(updated.data?.['k'], '2')
  const stale = await refusal(client.update(ConfigMap, { ...read, data: { k: '3' } }))
  assert.is(stale.reason, 'Conflict')
  const patched = await client.patch(ConfigMap, 'default', 'a', 'merge', { data: { l: '4' } })
  assert.equal(patched.data, { k: '2', l: '4' })
  const json = await client.patch(ConfigMap, 'default', 'a', 'json', [
    { op: 'remove', path: '/data/l' },
  ])
  assert.equal(json.data, { k: '2' })
  const { items } = await client.list(ConfigMap, { namespace: 'default' })
  assert.is(items.length, 1)
  await client.delete(ConfigMap, 'default', 'a')
  assert.is((await refusal(client.get(ConfigMap, 'default', 'a'))).code, 404)
})

test('of what was written only its name and revision come back, where no more is wanted', async () => {
  const options = { answer: 'metadata' } as const
  const created = await client.create(ConfigMap, configMap('brief', { k: '1' }), options)
  const { name, namespace, uid, resourceVersion } = (
    await client.get(ConfigMap, 'default', 'brief')
  ).metadata
  assert.equal(created, {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace, uid, resourceVersion },
  })
})

test('the client writes statuses and binds pods', async () => {
  const pod = await client.create(Pod, {
    metadata: { name: 'p', namespace: 'default' },
    spec: { containers: [{ name: 'c', image: 'i' }] },
  } as never)
  await client.bind({ namespace: 'default', name: 'p', uid: pod.metadata.uid }, 'n1')
  const bound = await client.get(Pod, 'default', 'p')
  assert.is(bound.spec?.nodeName, 'n1')
  const running = await client.updateStatus(Pod, { ...bound, status: { phase: 'Running' } })
  assert.is(running.status?.phase, 'Running')
})

test('requests of one turn fail each alone, in one message', async () => {
  const names = ['g-1', 'g-2', 'g-1', 'g-3']
  const outcomes = await Promise.allSettled(
    names.map((name) => client.create(ConfigMap, configMap(name))),
  )
  assert.equal(
    outcomes.map(({ status }) => status),
    ['fulfilled', 'fulfilled', 'rejected', 'fulfilled'],
  )
  const [first, , twice] = outcomes as [
    PromiseFulfilledResult<ConfigMap>,
    unknown,
    PromiseRejectedResult,
  ]
  assert.is(first.value.metadata.name, 'g-1')
  assert.is(twice.reason.reason, 'AlreadyExists')
  const deleted = await Promise.allSettled(
    ['g-1', 'g-2', 'g-3', 'g-4'].map((name) => client.delete(ConfigMap, 'default', name)),
  )
  assert.equal(
    deleted.map(({ status }) => status),
    ['fulfilled', 'fulfilled', 'fulfilled', 'rejected'],
  )
})

test('gathered requests are of one identity, few, and well formed', async () => {
  const many = 'many.requests'
  const one = (subject: string) => [subject, {}, encode({})]
  const none = await refusal(ask(many, { no: 'requests' }))
  assert.is(none.code, 400)
  const tooMany = Array.from({ length: GATHERED_MAX + 1 }, () => one('kubus.api.get.pods.a.b'))
  assert.is((await refusal(ask(many, tooMany))).code, 400)
  const outcomes = await ask(many, [
    one('kubus.as.system=3Akube-scheduler.get.nodes'),
    one('kubus.api.many.requests'),
    one('kubus.api.watch.pods'),
    one('kubus.api.list.nodes'),
    ['kubus.api.create.configmaps', {}, Uint8Array.of(0xc1)],
  ])
  assert.equal(
    outcomes.map(([, failure]: GatheredAnswer) => failure?.code),
    [400, 400, 400, undefined, 400],
  )
})

test('a write whose fence has moved on is refused', async () => {
  const revision = await storage.takeFence('scheduler', 0, 'me')
  const fence = { component: 'scheduler', revision }
  await client.create(ConfigMap, configMap('fenced'), { fence })
  await storage.takeFence('scheduler', revision, 'other')
  const lost = await refusal(client.create(ConfigMap, configMap('late'), { fence }))
  assert.is(lost.code, 409)
  assert.is(lost.status.details?.causes?.[0]?.reason, 'FenceLost')
})

test('kinds answer to plural, singular and short names, with or without their group', async () => {
  await ask('create.deployments.default', deployment('web'))
  for (const word of ['deployments', 'deployment', 'deploy', 'deployments=2Eapps', 'deploy=2Eapps'])
    assert.is((await ask(`get.${word}.default.web`)).metadata.name, 'web')
  assert.is((await refusal(ask('get.gadgets.default.web'))).code, 404)
})

test('a cluster-scoped object needs no placeholder for the namespace', async () => {
  assert.is((await ask('get.namespaces.default')).metadata.name, 'default')
  assert.is((await ask('get.ns._.default')).metadata.name, 'default')
  assert.is((await client.get(Namespace, undefined, 'default')).metadata.name, 'default')
  assert.is((await ask('list.ns')).kind, 'NamespaceList')
})

test('apply creates, then changes what its manager applied', async () => {
  const first = await ask('apply.cm.default', { metadata: { name: 'ap' }, data: { a: '1' } })
  assert.equal(first.data, { a: '1' })
  const second = await ask('apply.cm.default.ap', { data: { b: '2' } })
  assert.equal(second.data, { b: '2' })
  assert.is(second.metadata.uid, first.metadata.uid)
})

test('managers of an apply are told apart by a header, and one takes by force', async () => {
  const apply = (manager: string, data: Record<string, string>, headers = {}) =>
    ask('apply.cm.default.ours', { data }, { [MANAGER_HEADER]: manager, ...headers })
  await apply('me', { a: '1' })
  await apply('you', { b: '2' })
  const refused = await refusal(apply('you', { a: '2' }))
  assert.is(refused.message, 'Apply failed with 1 conflict: conflict with "me": .data.a')
  const taken = await apply('you', { a: '2' }, { [FORCE_HEADER]: 'true' })
  assert.equal(taken.data, { a: '2' })
})

test('scale sets the replicas, of what can be scaled', async () => {
  const scale = await ask('scale.deploy.default.web', { replicas: 5 })
  assert.is(scale.spec.replicas, 5)
  assert.is((await client.get(Deployment, 'default', 'web')).spec?.replicas, 5)
  assert.is((await refusal(ask('scale.cm.default.ap', { replicas: 5 }))).code, 404)
  assert.is((await refusal(ask('scale.deploy.default.web', { n: 5 }))).code, 400)
})

test('a list takes selectors and pages', async () => {
  await ask('create.cm.default', { metadata: { name: 'l1', labels: { x: 'y' } } })
  await ask('create.cm.default', { metadata: { name: 'l2', labels: { x: 'y' } } })
  const page = await ask('list.cm.default', { labelSelector: 'x=y', limit: 1 })
  assert.is(page.items.length, 1)
  const rest = await ask('list.cm.default', {
    labelSelector: 'x=y',
    limit: 1,
    continue: page.metadata.continue,
  })
  assert.is(rest.items[0].metadata.name, 'l2')
  await ask('deletecollection.cm.default', { labelSelector: 'x=y' })
  assert.is((await ask('list.cm.default', { labelSelector: 'x=y' })).items.length, 0)
})

test('bad input gets the error Kubernetes gives', async () => {
  const invalid = await refusal(ask('scale.deploy.default.web', { replicas: -1 }))
  assert.is(invalid.code, 422)
  const nowhere = await refusal(ask('delete.cm'))
  assert.is(nowhere.code, 400)
  const fence = await refusal(ask('get.cm.default.ap', undefined, { 'Kubus-Fence': 'nonsense' }))
  assert.is(fence.code, 400)
})

test('a followed cache sees the state, then every change', async () => {
  const followed = client.follow([{ kind: ConfigMap, namespace: 'default' }])
  await followed.ready
  const names = () => followed.list(ConfigMap).map(({ metadata }) => metadata.name)
  assert.ok(names().includes('ap'))
  const seen: string[] = []
  const done = new Promise<void>((resolve) => {
    followed.subscribe(({ type, object }: Change) => {
      seen.push(`${type} ${object.metadata.name}`)
      if (seen.length === 3) resolve()
    })
  })
  await ask('create.cm.default', { metadata: { name: 'followed' } })
  await ask('patch.cm.default.followed', { data: { a: 'b' } })
  await ask('delete.cm.default.followed')
  await done
  assert.equal(seen, ['ADDED followed', 'MODIFIED followed', 'DELETED followed'])
  followed.stop()
})

test('a watch of a kind that does not exist is refused', async () => {
  assert.is((await refusal(bus.open('kubus.api.watch.gadgets', {}))).code, 404)
})

test.after(() => api.stop())
test.run()
