/**
 * Watches over HTTPS: where they begin, what they show, how they end.
 */
import type { ClientRequest } from 'node:http'
import { request } from 'node:https'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { connection, startTestApiserver } from '../../support/api-server.ts'
import { memoryStorage } from '../../support/memory-storage.ts'

const storage = memoryStorage()
const api = await startTestApiserver(storage)
const CONFIG_MAPS = '/api/v1/namespaces/default/configmaps'

interface Event {
  type: string
  // biome-ignore lint/suspicious/noExplicitAny: events carry objects of every kind
  object: any
}

class Watch {
  readonly events: Event[] = []
  readonly ended: Promise<void>
  private readonly sent: ClientRequest
  private wake: (() => void) | undefined

  constructor(path: string, headers: Record<string, string> = {}) {
    let end = () => {}
    this.ended = new Promise((resolve) => {
      end = resolve
    })
    const options = connection(api.pki, api.port, api.pki.admin)
    this.sent = request({ ...options, path, headers, agent: false }, (response) => {
      let rest = ''
      response.setEncoding('utf8')
      response.on('data', (text: string) => {
        const lines = (rest + text).split('\n')
        rest = lines.pop() ?? ''
        for (const line of lines) this.events.push(JSON.parse(line))
        this.wake?.()
      })
      response.on('close', end)
    })
    this.sent.on('error', end)
    this.sent.end()
  }

  /** The first `count` events as `TYPE name`. */
  async take(count: number): Promise<string> {
    while (this.events.length < count)
      await new Promise<void>((resolve) => {
        this.wake = resolve
      })
    return this.shown(count)
  }

  shown(count = this.events.length): string {
    return this.events
      .slice(0, count)
      .map(({ type, object }) => `${type} ${object.metadata?.name ?? object.reason ?? ''}`.trim())
      .join(', ')
  }

  stop(): void {
    this.sent.destroy()
  }
}

const create = (name: string, labels: Record<string, string> = {}) =>
  api.call('POST', CONFIG_MAPS, { metadata: { name, labels } })
const relabel = (name: string, labels: Record<string, string>) =>
  api.call('PUT', `${CONFIG_MAPS}/${name}`, { metadata: { name, labels } })
const remove = (name: string) => api.call('DELETE', `${CONFIG_MAPS}/${name}`)

test('without a resourceVersion a watch begins with what exists', async () => {
  await create('a')
  const watch = new Watch(`${CONFIG_MAPS}?watch=1`)
  assert.is(await watch.take(1), 'ADDED a')
  await create('b')
  await relabel('b', { x: 'y' })
  await remove('b')
  assert.is(await watch.take(4), 'ADDED a, ADDED b, MODIFIED b, DELETED b')
  const revisions = watch.events.map(({ object }) => Number(object.metadata.resourceVersion))
  assert.equal(
    revisions,
    [...revisions].sort((one, other) => one - other),
  )
  watch.stop()
})

test('from a resourceVersion a watch replays what came after it, once', async () => {
  const { json } = await api.call('GET', CONFIG_MAPS)
  await create('c')
  await remove('c')
  const watch = new Watch(
    `${CONFIG_MAPS}?watch=true&resourceVersion=${json.metadata.resourceVersion}`,
  )
  assert.is(await watch.take(2), 'ADDED c, DELETED c')
  await create('d')
  assert.is(await watch.take(3), 'ADDED c, DELETED c, ADDED d')
  watch.stop()
})

test('a selector turns a change of labels into ADDED and DELETED', async () => {
  await create('e')
  const watch = new Watch(`${CONFIG_MAPS}?watch=1&labelSelector=on%3Dyes`)
  await relabel('e', { on: 'yes' })
  await relabel('e', { on: 'yes', more: 'x' })
  const { json } = await relabel('e', { on: 'no' })
  await create('f')
  await create('g', { on: 'yes' })
  assert.is(await watch.take(4), 'ADDED e, MODIFIED e, DELETED e, ADDED g')
  const last = watch.events[2]!.object.metadata
  assert.is(last.resourceVersion, json.metadata.resourceVersion)
  assert.equal(last.labels, { on: 'yes', more: 'x' })
  watch.stop()
})

test('a watch of one object by name sees only that', async () => {
  const byField = new Watch(`${CONFIG_MAPS}?watch=1&fieldSelector=metadata.name%3Dh`)
  const byPath = new Watch('/api/v1/watch/namespaces/default/configmaps/h')
  await create('i')
  await create('h')
  assert.is(await byField.take(1), 'ADDED h')
  assert.is(await byPath.take(1), 'ADDED h')
  byField.stop()
  byPath.stop()
})

test('pods of one node are watched through its index', async () => {
  const node = (name: string) =>
    new Watch(`/api/v1/pods?watch=1&fieldSelector=spec.nodeName%3D${name}`)
  const [one, two] = [node('n1'), node('n2')]
  for (const name of ['p1', 'p2']) {
    await api.call('POST', '/api/v1/namespaces/default/pods', {
      metadata: { name },
      spec: { containers: [{ name: 'c', image: 'i' }] },
    })
    await api.call('POST', `/api/v1/namespaces/default/pods/${name}/binding`, {
      metadata: { name },
      target: { kind: 'Node', name: name.replace('p', 'n') },
    })
  }
  assert.is(await one.take(1), 'ADDED p1')
  assert.is(await two.take(1), 'ADDED p2')
  one.stop()
  two.stop()
})

test('a revision that is forgotten is answered with an ERROR event of 410', async () => {
  const { changesSince } = storage.cache
  storage.cache.changesSince = () => undefined
  const watch = new Watch(`${CONFIG_MAPS}?watch=1&resourceVersion=1`)
  await watch.ended
  storage.cache.changesSince = changesSince
  assert.is(watch.shown(), 'ERROR Expired')
  assert.is(watch.events[0]!.object.code, 410)
})

test('initial events end with a bookmark', async () => {
  const watch = new Watch(
    `${CONFIG_MAPS}?watch=1&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan`,
  )
  const { json } = await api.call('GET', CONFIG_MAPS)
  await watch.take(json.items.length + 1)
  const end = watch.events[json.items.length]!
  assert.is(end.type, 'BOOKMARK')
  assert.equal(end.object.metadata.annotations, { 'k8s.io/initial-events-end': 'true' })
  assert.is(end.object.metadata.resourceVersion, json.metadata.resourceVersion)
  watch.stop()
})

test('a watch ends after its timeoutSeconds', async () => {
  const watch = new Watch(`${CONFIG_MAPS}?watch=1&timeoutSeconds=1`)
  await watch.ended
})

test('a watch can show tables', async () => {
  const watch = new Watch(`${CONFIG_MAPS}?watch=1&fieldSelector=metadata.name%3Da`, {
    accept: 'application/json;as=Table;v=v1;g=meta.k8s.io',
  })
  await watch.take(1)
  assert.is(watch.events[0]!.object.kind, 'Table')
  assert.is(watch.events[0]!.object.rows[0].cells[0], 'a')
  watch.stop()
})

test('many watchers all see every event', async () => {
  const watches = Array.from(
    { length: 20 },
    () => new Watch(`${CONFIG_MAPS}?watch=1&labelSelector=wave%3Dyes`),
  )
  const names = Array.from({ length: 50 }, (_, index) => `wave-${index}`)
  await Promise.all(names.map((name) => create(name, { wave: 'yes' })))
  for (const watch of watches) {
    await watch.take(50)
    assert.is(new Set(watch.events.map(({ object }) => object.metadata.name)).size, 50)
    watch.stop()
  }
})

test('a stopping apiserver ends its watches', async () => {
  const watch = new Watch(`${CONFIG_MAPS}?watch=1`)
  await watch.take(1)
  await api.stop()
  await watch.ended
})

test.run()
