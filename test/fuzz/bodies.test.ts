/**
 * Bodies that nobody means: nothing crashes, nothing that was refused is written, nothing is half-written.
 */
import { readdirSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { stringify } from 'yaml'
import { encodeDocument } from '../../src/actors/apiserver/protobuf-encode.ts'
import type { AnyKind } from '../../src/api/kind.ts'
import { kinds } from '../../src/api/kinds.ts'
import type { KindCase } from '../api/kind-case.ts'
import { startTestApiserver } from '../support/api-server.ts'
import { type Chance, damaged, damagedBytes } from '../support/chance.ts'
import { fullObject } from '../support/full-object.ts'
import { explore, faultOf, fuzzClient } from '../support/fuzz.ts'
import { memoryStorage } from '../support/memory-storage.ts'

const storage = memoryStorage()
const api = await startTestApiserver(storage)
const { call, close } = fuzzClient(api)

const cases = await Promise.all(
  readdirSync('test/api', { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.cases.ts'))
    .map((path) => path.replace(/\.cases\.ts$/, ''))
    .map(async (name) => ((await import(`../api/${name}.cases.ts`)) as { cases: KindCase }).cases),
)
const minimal = new Map(
  cases.map((each) => [`${each.kind.apiVersion}/${each.kind.kind}`, each.minimal]),
)
const served = kinds.filter(({ model }) => model)
const NAMES = ['one', 'two', 'three']

/** Something that could be written, in itself or after one change. */
const draftOf = (chance: Chance, kind: AnyKind, name: string): object => {
  const own = minimal.get(`${kind.apiVersion}/${kind.kind}`)
  const base =
    own && !chance.once(4)
      ? structuredClone(own)
      : { ...fullObject(kind.model, () => false), spec: undefined, metadata: {} }
  const metadata = { ...(base as { metadata?: object }).metadata, name }
  return { apiVersion: kind.apiVersion, kind: kind.kind, ...base, metadata }
}

const PATCHES = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
]

const patchOf = (chance: Chance, type: string, draft: object): unknown => {
  if (type !== PATCHES[0]) return draft
  const paths = [
    '/metadata/labels',
    '/spec',
    '/data/a',
    '/metadata/name',
    '/spec/~1x',
    '/-',
    '',
    '/status/0',
  ]
  return Array.from({ length: 1 + chance.below(3) }, () => ({
    op: chance.pick(['add', 'remove', 'replace', 'move', 'copy', 'test', 'bad']),
    path: chance.pick(paths),
    from: chance.pick(paths),
    value: damaged(chance, draft),
  }))
}

interface Message {
  method: string
  path: string
  type: string
  body: Buffer
}

const encoded = (chance: Chance, document: unknown): { type: string; body: Buffer } => {
  const json = { type: 'application/json', body: Buffer.from(JSON.stringify(document) ?? 'null') }
  if (!chance.once(4)) return json
  if (chance.once(2)) return { type: 'application/yaml', body: Buffer.from(stringify(document)) }
  try {
    const body = encodeDocument(document as object)
    return body ? { type: 'application/vnd.kubernetes.protobuf', body } : json
  } catch {
    return json
  }
}

const messageOf = (chance: Chance, kind: AnyKind, worker: number): Message => {
  const name = kind.namespaced ? chance.pick(NAMES) : `${chance.pick(NAMES)}-${worker}`
  const root = kind.group ? `/apis/${kind.apiVersion}` : '/api/v1'
  const within = kind.namespaced ? `/namespaces/fuzz-${worker}` : ''
  const collection = `${root}${within}/${kind.plural}`
  const method = chance.pick(['POST', 'POST', 'PUT', 'PATCH', 'PATCH', 'DELETE'])
  const draft = draftOf(chance, kind, name)
  const changed = chance.once(4)
    ? draft
    : damaged(chance, chance.once(3) ? damaged(chance, draft) : draft)
  const part = chance.once(5)
    ? chance.pick(['/status', '/scale', '/binding', '/eviction', '/x'])
    : ''
  const path = method === 'POST' && part === '' ? collection : `${collection}/${name}${part}`
  const query = chance.once(5)
    ? `?fieldValidation=${chance.pick(['Strict', 'Ignore', 'Warn', 'x'])}`
    : ''
  if (method === 'PATCH') {
    const type = chance.pick(PATCHES)
    const text = JSON.stringify(patchOf(chance, type, changed as object)) ?? 'null'
    const manager = query ? '&fieldManager=fuzz' : '?fieldManager=fuzz'
    return { method, path: `${path}${query}${manager}`, type, body: Buffer.from(text) }
  }
  return { method, path: `${path}${query}`, ...encoded(chance, changed) }
}

/** Kinds whose status the apiserver itself writes meanwhile. */
const WRITTEN_MEANWHILE = new Set(['FlowSchema', 'CustomResourceDefinition', 'APIService'])

/** Revision and uid of everything a worker can have touched. */
const stateOf = (kind: AnyKind, worker: number): string => {
  const { cache } = storage
  const names = kind.namespaced ? NAMES : NAMES.map((name) => `${name}-${worker}`)
  const namespace = kind.namespaced ? `fuzz-${worker}` : undefined
  return names
    .map((name) => cache.get(kind.storedAs?.kind ?? kind, namespace, name)?.metadata)
    .map((metadata) => `${metadata?.uid} ${metadata?.resourceVersion}`)
    .join()
}

for (let worker = 0; worker < 8; worker++)
  await api.call('POST', '/api/v1/namespaces', { metadata: { name: `fuzz-${worker}` } })

test('bodies', async () => {
  await explore(async (chance, worker) => {
    const kind = chance.pick(served)
    const message = messageOf(chance, kind, worker)
    const body = chance.once(5) ? damagedBytes(chance, message.body) : message.body
    const before = stateOf(kind, worker)
    const answer = await call(message.method, message.path, { 'content-type': message.type }, body)
    const what = `${message.method} ${message.path} ${message.type} ${body.toString().slice(0, 2000)}`
    const fault = faultOf(answer)
    if (fault) return `${what}\n  ${fault}`
    if (WRITTEN_MEANWHILE.has(kind.kind)) return undefined
    if (answer.code >= 400 && stateOf(kind, worker) !== before)
      return `${what}\n  refused and written`
    return undefined
  })
})

test('what was written is whole: it can be read, and written again as it is', async () => {
  assert.is(({} as { polluted?: boolean }).polluted, undefined)
  const faults = new Map<AnyKind, string>()
  for (const kind of served) {
    for (const object of storage.cache.list(kind.storedAs?.kind ?? kind)) {
      const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata
      assert.ok(name && uid && resourceVersion && creationTimestamp, `${kind.kind} ${name}`)
      const root = kind.group ? `/apis/${kind.apiVersion}` : '/api/v1'
      const within = namespace ? `/namespaces/${namespace}` : ''
      const path = `${root}${within}/${kind.plural}/${encodeURIComponent(name)}`
      const read = await call('GET', path, {})
      assert.is(read.code, 200, path)
      const type = { 'content-type': 'application/json' }
      const again = await call('PUT', `${path}?dryRun=All`, type, read.body)
      if (again.code !== 200) faults.set(kind, `${path}: ${again.body} ${read.body}`.slice(0, 1500))
    }
  }
  assert.is([...faults.values()].join('\n'), '')
})

test.after(async () => {
  close()
  await api.stop()
})
test.run()
