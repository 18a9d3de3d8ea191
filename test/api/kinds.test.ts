import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { parseAllDocuments } from 'yaml'
import { deepCopy } from '../../src/api/equality.ts'
import type { AnyKind } from '../../src/api/kind.ts'
import { kindByName, kindByResource, kinds } from '../../src/api/kinds.ts'
import type { KubernetesObject } from '../../src/api/meta.ts'
import type { FieldError } from '../../src/api/status-error.ts'
import type { KindCase } from './kind-case.ts'

const NOW = Date.parse('2026-01-01T01:00:00Z')

const podSpec = { containers: [{ name: 'web', image: 'web:1' }] }
const workload = {
  selector: { matchLabels: { app: 'web' } },
  template: { metadata: { labels: { app: 'web' } }, spec: podSpec },
}

/** What a user must give at least, besides a name. */
const minimal: Readonly<Record<string, object>> = {
  Pod: { spec: podSpec },
  Service: { spec: { ports: [{ port: 80 }] } },
  EndpointSlice: { addressType: 'IPv4', endpoints: [] },
  Event: { involvedObject: { kind: 'Pod', name: 'web', namespace: 'default' } },
  Deployment: { spec: workload },
  ReplicaSet: { spec: workload },
}

/** The minimal object that the cases of a kind name, of its metadata the name only. */
const fromCases = new Map<AnyKind, { name: string; rest: object }>()
for (const path of readdirSync('test/api', { recursive: true, encoding: 'utf8' })) {
  const name = /^(.*)\.cases\.ts$/.exec(path)?.[1]
  if (!name) continue
  const { cases } = (await import(`./${name}.cases.ts`)) as { cases: KindCase }
  const { metadata, ...rest } = cases.minimal
  fromCases.set(cases.kind, { name: metadata.name, rest })
}
for (const kind of kinds) await kind.load?.()

const create = (kind: AnyKind) => {
  const known = fromCases.get(kind)
  const object: KubernetesObject & { status?: unknown } = deepCopy({
    apiVersion: kind.apiVersion,
    kind: kind.kind,
    metadata: {
      name: known?.name ?? 'web',
      ...(kind.namespaced ? { namespace: 'default' } : {}),
      uid: 'uid',
      resourceVersion: '1',
      creationTimestamp: '2026-01-01T00:00:00Z',
    },
    ...(known?.rest ?? minimal[kind.kind]),
  })
  kind.prepareForCreate?.(object, { now: NOW })
  kind.applyDefaults?.(object)
  return object
}

const shown = (errors: FieldError[] = []) =>
  errors.map(({ field, message }) => `${field}: ${message}`)

test('every kind is found by its resource and by its name', () => {
  for (const kind of kinds) {
    const preferred = kinds.find(
      ({ group, plural }) => group === kind.group && plural === kind.plural,
    )
    assert.is(kindByResource(kind.group, kind.plural), preferred)
    assert.is(kindByName(kind.apiVersion, kind.kind), kind)
  }
})

test('the minimal object of every kind is valid, new and unchanged', () => {
  for (const kind of kinds) {
    const object = create(kind)
    assert.equal(shown(kind.validate?.(object)), [], kind.kind)
    const next = deepCopy(object)
    kind.applyDefaults?.(next)
    kind.prepareForUpdate?.(next, object, { now: NOW })
    assert.equal(shown(kind.validate?.(next)), [], kind.kind)
    assert.equal(shown(kind.validateUpdate?.(next, object)), [], kind.kind)
    assert.equal(shown(kind.validateStatusUpdate?.(deepCopy(object), object)), [], kind.kind)
  }
})

test('defaults applied twice change nothing', () => {
  for (const kind of kinds) {
    const once = create(kind)
    const twice = deepCopy(once)
    kind.applyDefaults?.(twice)
    assert.equal(twice, once, kind.kind)
  }
})

test('an update never mutates the old object', () => {
  for (const kind of kinds) {
    const old = create(kind)
    const before = deepCopy(old)
    kind.prepareForUpdate?.(deepCopy(old), old, { now: NOW })
    kind.prepareForStatusUpdate?.(deepCopy(old), old, { now: NOW })
    assert.equal(old, before, kind.kind)
  }
})

test('no step leaves a field set to undefined, which would be stored as null', () => {
  for (const kind of kinds) {
    const bare = create(kind)
    delete bare.status
    for (const step of ['prepareForUpdate', 'prepareForStatusUpdate'] as const) {
      const next = deepCopy(bare)
      kind[step]?.(next, bare, { now: NOW })
      assert.equal(JSON.parse(JSON.stringify(next)), next, `${kind.kind} ${step}`)
    }
  }
})

test('status and spec never cross where status is a subresource', () => {
  for (const kind of kinds.filter(({ statusSubresource }) => statusSubresource)) {
    const old = create(kind)
    const next = { ...deepCopy(old), status: { mark: 'mine' } }
    kind.prepareForUpdate?.(next, old, { now: NOW })
    assert.not.ok(JSON.stringify(next.status ?? null).includes('mine'), kind.kind)
    const status = { ...deepCopy(old), spec: { mark: 'mine' } }
    kind.prepareForStatusUpdate?.(status, old, { now: NOW })
    assert.not.ok(JSON.stringify(status.spec ?? null).includes('mine'), kind.kind)
  }
})

test('every kind has a name column, and every column a cell of its type', () => {
  for (const kind of kinds) {
    const object = create(kind)
    assert.ok(kind.columns.some(({ name, format }) => name === 'Name' && format === 'name'))
    assert.is(new Set(kind.columns.map(({ name }) => name)).size, kind.columns.length)
    for (const column of kind.columns) {
      const cell = column.value(object, NOW)
      assert.ok(column.description.length > 0, `${kind.kind} ${column.name}`)
      assert.ok(
        ['string', 'number', 'boolean'].includes(typeof cell),
        `${kind.kind} ${column.name}`,
      )
      if (column.name === 'Age') assert.is(cell, '60m')
    }
  }
})

test('selectable fields are texts of the minimal object', () => {
  for (const kind of kinds) {
    const object = create(kind)
    for (const [field, read] of Object.entries(kind.selectableFields ?? {})) {
      const value = (read as (object: unknown) => unknown)(object)
      assert.type(value, 'string', `${kind.kind} ${field}`)
    }
  }
})

test('a scale is read and written without touching the object', () => {
  for (const kind of kinds.filter(({ scale }) => scale)) {
    const object = create(kind)
    assert.equal(kind.scale!.read(object), {
      replicas: 1,
      statusReplicas: 0,
      selector: 'app=web',
    })
    assert.is(kind.scale!.read(kind.scale!.write(object, 5)).replicas, 5)
    assert.is(kind.scale!.read(object).replicas, 1)
  }
})

test('the workloads and services are in the category all', () => {
  const all = kinds.filter(({ categories }) => categories?.includes('all'))
  assert.equal([...new Set(all.map(({ plural }) => plural))].sort(), [
    'cronjobs',
    'daemonsets',
    'deployments',
    'horizontalpodautoscalers',
    'jobs',
    'pods',
    'replicasets',
    'replicationcontrollers',
    'services',
    'statefulsets',
  ])
})

test('the example a newcomer applies is valid', () => {
  const documents = parseAllDocuments(readFileSync('examples/hello.yaml', 'utf8'))
  assert.is(documents.length, 2)
  for (const document of documents) {
    const object = document.toJS() as KubernetesObject
    const kind = kindByName(object.apiVersion, object.kind)!
    kind.prepareForCreate?.(object, { now: NOW })
    kind.applyDefaults?.(object)
    assert.equal(shown(kind.validate?.(object)), [])
  }
})

test.run()
