/**
 * The fan-out: who is shown a change, once, in order, and what happens to those who do not read.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { parseSelection } from '../../../src/actors/apiserver/selection.ts'
import { type EventFormat, type Sink, WatchHub } from '../../../src/actors/apiserver/watch-hub.ts'
import { Pod } from '../../../src/api/core/pod.ts'
import type { KubernetesObject } from '../../../src/api/meta.ts'
import { memoryCache } from '../../support/memory-cache.ts'

let encodings = 0
const format: EventFormat = {
  id: 'test',
  encode: (events) => {
    encodings++
    return Buffer.from(
      events.map(({ type, object }) => `${type} ${object.metadata.name ?? ''};`).join(''),
    )
  },
}

class Reader implements Sink {
  text = ''
  held = 0
  isClosed = false
  write(batch: Uint8Array): void {
    this.text += Buffer.from(batch).toString()
  }
  backlog(): number {
    return this.held
  }
  drained(): Promise<void> {
    return Promise.resolve()
  }
  close(): void {
    this.isClosed = true
  }
}

const pod = (name: string, node?: string, namespace = 'default') =>
  ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, uid: name, creationTimestamp: '', resourceVersion: '' },
    spec: { containers: [], ...(node ? { nodeName: node } : {}) },
  }) as KubernetesObject
const turn = () => new Promise<void>((resolve) => setImmediate(resolve))
const select = (query = '', namespace?: string) =>
  parseSelection(Pod, namespace, new URLSearchParams(query))

const begin = () => {
  const cache = memoryCache()
  const hub = new WatchHub(cache)
  const join = (query = '', namespace?: string, bookmarks = false) => {
    const reader = new Reader()
    const selection = select(query, namespace)
    const leave = hub.join({
      selection,
      format,
      sink: reader,
      bookmarks,
      isFirst: true,
      revision: 0,
    })
    return Object.assign(reader, { leave })
  }
  return { cache, hub, join }
}

test('what changes in one turn is encoded once for all who watch the same', async () => {
  const { cache, join } = begin()
  const readers = [join(), join(), join()]
  encodings = 0
  cache.put(pod('a'), pod('b'))
  cache.remove(pod('a'))
  await turn()
  assert.is(encodings, 1)
  for (const reader of readers) assert.is(reader.text, 'ADDED a;ADDED b;DELETED a;')
})

test('a change is shown to its namespace, its node and its name only', async () => {
  const { cache, join } = begin()
  const here = join('', 'default')
  const there = join('', 'other')
  const onNode = join('fieldSelector=spec.nodeName%3Dn1')
  const named = join('fieldSelector=metadata.name%3Db')
  cache.put(pod('a', 'n1'), pod('b', 'n2'), pod('c', 'n1', 'other'))
  await turn()
  assert.is(here.text, 'ADDED a;ADDED b;')
  assert.is(there.text, 'ADDED c;')
  assert.is(onNode.text, 'ADDED a;ADDED c;')
  assert.is(named.text, 'ADDED b;')
})

test('a pod that leaves a node is deleted for who watches that node', async () => {
  const { cache, join } = begin()
  const one = join('fieldSelector=spec.nodeName%3Dn1')
  const two = join('fieldSelector=spec.nodeName%3Dn2')
  cache.put(pod('a', 'n1'))
  cache.put(pod('a', 'n2'))
  await turn()
  assert.is(one.text, 'ADDED a;DELETED a;')
  assert.is(two.text, 'ADDED a;')
})

test('who joins while others have changes pending does not see those', async () => {
  const { cache, join } = begin()
  const first = join()
  cache.put(pod('a'))
  const second = join()
  cache.put(pod('b'))
  await turn()
  assert.is(first.text, 'ADDED a;ADDED b;')
  assert.is(second.text, 'ADDED b;')
})

test('who left sees nothing more, and nothing of the group remains', async () => {
  const { cache, hub, join } = begin()
  const reader = join()
  assert.is(hub.members, 1)
  reader.leave()
  reader.leave()
  cache.put(pod('a'))
  await turn()
  assert.is(reader.text, '')
  assert.is(hub.members, 0)
})

test('a reader that does not read is closed', async () => {
  const { cache, join } = begin()
  const slow = join()
  const fast = join()
  slow.held = 64 * 1024 * 1024
  cache.put(pod('a'))
  await turn()
  assert.ok(slow.isClosed)
  assert.is(fast.text, 'ADDED a;')
})

test('bookmarks go to those who asked, after what is pending', () => {
  const { cache, hub, join } = begin()
  const with_ = join('', undefined, true)
  const without = join()
  cache.put(pod('a'))
  hub.bookmark()
  assert.is(with_.text, 'ADDED a;BOOKMARK ;')
  assert.is(without.text, 'ADDED a;')
})

test('stopping closes everybody', () => {
  const { hub, join } = begin()
  const reader = join()
  hub.stop()
  assert.ok(reader.isClosed)
})

test.run()
