/**
 * Requests in the name of somebody else: who they come from then, and who may not make them.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createAuthorizer } from '../../../src/actors/apiserver/authorization/authorizer.ts'
import { impersonated } from '../../../src/actors/apiserver/impersonation.ts'
import { startTestApiserver } from '../../support/api-server.ts'
import { memoryCache } from '../../support/memory-cache.ts'

const api = await startTestApiserver()
const REVIEWS = '/apis/authentication.k8s.io/v1/selfsubjectreviews'
const ADMIN = { name: 'admin', groups: ['system:masters', 'system:authenticated'] }
const VERSION = { user: ADMIN, verb: 'get', path: '/version' }

const userOf = async (headers: Record<string, string>) => {
  const { code, text, json } = await api.call('POST', REVIEWS, {}, { headers })
  assert.is(code, 201, text)
  return json.status.userInfo
}

test('a user with groups, a UID and extras', async () => {
  assert.equal(
    await userOf({
      'Impersonate-User': 'jane',
      'Impersonate-Group': 'staff',
      'Impersonate-Uid': 'u-1',
      'Impersonate-Extra-Scopes%2fAll': 'view',
    }),
    {
      username: 'jane',
      uid: 'u-1',
      groups: ['staff', 'system:authenticated'],
      extra: { 'scopes/all': ['view'] },
    },
  )
})

test('several groups come in headers of their own', async () => {
  const { groups } = await impersonated(createAuthorizer(memoryCache()), VERSION, [
    'Impersonate-User',
    'jane',
    'Impersonate-Group',
    'a, b',
    'impersonate-group',
    'c',
  ])
  assert.equal(groups, ['a, b', 'c', 'system:authenticated'])
})

test('a service account is in the groups of its namespace', async () => {
  const { groups } = await userOf({ 'Impersonate-User': 'system:serviceaccount:default:robot' })
  assert.equal(groups, [
    'system:serviceaccounts',
    'system:serviceaccounts:default',
    'system:authenticated',
  ])
})

test('who acts as anonymous may do no more than anonymous', async () => {
  const headers = { 'Impersonate-User': 'system:anonymous' }
  const { code, json } = await api.call('GET', '/api/v1/pods', undefined, { headers })
  assert.is(code, 403)
  assert.match(json.message, 'User "system:anonymous" cannot list resource "pods"')
})

test('nobody who is not known acts as somebody', async () => {
  const headers = { 'Impersonate-User': 'admin' }
  const { code, json } = await api.call('GET', '/version', undefined, { headers, anonymous: true })
  assert.is(code, 403)
  assert.is(
    json.message,
    'forbidden: User "system:anonymous" cannot impersonate-on:user-info:get path "/version"',
  )
})

test('groups without a user are refused', async () => {
  const headers = { 'Impersonate-Group': 'system:masters' }
  const { code, json } = await api.call('GET', '/version', undefined, { headers })
  assert.is(code, 400)
  assert.is(
    json.message,
    'requested &user.DefaultInfo{Name:"", UID:"", Groups:[]string{"system:masters"}, Extra:map[string][]string(nil)} without impersonating a user name',
  )
})

test('a node that is wanted by its name is in the group of nodes', async () => {
  const { groups } = await userOf({ 'Impersonate-User': 'system:node:n1' })
  assert.equal(groups, ['system:nodes', 'system:authenticated'])
})

const policy = async (verbs: string[], more: object, user: string) => {
  const name = verbs.join('-').replaceAll(':', '.')
  const path = '/apis/rbac.authorization.k8s.io/v1'
  const rules = [{ verbs, ...more }]
  const subjects = [{ kind: 'User', name: user }]
  const roleRef = { kind: 'ClusterRole', name }
  for (const [kind, body] of [
    ['clusterroles', { rules }],
    ['clusterrolebindings', { roleRef, subjects }],
  ] as const)
    assert.is(
      (await api.call('POST', `${path}/${kind}`, { metadata: { name }, ...body })).code,
      201,
    )
}
const chained = async (asker: string, wanted: Record<string, string>, path: string) => {
  const user = { name: asker, groups: ['system:authenticated'] }
  const headers = Object.entries(wanted).flat()
  const { requestAttributes } = await import(
    '../../../src/actors/apiserver/authorization/request-attributes.ts'
  )
  const attributes = requestAttributes(user, 'GET', path, new URLSearchParams())
  return impersonated(createAuthorizer(api.storage.cache), attributes, headers)
}
const refused = (asker: string, wanted: Record<string, string>, path: string) =>
  chained(asker, wanted, path).then(
    () => '',
    ({ message }: Error) => message,
  )

test('who may impersonate may do so whatever is done', async () => {
  await policy(['impersonate'], { apiGroups: [''], resources: ['users'] }, 'support')
  const jane = { 'Impersonate-User': 'jane' }
  assert.is((await chained('support', jane, '/api/v1/pods')).name, 'jane')
  assert.is((await chained('support', jane, '/version')).name, 'jane')
  assert.is(
    await refused('support', { ...jane, 'Impersonate-Group': 'staff' }, '/api/v1/pods'),
    'pods is forbidden: User "support" cannot impersonate-on:user-info:list resource "pods" in API group "" at the cluster scope',
  )
})

test('constrained impersonation is for what was named only', async () => {
  const users = { apiGroups: ['authentication.k8s.io'], resources: ['users', 'groups'] }
  await policy(['impersonate:user-info'], users, 'helper')
  const pods = { apiGroups: [''], resources: ['pods'] }
  await policy(['impersonate-on:user-info:list'], pods, 'helper')
  const jane = { 'Impersonate-User': 'jane', 'Impersonate-Group': 'staff' }
  const user = await chained('helper', jane, '/api/v1/pods')
  assert.equal([user.name, user.groups], ['jane', ['staff', 'system:authenticated']])
  assert.match(
    await refused('helper', jane, '/api/v1/pods/a'),
    /cannot impersonate-on:user-info:get|User "helper"/,
  )
  assert.is(
    await refused('helper', { ...jane, 'Impersonate-Group': 'system:masters' }, '/api/v1/pods'),
    'groups.authentication.k8s.io "system:masters" is forbidden: User "helper" cannot impersonate:user-info resource "groups" in API group "authentication.k8s.io" at the cluster scope: impersonating the system:masters group is not allowed',
  )
  const account = { 'Impersonate-User': 'system:serviceaccount:ns:robot' }
  assert.match(
    await refused('helper', account, '/api/v1/pods'),
    'cannot impersonate-on:serviceaccount:list',
  )
})

test.after(() => api.stop())
test.run()
