/**
 * Every kind through a real apiserver, store and nats-server, as its cases in `test/api` say.
 *
 * A case is a file `test/api/<group>/<kind>.cases.ts`; `KUBUS_KINDS=batch/,apps/daemon-set` runs some of them.
 */
import { readdirSync } from 'node:fs'
import { request } from 'node:https'
import jsonPatch from 'fast-json-patch'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { verbsOf } from '../../../src/actors/apiserver/discovered-verbs.ts'
import { deepCopy } from '../../../src/api/equality.ts'
import type { AnyKind } from '../../../src/api/kind.ts'
import { kindByName, kinds } from '../../../src/api/kinds.ts'
import type { ExpectedCause, KindCase, LooseObject, ObjectDraft } from '../../api/kind-case.ts'
import { type Answer, connection } from '../../support/api-server.ts'
import { eventually } from '../../support/cluster.ts'
import { startControlPlane } from '../../support/control-plane.ts'

const wanted = process.env['KUBUS_KINDS']?.split(',')
const names = readdirSync('test/api', { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.cases.ts'))
  .map((path) => path.replace(/\.cases\.ts$/, ''))
  .filter((name) => !wanted || wanted.some((prefix) => name.startsWith(prefix)))
  .sort()

const casesOf = async (name: string): Promise<KindCase> =>
  ((await import(`../../api/${name}.cases.ts`)) as { cases: KindCase }).cases

const cases = await Promise.all(names.map(casesOf))
const plane = await startControlPlane()
const { api } = plane
const completions = new Map(cases.map(({ kind, isComplete }) => [kind, isComplete]))

const rootOf = (kind: AnyKind): string =>
  kind.group ? `/apis/${kind.group}/${kind.version}` : `/api/${kind.version}`

const collectionOf = (kind: AnyKind, namespace = 'default'): string =>
  kind.namespaced
    ? `${rootOf(kind)}/namespaces/${namespace}/${kind.plural}`
    : `${rootOf(kind)}/${kind.plural}`

const pathOf = (kind: AnyKind, { metadata: { name, namespace } }: ObjectDraft): string =>
  `${collectionOf(kind, namespace)}/${name}`

const typed = (kind: AnyKind, draft: ObjectDraft): LooseObject => ({
  apiVersion: kind.apiVersion,
  kind: kind.kind,
  ...deepCopy(draft),
})

const post = (kind: AnyKind, object: ObjectDraft) =>
  api.call('POST', collectionOf(kind, object.metadata.namespace), object)

const create = async (kind: AnyKind, draft: ObjectDraft): Promise<LooseObject> => {
  const answer = await post(kind, typed(kind, draft))
  assert.is(answer.code, 201, answer.text)
  return answer.json
}

/** Deletes `draft` and lifts what holds it, unless the apiserver does so by itself. */
const remove = async (kind: AnyKind, draft: ObjectDraft): Promise<void> => {
  const path = pathOf(kind, draft)
  const answer = await api.call('DELETE', path)
  const mayBeGone = completions.get(kind) !== undefined
  assert.ok([200, 202, ...(mayBeGone ? [404] : [])].includes(answer.code), answer.text)
  if (mayBeGone)
    await eventually(async () => (await api.call('GET', path)).code === 404, `${path} to be gone`)
  const left = await api.call('GET', path)
  if (left.code === 404) return
  assert.ok(left.json.metadata.deletionTimestamp, `${path} is there after its deletion`)
  if (left.json.spec?.finalizers) {
    delete left.json.spec.finalizers
    assert.is((await api.call('PUT', `${path}/finalize`, left.json)).code, 200)
  }
  if (left.json.metadata.finalizers) await patch(path, 'merge', { metadata: { finalizers: null } })
  assert.is((await api.call('GET', path)).code, 404, `${path} is there after its finalizers`)
}

/** As it is once the apiserver has added what it adds by itself. */
const completed = async (
  kind: AnyKind,
  draft: ObjectDraft,
  created: LooseObject,
): Promise<LooseObject> => {
  const isComplete = completions.get(kind)
  if (!isComplete) return created
  return eventually(async () => {
    const { json } = await api.call('GET', pathOf(kind, draft))
    return isComplete(json) && json
  }, `${draft.metadata.name} to be complete`)
}

/** Runs `body` with a fresh object made of `draft`, which goes afterwards. */
const withObject = async (
  kind: AnyKind,
  draft: ObjectDraft,
  body: (made: LooseObject) => Promise<void>,
): Promise<void> => {
  const created = await create(kind, draft)
  try {
    await body(await completed(kind, draft, created))
  } finally {
    await remove(kind, draft)
  }
}

const PATCH_TYPES = {
  json: 'json-patch+json',
  merge: 'merge-patch+json',
  strategic: 'strategic-merge-patch+json',
}

const patch = (path: string, type: keyof typeof PATCH_TYPES, body: unknown): Promise<Answer> =>
  api.call('PATCH', path, body, {
    headers: { 'content-type': `application/${PATCH_TYPES[type]}` },
  })

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** What of `part` is not in `whole`; lists are compared item by item and in full, null stands for absent. */
const differenceOf = (part: unknown, whole: unknown, path: string): string | undefined => {
  if (Array.isArray(part)) {
    if (!Array.isArray(whole) || whole.length !== part.length)
      return `${path}: ${JSON.stringify(whole)} is not ${JSON.stringify(part)}`
    for (const [index, item] of part.entries()) {
      const found = differenceOf(item, whole[index], `${path}[${index}]`)
      if (found) return found
    }
    return undefined
  }
  if (!isRecord(part))
    return Object.is(part, whole ?? (part === null ? null : undefined))
      ? undefined
      : `${path}: ${JSON.stringify(whole)} is not ${JSON.stringify(part)}`
  if (!isRecord(whole)) return `${path}: ${JSON.stringify(whole)} is no object`
  for (const [key, item] of Object.entries(part)) {
    const found = differenceOf(item, whole[key], `${path}.${key}`)
    if (found) return found
  }
  return undefined
}

const holds = (part: unknown, whole: unknown): void =>
  assert.is(differenceOf(part, whole, '') ?? '', '')

/** The merge patch that makes `after` of `before`. */
const mergePatchOf = (before: LooseObject, after: LooseObject): LooseObject => {
  const difference: LooseObject = {}
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const [old, next] = [before[key], after[key]]
    if (next === undefined) difference[key] = null
    else if (isRecord(old) && isRecord(next)) {
      const inner = mergePatchOf(old, next)
      if (Object.keys(inner).length > 0) difference[key] = inner
    } else if (JSON.stringify(old) !== JSON.stringify(next)) difference[key] = next
  }
  return difference
}

const isRefused = (answer: Answer, kind: AnyKind, causes: readonly ExpectedCause[]): void => {
  assert.is(answer.code, 422, answer.text)
  const { reason, details } = answer.json
  assert.is(reason, 'Invalid')
  assert.is(details.kind, kind.kind)
  const found = (details.causes ?? []) as { field: string; reason: string; message: string }[]
  const shown = (list: readonly ExpectedCause[]) =>
    list.map((cause) => `${cause.field} ${cause.reason}`).join('\n')
  assert.is(shown(found), shown(causes), answer.json.message)
  for (const [index, { message }] of causes.entries()) {
    const given = found[index]?.message ?? ''
    if (typeof message === 'string') assert.is(given, message)
    else if (message) assert.match(given, message)
  }
}

interface WatchEvent {
  type: string
  object: LooseObject
}

/** Watches one object until it is deleted; resolves with the types of its events. */
const watchUntilDeleted = async (
  kind: AnyKind,
  draft: ObjectDraft,
): Promise<{ events: Promise<WatchEvent[]> }> => {
  const collection = collectionOf(kind, draft.metadata.namespace)
  const selector = encodeURIComponent(`metadata.name=${draft.metadata.name}`)
  const list = await api.call('GET', `${collection}?limit=1`)
  const since = list.json.metadata.resourceVersion
  const path = `${collection}?watch=true&fieldSelector=${selector}&resourceVersion=${since}&timeoutSeconds=60`
  const events: WatchEvent[] = []
  const done = new Promise<WatchEvent[]>((resolve, reject) => {
    const options = { ...connection(api.pki, api.port, api.pki.admin), path, agent: false }
    const sent = request(options, (response) => {
      let rest = ''
      response.setEncoding('utf8')
      response.on('data', (text: string) => {
        const lines = (rest + text).split('\n')
        rest = lines.pop() ?? ''
        for (const line of lines) events.push(JSON.parse(line))
        if (events.at(-1)?.type === 'DELETED') sent.destroy()
      })
      response.on('close', () => resolve(events))
    })
    sent.on('error', (error) => (events.length > 0 ? resolve(events) : reject(error)))
    sent.end()
  })
  return { events: done }
}

const registerCreation = (name: string, { kind, minimal, defaults, bad }: KindCase): void => {
  for (const { name: fault, change, causes } of bad)
    test(`${name}: refused: ${fault}`, async () => {
      const object = typed(kind, minimal)
      change(object)
      isRefused(await post(kind, object), kind, causes)
    })

  test(`${name}: created with its defaults, read back, found by its fields`, () =>
    withObject(kind, minimal, async (made) => {
      holds(defaults, made)
      if (kind.tracksGeneration) assert.is(made.metadata.generation, 1)
      const path = pathOf(kind, minimal)
      assert.equal((await api.call('GET', path)).json, made)
      for (const [field, read] of Object.entries(kind.selectableFields ?? {})) {
        const value = (read as (object: LooseObject) => string)(made)
        const selector = encodeURIComponent(
          `${field}=${value},metadata.name=${minimal.metadata.name}`,
        )
        const collection = collectionOf(kind, minimal.metadata.namespace)
        const found = await api.call('GET', `${collection}?fieldSelector=${selector}`)
        assert.is(found.json.items?.length, 1, `${field}=${value}: ${found.text}`)
      }
    }))
}

const registerUpdates = (name: string, given: KindCase): void => {
  const { kind, minimal, immutable = [], change } = given
  const path = pathOf(kind, minimal)

  for (const { name: fault, change: forbidden, causes } of immutable)
    test(`${name}: never changes: ${fault}`, () =>
      withObject(kind, minimal, async (object) => {
        forbidden(object)
        isRefused(await api.call('PUT', path, object), kind, causes)
      }))

  test(`${name}: watched while it is created, updated and deleted`, async () => {
    const { events } = await watchUntilDeleted(kind, minimal)
    let last: LooseObject
    await withObject(kind, minimal, async (object) => {
      const { generation } = object.metadata
      change(object)
      const updated = await api.call('PUT', path, object)
      assert.is(updated.code, 200, updated.text)
      last = updated.json
      assert.not.equal(last.metadata.resourceVersion, object.metadata.resourceVersion)
      if (kind.tracksGeneration) assert.is(last.metadata.generation, generation + 1)
      const again = await api.call('PUT', path, last)
      assert.equal(again.json, last, 'an update without a change changes nothing')
    })
    const seen = await events
    const types = seen.map(({ type }) => type)
    assert.is(types[0], 'ADDED')
    assert.is(types[1], 'MODIFIED')
    assert.is(types.at(-1), 'DELETED')
    const { resourceVersion } = last.metadata
    const event = seen.find(({ object }) => object.metadata.resourceVersion === resourceVersion)
    assert.equal(event, { type: 'MODIFIED', object: last })
  })

  test(`${name}: patched in every way`, async () => {
    for (const type of ['json', 'merge', 'strategic'] as const)
      await withObject(kind, minimal, async (before) => {
        const after = deepCopy(before)
        change(after)
        const difference = mergePatchOf(before, after)
        const body = type === 'json' ? jsonPatch.compare(before, after) : difference
        const answer = await patch(path, type, body)
        assert.is(answer.code, 200, `${type}: ${answer.text}`)
        holds(difference, answer.json)
      })
  })
}

/** `object` with the merge patch in it. */
const merged = (object: LooseObject, difference: LooseObject): LooseObject => {
  const result = { ...object }
  for (const [key, item] of Object.entries(difference))
    if (item === null) delete result[key]
    else result[key] = isRecord(item) ? merged(result[key] ?? {}, item) : item
  return result
}

const hasNull = (value: unknown): boolean =>
  value === null || (isRecord(value) && Object.values(value).some(hasNull))

const registerApply = (name: string, { kind, minimal, change }: KindCase): void => {
  const path = pathOf(kind, minimal)
  const apply = (config: LooseObject, query = ''): Promise<Answer> =>
    api.call('PATCH', `${path}?fieldManager=one${query}`, config, {
      headers: { 'content-type': 'application/apply-patch+yaml' },
    })

  test(`${name}: applied, applied again, applied with a change`, async () => {
    const config = typed(kind, minimal)
    config.metadata.labels = { ...config.metadata.labels, applied: 'once' }
    const tried = await apply(config, '&dryRun=All')
    assert.is(tried.code, 201, tried.text)
    assert.is((await api.call('GET', path)).code, 404, 'a dry run stores nothing')
    const applied = await apply(config)
    assert.is(applied.code, 201, applied.text)
    try {
      const before = await completed(kind, minimal, applied.json)
      const again = await apply(config)
      assert.is(again.code, 200, again.text)
      assert.equal(again.json, before, 'what changes nothing is not written')
      const entry = before.metadata.managedFields.find(
        ({ manager }: { manager: string }) => manager === 'one',
      )
      assert.is(entry.operation, 'Apply')
      assert.is(entry.apiVersion, kind.apiVersion)
      const after = deepCopy(before)
      change(after)
      const difference = mergePatchOf(before, after)
      const changed = await apply(merged(config, difference))
      assert.is(changed.code, 200, changed.text)
      if (!hasNull(difference)) holds(difference, changed.json)
    } finally {
      await remove(kind, minimal)
    }
  })
}

const registerStatus = (name: string, { kind, minimal, change, status }: KindCase): void => {
  if (!kind.statusSubresource) return
  test(`${name}: spec and status never cross`, () =>
    withObject(kind, minimal, async (made) => {
      const path = pathOf(kind, minimal)
      const mixed = deepCopy(made)
      change(mixed)
      if (status) mixed.status = { ...mixed.status, ...deepCopy(status) }
      const written = await api.call('PUT', `${path}/status`, mixed)
      assert.is(written.code, 200, written.text)
      const { status: writtenStatus, metadata, ...writtenRest } = written.json
      const { status: madeStatus, metadata: madeMetadata, ...madeRest } = made
      assert.equal(writtenRest, madeRest, 'the status subresource changes nothing but the status')
      assert.is(metadata.generation, madeMetadata.generation)
      if (status) holds(status, writtenStatus)

      const next = deepCopy(written.json)
      change(next)
      next.status = madeStatus ?? {}
      const updated = await api.call('PUT', path, next)
      assert.is(updated.code, 200, updated.text)
      assert.equal(updated.json.status, writtenStatus, 'an update does not change the status')
      const patched = await patch(`${path}/status`, 'merge', { metadata: { labels: { a: 'b' } } })
      assert.is(patched.code, 200, patched.text)
    }))
}

const PROTOBUF = 'application/vnd.kubernetes.protobuf'

/** GET, or PUT of `bytes`, in protobuf. */
const inProtobuf = (path: string, bytes?: Buffer): Promise<{ code: number; bytes: Buffer }> =>
  new Promise((resolve, reject) => {
    const options = {
      ...connection(api.pki, api.port, api.pki.admin),
      path,
      method: bytes ? 'PUT' : 'GET',
      headers: { accept: PROTOBUF, ...(bytes ? { 'content-type': PROTOBUF } : {}) },
      agent: false,
    }
    const sent = request(options, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () =>
        resolve({ code: response.statusCode ?? 0, bytes: Buffer.concat(chunks) }),
      )
    })
    sent.on('error', reject)
    sent.end(bytes)
  })

const registerForms = (name: string, { kind, minimal }: KindCase): void => {
  test(`${name}: read and written back in protobuf and YAML, unchanged`, () =>
    withObject(kind, minimal, async (made) => {
      const path = pathOf(kind, minimal)
      const read = await inProtobuf(path)
      assert.is(read.code, 200)
      const written = await inProtobuf(path, read.bytes)
      assert.is(written.code, 200, written.bytes.toString())
      assert.ok(written.bytes.equals(read.bytes))
      const yaml = await api.call('GET', path, undefined, {
        headers: { accept: 'application/yaml' },
      })
      const again = await api.call('PUT', path, yaml.text, {
        headers: { 'content-type': 'application/yaml' },
      })
      assert.is(again.code, 200, again.text)
      assert.equal((await api.call('GET', path)).json, made)
    }))

  test(`${name}: deleted with its collection, by label`, () =>
    withObject(kind, minimal, async () => {
      if (!verbsOf(kind).includes('deletecollection')) return
      const collection = collectionOf(kind, minimal.metadata.namespace)
      const path = pathOf(kind, minimal)
      const none = await api.call('DELETE', `${collection}?labelSelector=marked%3Dno`)
      assert.is(none.code, 200, none.text)
      assert.is((await api.call('GET', path)).json.metadata.deletionTimestamp, undefined)
      const label = await patch(path, 'merge', { metadata: { labels: { marked: 'yes' } } })
      assert.is(label.code, 200, label.text)
      const gone = await api.call('DELETE', `${collection}?labelSelector=marked%3Dyes`)
      assert.is(gone.code, 200, gone.text)
      const left = await api.call('GET', path)
      assert.ok(left.code === 404 || left.json.metadata.deletionTimestamp, left.text)
      if (left.code === 404) assert.is((await post(kind, typed(kind, minimal))).code, 201)
    }))
}

const registerReading = (name: string, { kind, minimal, cells }: KindCase): void => {
  test(`${name}: its row in a table`, () =>
    withObject(kind, minimal, async () => {
      const selector = encodeURIComponent(`metadata.name=${minimal.metadata.name}`)
      const path = `${collectionOf(kind, minimal.metadata.namespace)}?fieldSelector=${selector}`
      const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io'
      const { json } = await api.call('GET', path, undefined, { headers: { accept } })
      const age = json.columnDefinitions.findIndex(
        (column: { name: string }) => column.name === 'Age',
      )
      const row: unknown[] = json.rows[0].cells.filter((_: unknown, index: number) => index !== age)
      const shown = row.map((cell, index) => {
        const pattern = cells[index]
        return pattern instanceof RegExp && pattern.test(String(cell)) ? pattern : cell
      })
      assert.equal(shown, cells)
    }))

  if (!kind.scale) return
  test(`${name}: scaled by update and by patches`, () =>
    withObject(kind, minimal, async () => {
      const path = `${pathOf(kind, minimal)}/scale`
      const { json: scale } = await api.call('GET', path)
      assert.is(scale.kind, 'Scale')
      scale.spec.replicas = 3
      const updated = await api.call('PUT', path, scale)
      assert.is(updated.json.spec?.replicas, 3, updated.text)
      const merged = await patch(path, 'merge', { spec: { replicas: 4 } })
      assert.is(merged.json.spec?.replicas, 4, merged.text)
      const operations = [{ op: 'replace', path: '/spec/replicas', value: 5 }]
      const replaced = await patch(path, 'json', operations)
      assert.is(replaced.json.spec?.replicas, 5, replaced.text)
      const strategic = await patch(path, 'strategic', { spec: { replicas: 6 } })
      assert.is(strategic.json.spec?.replicas, 6, strategic.text)
      const refused = await patch(path, 'merge', { spec: { replicas: -1 } })
      assert.is(refused.code, 422, refused.text)
      assert.is(refused.json.details.causes[0].field, 'spec.replicas')
    }))
}

for (const [index, given] of cases.entries()) {
  const name = names[index]!
  const kindOf = ({ apiVersion = '', kind = '' }: ObjectDraft) => kindByName(apiVersion, kind)!
  const needs = given.needs ?? []
  if (needs.length > 0)
    test(`${name}: what it needs is there`, async () => {
      for (const draft of needs) await create(kindOf(draft), draft)
    })
  registerCreation(name, given)
  registerUpdates(name, given)
  registerApply(name, given)
  registerStatus(name, given)
  registerForms(name, given)
  registerReading(name, given)
  if (needs.length > 0)
    test(`${name}: what it needed goes`, async () => {
      for (const draft of [...needs].reverse()) await remove(kindOf(draft), draft)
    })
}

test('every kind has a case', () => {
  const covered = new Set(cases.map(({ kind }) => kind))
  const missing = wanted ? [] : kinds.filter((kind) => !covered.has(kind))
  assert.equal(
    missing.map(({ apiVersion, kind }) => `${apiVersion} ${kind}`),
    [],
  )
})

test.after(() => plane.stop())
test.run()
