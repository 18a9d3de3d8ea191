import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { defineKind } from '../../../src/api/kind.ts'
import { kinds } from '../../../src/api/kinds.ts'
import { customParts, V2_FRAME } from '../../../src/api/openapi/documents.ts'
import facts from '../../../src/api/openapi/enum-facts.json'
import { publications } from '../../../src/api/openapi/publish.ts'
import type { Catalogue } from '../../../src/api/openapi/published.ts'

import { hasSchema, schemaOf } from '../../../src/api/schema.ts'

interface Schema {
  $ref?: string
  description?: string
  required?: string[]
  properties?: Record<string, Schema & Record<string, unknown>>
  [key: string]: unknown
}
interface Operation {
  parameters: { name: string; in: string }[]
  [key: string]: unknown
}
interface Document {
  paths: Record<string, Record<string, Operation>>
  definitions: Record<string, Schema>
  components: { schemas: Record<string, Schema> }
}

const files = new Map(publications(kinds).map(({ name, content }) => [name, content]))
const textOf = (name: string): string => String(files.get(name))
const catalogue: Catalogue = JSON.parse(textOf('catalogue'))
const v2Text = `${V2_FRAME.head}${textOf('v2-paths')}${V2_FRAME.middle}${textOf('v2-definitions')}${V2_FRAME.tail}`
const v2: Document = JSON.parse(v2Text)
const apps: Document = JSON.parse(textOf('v3-apis-apps-v1'))

test('the catalogue names every group and version and what is above them, by hash', () => {
  const served = kinds.flatMap(({ group, apiVersion }) =>
    group ? [`apis/${apiVersion}`, `apis/${group}`, 'apis'] : [`api/${apiVersion}`, 'api'],
  )
  assert.equal(Object.keys(catalogue.v3).sort(), [...new Set(served)].sort())
  for (const { file, hash } of Object.values(catalogue.v3)) {
    assert.ok(files.has(file), file)
    assert.match(hash, /^[0-9A-F]{128}$/)
  }
})

test('every reference has its definition', () => {
  for (const { file } of Object.values(catalogue.v3)) {
    const text = textOf(file)
    const { components } = JSON.parse(text)
    for (const [, name] of text.matchAll(/"#\/components\/schemas\/([^"]+)"/g))
      assert.ok(components.schemas[name ?? ''], `${file}: ${name}`)
  }
  for (const [, name] of v2Text.matchAll(/"#\/definitions\/([^"]+)"/g))
    assert.ok(v2.definitions[name ?? ''], name)
})

test('a custom kind is defined by its schema, under its group turned around', () => {
  const kind = defineKind({
    group: 'stable.example.com',
    version: 'v1',
    kind: 'CronTab',
    plural: 'crontabs',
    singular: 'crontab',
    namespaced: true,
    model: '',
    columns: [],
    schema: {
      type: 'object',
      properties: {
        spec: {
          type: 'object',
          description: 'What is wanted.',
          properties: {
            port: { 'x-kubernetes-int-or-string': true, anyOf: [{ type: 'integer' }] },
            maybe: { type: 'string', nullable: true },
          },
        },
      },
    },
  })
  const v3 = customParts('v3', [kind])
  const name = 'com.example.stable.v1.CronTab'
  assert.equal(Object.keys(v3.definitions), [name, `${name}List`])
  assert.ok(v3.paths['/apis/stable.example.com/v1/namespaces/{namespace}/crontabs/{name}'])
  assert.match(JSON.stringify(v3.definitions[name]), /"anyOf"/)
  const shared = JSON.parse(`{${textOf('v3-shared')}}`)
  for (const [, used] of JSON.stringify(v3).matchAll(/"#\/components\/schemas\/([^"]+)"/g))
    assert.ok(shared[used ?? ''] ?? v3.definitions[used ?? ''], used)
  const v2Parts = customParts('v2', [kind])
  const [root] = Object.values(v2Parts.definitions) as unknown as [Schema]
  const spec = root.properties?.['spec']
  assert.is(spec?.description, 'What is wanted.')
  assert.equal(spec?.properties?.['port'], { 'x-kubernetes-int-or-string': true })
  assert.equal(spec?.properties?.['maybe'], {})
  assert.equal(root['x-kubernetes-group-version-kind'], [
    { group: 'stable.example.com', kind: 'CronTab', version: 'v1' },
  ])
  for (const [, used] of JSON.stringify(v2Parts).matchAll(/"#\/definitions\/([^"]+)"/g))
    assert.ok(v2.definitions[used ?? ''] ?? v2Parts.definitions[used ?? ''], used)
})

test('a custom kind that keeps unknown fields is published without any in the old dialect', () => {
  const kind = defineKind({
    group: 'stable.example.com',
    version: 'v1',
    kind: 'Free',
    plural: 'frees',
    singular: 'free',
    namespaced: true,
    model: '',
    columns: [],
    schema: {
      type: 'object',
      'x-kubernetes-preserve-unknown-fields': true,
      properties: { spec: { type: 'object' } },
    },
  })
  const name = 'com.example.stable.v1.Free'
  assert.equal(customParts('v2', [kind]).definitions[name], {
    type: 'object',
    'x-kubernetes-group-version-kind': [
      { group: 'stable.example.com', kind: 'Free', version: 'v1' },
    ],
  })
  const { properties } = customParts('v3', [kind]).definitions[name] as unknown as Schema
  assert.equal(Object.keys(properties ?? {}).sort(), ['apiVersion', 'kind', 'metadata', 'spec'])
})

test('definitions have the names of Kubernetes', () => {
  const names = Object.keys(v2.definitions)
  for (const name of [
    'io.k8s.api.core.v1.Pod',
    'io.k8s.api.core.v1.PodTemplateSpec',
    'io.k8s.api.core.v1.Event',
    'io.k8s.api.core.v1.EndpointPort',
    'io.k8s.api.apps.v1.Deployment',
    'io.k8s.api.apps.v1.DeploymentList',
    'io.k8s.api.coordination.v1.Lease',
    'io.k8s.api.discovery.v1.EndpointPort',
    'io.k8s.api.autoscaling.v1.Scale',
    'io.k8s.api.policy.v1.Eviction',
    'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta',
    'io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime',
    'io.k8s.apimachinery.pkg.api.resource.Quantity',
    'io.k8s.apimachinery.pkg.util.intstr.IntOrString',
  ])
    assert.ok(names.includes(name), name)
})

test('a definition says what is required, how lists merge and which kind it is', () => {
  const spec = v2.definitions['io.k8s.api.core.v1.PodSpec']
  assert.equal(spec?.required, ['containers'])
  const containers = spec?.properties?.['containers']
  assert.is(containers?.['x-kubernetes-patch-merge-key'], 'name')
  assert.is(containers?.['x-kubernetes-patch-strategy'], 'merge')
  assert.is(containers?.['x-kubernetes-list-type'], 'map')
  assert.is(spec?.properties?.['volumes']?.['x-kubernetes-patch-strategy'], 'merge,retainKeys')
  assert.equal(spec?.properties?.['restartPolicy']?.['enum'], ['Always', 'Never', 'OnFailure'])
  assert.match(containers?.description ?? '', /^List of containers belonging to the pod\./)
  const deployment = apps.components.schemas['io.k8s.api.apps.v1.Deployment']
  assert.equal(deployment?.['x-kubernetes-group-version-kind'], [
    { group: 'apps', version: 'v1', kind: 'Deployment' },
  ])
})

test('enums and unions are published, of items too', () => {
  for (const fact of Object.keys(facts.enums)) {
    const [model = '', field = ''] = fact.split('.')
    if (hasSchema(model)) assert.ok(schemaOf(model).fields.has(field), fact)
  }
  const { accessModes } =
    v2.definitions['io.k8s.api.core.v1.PersistentVolumeClaimSpec']?.properties ?? {}
  assert.equal((accessModes as { items?: Schema }).items?.['enum'], [
    'ReadOnlyMany',
    'ReadWriteMany',
    'ReadWriteOnce',
    'ReadWriteOncePod',
  ])
  assert.equal(v2.definitions['io.k8s.api.core.v1.SeccompProfile']?.['x-kubernetes-unions'], [
    {
      discriminator: 'type',
      'fields-to-discriminateBy': { localhostProfile: 'LocalhostProfile' },
    },
  ])
})

test('patch says that it validates fields, which is what kubectl looks for', () => {
  for (const document of [apps, v2]) {
    const patch =
      document.paths['/apis/apps/v1/namespaces/{namespace}/deployments/{name}']?.['patch']
    assert.is(patch?.['x-kubernetes-action'], 'patch')
    assert.equal(patch?.['x-kubernetes-group-version-kind'], {
      group: 'apps',
      version: 'v1',
      kind: 'Deployment',
    })
    const names = patch?.parameters.map(({ name }) => name) ?? []
    for (const name of ['fieldValidation', 'dryRun', 'fieldManager', 'force'])
      assert.ok(names.includes(name), name)
  }
})

test('paths cover scopes and subresources', () => {
  const paths = Object.keys(v2.paths)
  for (const path of [
    '/api/v1/nodes/{name}',
    '/api/v1/pods',
    '/api/v1/namespaces/{namespace}/pods/{name}/log',
    '/api/v1/namespaces/{namespace}/pods/{name}/eviction',
    '/apis/apps/v1/namespaces/{namespace}/deployments/{name}/status',
  ])
    assert.ok(paths.includes(path), path)
})

test('documents of v3 have no empty lists and maps, which Go does not write', () => {
  const emptyIn = (value: unknown, path: string): string[] => {
    if (typeof value !== 'object' || value === null) return []
    const inner = Object.entries(value)
    if (inner.length === 0) return [path]
    return inner.flatMap(([key, each]) => emptyIn(each, `${path}/${key}`))
  }
  const { paths } = apps
  assert.equal(emptyIn(paths, ''), [])
  assert.is(paths['/apis/apps/v1/']?.['get']?.parameters, undefined)
})

test('operations have names of their own', () => {
  const ids = Object.values(v2.paths).flatMap((path) =>
    Object.entries(path)
      .filter(([method]) => method !== 'parameters')
      .map(([, operation]) => operation['operationId']),
  )
  assert.is(new Set(ids).size, ids.length)
  assert.ok(ids.includes('readCoreV1NamespacedPod'))
  assert.ok(ids.includes('deleteCoreV1CollectionNamespacedPod'))
  assert.ok(ids.includes('listCoreV1PodForAllNamespaces'))
})

test.run()
