/**
 * Custom resources on two apiservers over a real store: served by both, checked, converted, and cleaned up.
 */
import { createServer, request } from 'node:https'
import type { AddressInfo } from 'node:net'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createAuthority, issueCertificate } from '../../../src/node/pki.ts'
import { systemClock } from '../../../src/std/clock.ts'
import { type Answer, connection } from '../../support/api-server.ts'
import { startMaster } from '../../support/control-plane.ts'
import { startNatsServer } from '../../support/nats-server.ts'

const nats = await startNatsServer()
const masters = await Promise.all([startMaster(nats), startMaster(nats, { replica: 2 })])
const [one, two] = masters.map(({ api }) => api) as [
  (typeof masters)[0]['api'],
  (typeof masters)[0]['api'],
]

// biome-ignore lint/suspicious/noExplicitAny: definitions of every shape
type Loose = any

const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'
const WIDGETS = '/apis/example.com/v1/namespaces/default/widgets'
const JSON_PATCH = { headers: { 'content-type': 'application/json-patch+json' } }
const MERGE_PATCH = { headers: { 'content-type': 'application/merge-patch+json' } }
const AS_TABLE = { headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' } }

const until = async <T>(look: () => Promise<T | undefined | false>): Promise<T> => {
  for (let tries = 0; tries < 200; tries++) {
    const found = await look()
    if (found) return found
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
  throw new Error('it did not come')
}

interface Watch {
  /** What has come so far. */
  text: string
  ended: Promise<void>
}

const watch = (api: typeof one, path: string): Watch => {
  const seen: Watch = { text: '', ended: Promise.resolve() }
  seen.ended = new Promise((resolve, reject) => {
    const sent = request({ ...connection(api.pki, api.port, api.pki.admin), path }, (response) => {
      response.on('data', (chunk: Buffer) => {
        seen.text += chunk.toString()
      })
      response.on('close', () => resolve())
    })
    sent.on('error', reject)
    sent.end()
  })
  return seen
}

const ok = (answer: Answer): Loose => {
  assert.ok(answer.code < 300, answer.text)
  return answer.json
}

const conditionOf = ({ status }: Loose, type: string): Loose =>
  status?.conditions?.find((condition: Loose) => condition.type === type)

/** Creates the definition and waits until it is established. */
const define = async (definition: Loose): Promise<void> => {
  ok(await one.call('POST', CRDS, definition))
  const { name } = definition.metadata
  await until(async () => {
    const { json } = await one.call('GET', `${CRDS}/${name}`)
    return conditionOf(json, 'Established')?.status === 'True'
  })
}

const removed = (name: string) =>
  until(async () => (await one.call('GET', `${CRDS}/${name}`)).code === 404)

const definition = (
  plural: string,
  kind: string,
  schema: Loose,
  version: Loose = {},
  spec: Loose = {},
): Loose => ({
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: `${plural}.example.com` },
  spec: {
    group: 'example.com',
    scope: 'Namespaced',
    names: { plural, kind },
    versions: [
      { name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: schema }, ...version },
    ],
    ...spec,
  },
})

const widgetSchema: Loose = {
  type: 'object',
  properties: {
    spec: {
      type: 'object',
      required: ['size'],
      properties: {
        size: { type: 'string', enum: ['small', 'large'] },
        replicas: { type: 'integer', default: 1, minimum: 0 },
        max: { type: 'integer' },
        ports: {
          type: 'array',
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['port'],
          items: {
            type: 'object',
            required: ['port'],
            properties: { port: { type: 'integer' }, name: { type: 'string' } },
          },
        },
      },
      'x-kubernetes-validations': [
        { rule: '!has(self.max) || self.replicas <= self.max', message: 'too many' },
        { rule: 'self.size == oldSelf.size', message: 'size is fixed', fieldPath: '.size' },
      ],
    },
    status: {
      type: 'object',
      properties: { replicas: { type: 'integer' }, selector: { type: 'string' } },
    },
  },
}

const widgets = definition(
  'widgets',
  'Widget',
  widgetSchema,
  {
    subresources: {
      status: {},
      scale: {
        specReplicasPath: '.spec.replicas',
        statusReplicasPath: '.status.replicas',
        labelSelectorPath: '.status.selector',
      },
    },
    additionalPrinterColumns: [
      { name: 'Size', type: 'string', jsonPath: '.spec.size' },
      { name: 'Replicas', type: 'integer', jsonPath: '.spec.replicas', priority: 1 },
    ],
    selectableFields: [{ jsonPath: '.spec.size' }],
  },
  { names: { plural: 'widgets', kind: 'Widget', shortNames: ['wd'], categories: ['things'] } },
)

const widget = (name: string, spec: Loose): Loose => ({
  apiVersion: 'example.com/v1',
  kind: 'Widget',
  metadata: { name },
  spec,
})

test('an established definition is served by every apiserver at once', async () => {
  await define(widgets)
  assert.equal(ok(await two.call('GET', WIDGETS)).items, [])
  const { json } = await one.call('GET', `${CRDS}/widgets.example.com`)
  assert.equal(json.status.storedVersions, ['v1'])
  assert.is(json.status.acceptedNames.listKind, 'WidgetList')
  assert.is(conditionOf(json, 'NamesAccepted').reason, 'NoConflicts')
  const { resources } = ok(await two.call('GET', '/apis/example.com/v1'))
  assert.equal(
    resources.map(({ name }: Loose) => name),
    ['widgets', 'widgets/scale', 'widgets/status'],
  )
})

test('objects are pruned, defaulted and counted', async () => {
  const created = await one.call('POST', WIDGETS, {
    ...widget('a', { size: 'small', extra: 1 }),
    status: { replicas: 5 },
  })
  assert.equal(created.json.spec, { size: 'small', replicas: 1 })
  assert.is(created.json.status, undefined)
  assert.is(created.json.metadata.generation, 1)
  assert.match(String(created.headers['warning']), /unknown field \\?"spec.extra\\?"/)
  const strict = await one.call(
    'POST',
    `${WIDGETS}?fieldValidation=Strict`,
    widget('s', { size: 'small', extra: 1 }),
  )
  assert.is(strict.code, 400)
  assert.match(strict.json.message, /strict decoding error: unknown field "spec.extra"/)
})

test('spec and status never cross, and only spec raises the generation', async () => {
  const status = { status: { replicas: 2, selector: 'a=b' }, spec: { size: 'large' } }
  const reported = ok(await one.call('PATCH', `${WIDGETS}/a/status`, status, MERGE_PATCH))
  assert.equal(reported.status, { replicas: 2, selector: 'a=b' })
  assert.is(reported.spec.size, 'small')
  assert.is(reported.metadata.generation, 1)
  const change = { spec: { replicas: 2 }, status: { replicas: 9 } }
  const changed = ok(await two.call('PATCH', `${WIDGETS}/a`, change, MERGE_PATCH))
  assert.is(changed.status.replicas, 2)
  assert.is(changed.metadata.generation, 2)
})

test('an update names the revision that it is made from', async () => {
  const { code, json } = await one.call('PUT', `${WIDGETS}/a`, widget('a', { size: 'small' }))
  assert.is(code, 422)
  assert.match(
    json.message,
    /metadata\.resourceVersion: Invalid value: 0: must be specified for an/,
  )
  const absent = await one.call('PUT', `${WIDGETS}/none`, widget('none', { size: 'small' }))
  assert.is(absent.code, 404)
})

test('the scale reads and writes where the definition says', async () => {
  const scale = ok(await one.call('GET', `${WIDGETS}/a/scale`))
  assert.is(scale.spec.replicas, 2)
  assert.equal(scale.status, { replicas: 2, selector: 'a=b' })
  ok(await one.call('PATCH', `${WIDGETS}/a/scale`, { spec: { replicas: 4 } }, MERGE_PATCH))
  assert.is(ok(await two.call('GET', `${WIDGETS}/a`)).spec.replicas, 4)
})

test('what the schema refuses is refused with paths and causes', async () => {
  const refused = async (spec: Loose) => {
    const { code, json } = await one.call('POST', WIDGETS, widget('b', spec))
    assert.is(code, 422)
    return json.details.causes.map(({ reason, field }: Loose) => `${reason} ${field}`)
  }
  assert.equal(await refused({ size: 'medium' }), [
    'FieldValueNotSupported spec.size',
    'FieldValueInvalid <nil>',
  ])
  assert.equal(await refused({ size: 'small', replicas: 3, max: 2 }), ['FieldValueInvalid spec'])
  const twice = [{ port: 1 }, { port: 1 }]
  assert.equal(await refused({ size: 'small', ports: twice }), [
    'FieldValueDuplicate spec.ports[1]',
  ])
  const fixed = await one.call('PATCH', `${WIDGETS}/a`, { spec: { size: 'large' } }, MERGE_PATCH)
  assert.is(fixed.code, 422)
  assert.match(fixed.json.message, /spec\.size: Invalid value: "object": size is fixed/)
})

test('patches: JSON, merge and apply are taken, strategic merge is not', async () => {
  const operations = [{ op: 'replace', path: '/spec/replicas', value: 3 }]
  const patched = ok(await one.call('PATCH', `${WIDGETS}/a`, operations, JSON_PATCH))
  assert.is(patched.spec.replicas, 3)
  const strategic = { headers: { 'content-type': 'application/strategic-merge-patch+json' } }
  assert.is((await one.call('PATCH', `${WIDGETS}/a`, {}, strategic)).code, 415)
  const apply = { headers: { 'content-type': 'application/apply-patch+yaml' } }
  const configured = widget('applied', { size: 'small', ports: [{ port: 1, name: 'x' }] })
  const path = `${WIDGETS}/applied?fieldManager=test`
  assert.is((await one.call('PATCH', path, configured, apply)).code, 201)
  const other = widget('applied', { size: 'small', ports: [{ port: 2 }] })
  const merged = await two.call('PATCH', `${WIDGETS}/applied?fieldManager=other`, other, apply)
  assert.equal(ok(merged).spec.ports, [{ port: 1, name: 'x' }, { port: 2 }])
})

test('tables have the columns of the definition, lists select by its fields', async () => {
  const table = ok(await one.call('GET', `${WIDGETS}/a`, undefined, AS_TABLE))
  assert.equal(
    table.columnDefinitions.map(({ name }: Loose) => name),
    ['Name', 'Size', 'Replicas'],
  )
  assert.equal(table.rows[0].cells, ['a', 'small', 3])
  ok(await one.call('POST', WIDGETS, widget('big', { size: 'large' })))
  const { items } = ok(await two.call('GET', `${WIDGETS}?fieldSelector=spec.size%3Dlarge`))
  assert.equal(
    items.map(({ metadata }: Loose) => metadata.name),
    ['big'],
  )
  assert.is((await one.call('GET', `${WIDGETS}?fieldSelector=spec.max%3D1`)).code, 400)
})

test('a schema that changes holds from then on, for objects that are read, too', async () => {
  const { json } = await one.call('GET', `${CRDS}/widgets.example.com`)
  const changed = structuredClone(json)
  const { spec } = changed.spec.versions[0].schema.openAPIV3Schema.properties
  spec.properties.color = { type: 'string', default: 'red' }
  delete spec.properties.ports
  ok(await one.call('PUT', `${CRDS}/widgets.example.com`, changed))
  const seen = ok(await two.call('GET', `${WIDGETS}/applied`))
  assert.is(seen.spec.color, 'red')
  assert.is(seen.spec.ports, undefined)
})

test('a name that is taken is refused until it is free', async () => {
  await define(definition('gadgets', 'Gadget', { type: 'object' }))
  const rival = definition('wheels', 'Gadget', { type: 'object' })
  ok(await one.call('POST', CRDS, rival))
  const refused = await until(async () => {
    const { json } = await one.call('GET', `${CRDS}/wheels.example.com`)
    return conditionOf(json, 'NamesAccepted')
  })
  assert.is(refused.reason, 'ListKindConflict')
  assert.is((await one.call('GET', '/apis/example.com/v1/wheels')).code, 404)
  ok(await one.call('DELETE', `${CRDS}/gadgets.example.com`))
  await until(async () => {
    const { json } = await two.call('GET', `${CRDS}/wheels.example.com`)
    return conditionOf(json, 'Established')?.status === 'True'
  })
  assert.equal(ok(await two.call('GET', '/apis/example.com/v1/wheels')).items, [])
})

test('versions that differ in name only are one object', async () => {
  const second = {
    name: 'v2',
    served: true,
    storage: false,
    deprecated: true,
    schema: { openAPIV3Schema: anything },
  }
  const crd = definition('boxes', 'Box', anything)
  crd.spec.versions.push(second)
  await define(crd)
  const body = {
    apiVersion: 'example.com/v2',
    kind: 'Box',
    metadata: { name: 'x' },
    spec: { a: 1 },
  }
  const created = await one.call('POST', '/apis/example.com/v2/namespaces/default/boxes', body)
  assert.is(ok(created).apiVersion, 'example.com/v2')
  assert.match(String(created.headers['warning']), /example.com\/v2 Box is deprecated/)
  const seen = ok(await two.call('GET', '/apis/example.com/v1/namespaces/default/boxes/x'))
  assert.is(seen.apiVersion, 'example.com/v1')
  assert.is(seen.metadata.uid, created.json.metadata.uid)
  const group = ok(await one.call('GET', '/apis/example.com'))
  assert.is(group.preferredVersion.version, 'v2')
})

const anything: Loose = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true }

/** A webhook that moves `spec.host` (v1) to `spec.address` (v2) and back. */
const startWebhook = async () => {
  const nowMs = systemClock.now()
  const authority = await createAuthority('hook-ca', nowMs)
  const pair = await issueCertificate(authority, {
    subject: { commonName: 'hook' },
    usage: 'server',
    names: ['127.0.0.1', 'hook.default.svc'],
    nowMs,
  })
  const hook = { answer: undefined as Loose, calls: 0 }
  const server = createServer({ cert: pair.certificate, key: pair.key }, (request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      hook.calls++
      const { request: review } = JSON.parse(Buffer.concat(chunks).toString())
      const convertedObjects = review.objects.map((object: Loose) => {
        const { host, address, ...rest } = object.spec
        const value = host ?? address
        const isSecond = review.desiredAPIVersion.endsWith('v2')
        const spec = { ...rest, ...(isSecond ? { address: value } : { host: value }) }
        return { ...object, apiVersion: review.desiredAPIVersion, spec }
      })
      response.setHeader('Content-Type', 'application/json')
      response.end(
        JSON.stringify({
          apiVersion: 'apiextensions.k8s.io/v1',
          kind: 'ConversionReview',
          response: hook.answer ?? {
            uid: review.uid,
            result: { status: 'Success' },
            convertedObjects,
          },
        }),
      )
    })
  })
  server.unref()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    hook,
    port,
    url: `https://127.0.0.1:${port}/convert`,
    caBundle: Buffer.from(authority.certificate).toString('base64'),
    stop: () => server.close(),
  }
}

test('a webhook converts what is read, listed, watched and written', async () => {
  const { hook, url, port, caBundle, stop } = await startWebhook()
  const text = { type: 'string' }
  const schemaWith = (field: string) => ({
    type: 'object',
    properties: { spec: { type: 'object', properties: { [field]: text } } },
  })
  const crd = definition('hosts', 'Host', schemaWith('host'))
  crd.spec.versions.push({
    name: 'v2',
    served: true,
    storage: false,
    schema: { openAPIV3Schema: schemaWith('address') },
  })
  crd.spec.conversion = {
    strategy: 'Webhook',
    webhook: { conversionReviewVersions: ['v1'], clientConfig: { url, caBundle } },
  }
  await define(crd)
  const [first, second] = ['v1', 'v2'].map(
    (version) => `/apis/example.com/${version}/namespaces/default/hosts`,
  ) as [string, string]
  const host = { apiVersion: 'example.com/v2', kind: 'Host', spec: { address: 'a' } }
  for (const name of ['x', 'y']) {
    const created = ok(await one.call('POST', second, { ...host, metadata: { name } }))
    assert.equal(created.spec, { address: 'a' })
  }
  assert.equal(ok(await two.call('GET', `${first}/x`)).spec, { host: 'a' })
  const { items } = ok(await two.call('GET', second))
  assert.equal(
    items.map(({ spec }: Loose) => spec.address),
    ['a', 'a'],
  )
  const patch = { spec: { address: 'b' } }
  assert.is(ok(await two.call('PATCH', `${second}/x`, patch, MERGE_PATCH)).spec.address, 'b')
  assert.equal(ok(await one.call('GET', `${first}/x`)).spec, { host: 'b' })
  const events = watch(one, `${second}?watch=1&timeoutSeconds=2`)
  await until(async () => events.text.includes('"name":"y"'))
  ok(await two.call('PATCH', `${first}/y`, { spec: { host: 'c' } }, MERGE_PATCH))
  const shown = () =>
    events.text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
      .map(({ type, object }) => `${type} ${object.metadata.name} ${object.spec.address}`)
  await until(async () => shown().at(-1) === 'MODIFIED y c')
  await events.ended
  assert.ok(hook.calls > 0)
  hook.answer = { uid: 'wrong', result: { status: 'Success' }, convertedObjects: [] }
  const failed = await one.call('POST', second, { ...host, metadata: { name: 'z' } })
  assert.is(failed.code, 500)
  assert.match(failed.json.message, /conversion webhook for example.com\/v2, Kind=Host failed: /)
  hook.answer = undefined
  const service = {
    metadata: { name: 'hook' },
    spec: { type: 'ExternalName', externalName: 'localhost' },
  }
  ok(await one.call('POST', '/api/v1/namespaces/default/services', service))
  const byService = { service: { namespace: 'default', name: 'hook', port }, url: null, caBundle }
  const rewired = { spec: { conversion: { webhook: { clientConfig: byService } } } }
  ok(await one.call('PATCH', `${CRDS}/hosts.example.com`, rewired, MERGE_PATCH))
  const { calls } = hook
  assert.equal(ok(await two.call('GET', `${second}/y`)).spec, { address: 'c' })
  assert.ok(hook.calls > calls)
  ok(await one.call('DELETE', `${CRDS}/hosts.example.com`))
  await removed('hosts.example.com')
  stop()
})

test('a definition goes when its last instance is gone, and watches end', async () => {
  const held = widget('held', { size: 'small' })
  held.metadata.finalizers = ['hold']
  const created = await one.call('POST', WIDGETS, held)
  ok(created)
  assert.match(String(created.headers['warning']), /prefer a domain-qualified finalizer name/)
  const watching = watch(two, `${WIDGETS}?watch=1`)
  await until(async () => watching.text.includes('"name":"held"'))
  ok(await one.call('DELETE', `${CRDS}/widgets.example.com`))
  await until(async () => (await two.call('GET', `${WIDGETS}/a`)).code === 404)
  const { json } = await two.call('GET', `${CRDS}/widgets.example.com`)
  assert.is(conditionOf(json, 'Terminating').reason, 'InstanceDeletionInProgress')
  const late = await two.call('POST', WIDGETS, widget('late', { size: 'small' }))
  assert.is(late.code, 405)
  const release = { metadata: { finalizers: null } }
  ok(await two.call('PATCH', `${WIDGETS}/held`, release, MERGE_PATCH))
  await removed('widgets.example.com')
  assert.is((await two.call('GET', WIDGETS)).code, 404)
  await watching.ended
  assert.match(watching.text, /"type":"DELETED".*"name":"a"/)
})

test('an apiserver that starts later serves what there is, objects before their definition', async () => {
  await define(definition('lamps', 'Lamp', anything))
  const lamps = '/apis/example.com/v1/namespaces/default/lamps'
  for (const name of ['a', 'b'])
    ok(
      await one.call('POST', lamps, {
        apiVersion: 'example.com/v1',
        kind: 'Lamp',
        metadata: { name },
        spec: { on: true },
      }),
    )
  const crd = await one.call('GET', `${CRDS}/lamps.example.com`)
  crd.json.metadata.labels = { touched: 'later' }
  ok(await one.call('PUT', `${CRDS}/lamps.example.com`, crd.json))
  const third = await startMaster(nats, { replica: 3 })
  const { items } = ok(await third.api.call('GET', lamps))
  assert.equal(
    items.map(({ metadata, spec }: Loose) => `${metadata.name} ${spec.on}`),
    ['a true', 'b true'],
  )
  await third.stop()
})

test.after(async () => {
  for (const { stop } of masters) await stop()
  await nats.stop()
})

test.run()
