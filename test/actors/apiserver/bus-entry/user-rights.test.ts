import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createAuthorizer } from '../../../../src/actors/apiserver/authorization/authorizer.ts'
import { userRights } from '../../../../src/actors/apiserver/bus-entry/user-rights.ts'
import { subjectsFor } from '../../../../src/bus/subjects.ts'
import { type MemoryCache, memoryCache } from '../../../support/memory-cache.ts'
import { clusterRole, clusterRoleBinding, roleBinding } from '../../../support/policy.ts'

const subjects = subjectsFor('kubus')

const heard = async (cache: MemoryCache, name: string, groups: string[] = []) => {
  const authorizer = createAuthorizer(cache)
  const { subscribe } = await userRights({ cache, authorizer, subjects }, { name, groups })
  return [...subscribe].filter((subject) => !/^_INBOX|^kubus\.channel/.test(subject)).sort()
}

test('everybody may ask, and hears no inbox and no channel but the own', async () => {
  const cache = memoryCache()
  const ports = { cache, authorizer: createAuthorizer(cache), subjects }
  const rights = await userRights(ports, { name: 'a.b@c d>', groups: [] })
  assert.equal(rights, {
    publish: ['kubus.api.*.>', 'kubus.channel.part.apiserver.user.a=2Eb=40c=20d=3E.*'],
    subscribe: ['_INBOX.a=2Eb@c=20d=3E.>', 'kubus.channel.user.a=2Eb=40c=20d=3E.*.*.*'],
    answers: false,
  })
})

test('changes are heard of what may be listed and watched, and of nothing else', async () => {
  const cache = memoryCache(
    clusterRole('watcher', 'list,watch core configmaps', 'list core secrets', 'watch core pods'),
    clusterRoleBinding('watcher', 'watcher', 'User:jane'),
  )
  assert.equal(await heard(cache, 'jane'), [
    'kubus.events.configmaps.>',
    'kubus.feed.core.configmaps.>',
  ])
  assert.equal(await heard(cache, 'joe'), [])
})

test('rights within a namespace let its changes be heard', async () => {
  const cache = memoryCache(
    clusterRole('watcher', 'list,watch core configmaps'),
    roleBinding('one', 'watcher', 'ClusterRole/watcher', 'Group:team'),
    roleBinding('two', 'watcher', 'ClusterRole/watcher', 'User:other'),
  )
  assert.equal(await heard(cache, 'jane', ['team']), [
    'kubus.events.configmaps.one.>',
    'kubus.feed.core.configmaps.one.>',
  ])
})

test('a resource that two groups have is heard only where both may be', async () => {
  const cache = memoryCache(
    clusterRole('old', 'list,watch core events'),
    clusterRoleBinding('old', 'old', 'User:jane'),
    clusterRole('all', '* * *'),
    clusterRoleBinding('all', 'all', 'User:boss'),
  )
  const subjectsOfJane = await heard(cache, 'jane')
  const plurals = [...cache.kinds.stored].filter(({ plural }) => plural === 'events')
  assert.is(subjectsOfJane.includes('kubus.events.events.>'), plurals.length === 1)
  assert.ok((await heard(cache, 'boss')).includes('kubus.events.secrets.>'))
  assert.equal(await heard(cache, 'root', ['system:masters']), [
    'kubus.events.>',
    'kubus.feed.>',
    'kubus.logs.>',
  ])
})

test('lines of logs are heard where logs of all pods may be read', async () => {
  const cache = memoryCache(
    clusterRole('logs', 'get core pods/log'),
    clusterRole('pods', 'get,list core pods'),
    clusterRoleBinding('logs', 'logs', 'User:jane'),
    clusterRoleBinding('pods', 'pods', 'User:joe'),
    roleBinding('one', 'logs', 'ClusterRole/logs', 'User:joe'),
    roleBinding('one', 'logs-too', 'ClusterRole/logs', 'User:jane'),
  )
  assert.equal(await heard(cache, 'jane'), ['kubus.logs.>'])
  assert.equal(await heard(cache, 'joe'), ['kubus.logs.one.>'])
  assert.equal(await heard(cache, 'nobody'), [])
})

test.run()
