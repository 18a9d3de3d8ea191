import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { kinds } from '../../../src/api/kinds.ts'
import { openApiDocuments } from '../../../src/api/openapi/documents.ts'

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

const documents = openApiDocuments(kinds)
const v2: Document = JSON.parse(documents.v2().text)
const apps: Document = JSON.parse(documents.v3('apis/apps/v1')?.text ?? '{}')

test('the index names every group and version, by hash', () => {
  const { paths } = JSON.parse(documents.v3Index().text)
  const served = kinds.map(({ group, apiVersion }) => `${group ? 'apis' : 'api'}/${apiVersion}`)
  assert.equal(Object.keys(paths).sort(), [...new Set(served)].sort())
  for (const groupVersion of Object.keys(paths))
    assert.is(
      paths[groupVersion].serverRelativeURL,
      `/openapi/v3/${groupVersion}?hash=${documents.v3(groupVersion)?.hash}`,
    )
  assert.is(documents.v3('apis/nope/v1'), undefined)
})

test('every reference has its definition', () => {
  for (const groupVersion of ['api/v1', 'apis/apps/v1', 'apis/discovery.k8s.io/v1']) {
    const text = documents.v3(groupVersion)?.text ?? ''
    const { components } = JSON.parse(text)
    for (const [, name] of text.matchAll(/"#\/components\/schemas\/([^"]+)"/g))
      assert.ok(components.schemas[name ?? ''], `${groupVersion}: ${name}`)
  }
  for (const [, name] of documents.v2().text.matchAll(/"#\/definitions\/([^"]+)"/g))
    assert.ok(v2.definitions[name ?? ''], name)
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
