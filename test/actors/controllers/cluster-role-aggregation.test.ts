/**
 * ClusterRoles that gather the rules of others.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { clusterRoleAggregation } from '../../../src/actors/controllers/cluster-role-aggregation.ts'
import { ClusterRole } from '../../../src/api/rbac/cluster-role.ts'
import { clusterRole } from '../../support/policy.ts'
import { createWorld } from './world.ts'

const labelled = (name: string, labels: Record<string, string>, ...rules: string[]) => {
  const role = clusterRole(name, ...rules)
  return { ...role, metadata: { ...role.metadata, labels } }
}
const gathering = (name: string, labels: Record<string, string>, ...wanted: object[]) => ({
  ...labelled(name, labels),
  aggregationRule: { clusterRoleSelectors: wanted.map((matchLabels) => ({ matchLabels })) },
})

const begin = (...roles: ReturnType<typeof labelled>[]) => {
  const world = createWorld([clusterRoleAggregation], ...roles)
  const resourcesOf = (name: string) =>
    world.cache
      .get(ClusterRole, undefined, name)
      ?.rules?.map(({ resources }) => resources?.join())
      .join(' ')
  return { ...world, resourcesOf }
}

test('rules are gathered in the order of names, each once, selector by selector', async () => {
  const { clock, group, resourcesOf } = begin(
    gathering('all', {}, { to: 'b' }, { to: 'a' }),
    labelled('z', { to: 'a' }, 'get core z', 'get core shared'),
    labelled('a', { to: 'a' }, 'get core a', 'get core shared'),
    labelled('m', { to: 'b' }, 'get core m'),
    labelled('none', { to: 'c' }, 'get core none'),
  )
  await clock.advance(1000)
  assert.is(resourcesOf('all'), 'm a shared z')
  await group.stop()
})

test('it follows roles that come, change and go, also through each other', async () => {
  const { cache, clock, group, resourcesOf } = begin(
    gathering('view', { to: 'edit' }, { to: 'view' }),
    gathering('edit', {}, { to: 'edit' }),
    labelled('base', { to: 'view' }, 'get core pods'),
  )
  await clock.advance(1000)
  assert.equal([resourcesOf('view'), resourcesOf('edit')], ['pods', 'pods'])
  cache.put(labelled('more', { to: 'view' }, 'get core things'))
  await clock.advance(1000)
  assert.equal([resourcesOf('view'), resourcesOf('edit')], ['pods things', 'pods things'])
  cache.put(labelled('base', {}, 'get core pods'))
  await clock.advance(1000)
  assert.is(resourcesOf('edit'), 'things')
  cache.remove(labelled('more', {}))
  await clock.advance(1000)
  assert.equal([resourcesOf('view'), resourcesOf('edit')], ['', ''])
  await group.stop()
})

test('what somebody writes into a gathered role does not stay', async () => {
  const { cache, clock, group, resourcesOf } = begin(
    gathering('view', {}, { to: 'view' }),
    labelled('base', { to: 'view' }, 'get core pods'),
  )
  await clock.advance(1000)
  const role = cache.get(ClusterRole, undefined, 'view')!
  cache.put({
    ...role,
    rules: [...role.rules!, { verbs: ['*'], resources: ['secrets'] }],
  } as ClusterRole)
  await clock.advance(1000)
  assert.is(resourcesOf('view'), 'pods')
  await group.stop()
})

test.run()
