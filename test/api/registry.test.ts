/**
 * The registry of kinds: what is there from the start, what comes and goes, and how each is found.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Deployment } from '../../src/api/apps/deployment.ts'
import { Pod } from '../../src/api/core/pod.ts'
import { type AnyKind, defineKind } from '../../src/api/kind.ts'
import type { KubernetesObject } from '../../src/api/meta.ts'
import { KindRegistry, versionsOf } from '../../src/api/registry.ts'
import { compareVersions } from '../../src/api/version-order.ts'

const widget = (version: string, stored: AnyKind): AnyKind =>
  defineKind<KubernetesObject>({
    group: 'example.com',
    version,
    kind: 'Widget',
    plural: 'widgets',
    singular: 'widget',
    shortNames: ['wd', 'po'],
    namespaced: true,
    model: '',
    isCustom: true,
    columns: [],
    storedAs: {
      kind: stored,
      show: (object) => object,
      showAll: (objects) => objects,
      store: (object) => object,
    },
  })

test('built-in kinds are found by path, name and word', () => {
  const registry = new KindRegistry()
  assert.is(registry.of('v1')?.get('pods'), Pod)
  assert.is(registry.byName('apps/v1', 'Deployment'), Deployment)
  for (const word of ['deployments', 'deploy', 'Deployment', 'deploy.apps', 'deployments.v1.apps'])
    assert.is(registry.byWord(word), Deployment, word)
  assert.is(registry.byResource('apps', 'deployments'), Deployment)
  assert.is(registry.storedByName('apps/v1', 'Deployment'), Deployment)
})

test('served kinds come and go, and who listens hears of it', () => {
  const registry = new KindRegistry()
  const stored = registry.storedAt('example.com', 'widgets')
  let changes = 0
  const stop = registry.onChange(() => {
    changes++
  })
  const kinds = [widget('v2', stored), widget('v1', stored)]
  registry.serve('widgets.example.com', kinds)
  assert.is(registry.of('example.com/v1')?.get('widgets'), kinds[1])
  assert.is(registry.byWord('wd'), kinds[0], 'the first is preferred')
  assert.is(registry.byWord('po'), Pod, 'a word that is taken stays')
  assert.is(registry.storedByName('example.com/v2', 'Widget'), stored)
  registry.serve('widgets.example.com', [])
  assert.is(registry.of('example.com/v1'), undefined)
  registry.serve('widgets.example.com', [])
  assert.is(changes, 2)
  stop()
})

test('a stored kind is one object, whoever meets it first', () => {
  const registry = new KindRegistry()
  const met = registry.storedAt('example.com', 'widgets', '', false)
  registry.define({ group: 'example.com', plural: 'widgets', kind: 'Widget', namespaced: true })
  assert.is(registry.storedAt('example.com', 'widgets'), met)
  assert.is(met.kind, 'Widget')
  assert.ok(met.namespaced)
  assert.is(registry.storedByName('example.com/v9', 'Widget'), met, 'in whatever version')
  assert.ok([...registry.stored].includes(met))
  registry.undefine({ group: 'example.com', plural: 'widgets', kind: 'Widget', namespaced: true })
  assert.is(registry.storedByName('example.com/v9', 'Widget'), undefined)
})

test('a definition cannot take a built-in resource', () => {
  const registry = new KindRegistry()
  registry.define({ group: 'apps', plural: 'deployments', kind: 'Other', namespaced: false })
  assert.is(Deployment.kind, 'Deployment')
  assert.is(registry.storedByName('apps/v9', 'Other'), undefined)
})

test('versions are ranked as Kubernetes ranks them', () => {
  const ranked = ['v10', 'v2', 'v1', 'v11beta2', 'v3beta1', 'v12alpha1', 'v11alpha2', 'foo1', 'zoo']
  assert.equal([...ranked].reverse().sort(compareVersions), ranked)
  const stored = new KindRegistry().storedAt('example.com', 'widgets')
  assert.equal(versionsOf([widget('v1', stored), widget('v2', stored)]), ['v2', 'v1'])
})

test.run()
