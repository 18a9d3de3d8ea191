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
  const { groups } = await impersonated(createAuthorizer(memoryCache()), ADMIN, [
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
  assert.match(
    json.message,
    'users "admin" is forbidden: User "system:anonymous" cannot impersonate',
  )
})

test('groups without a user are refused', async () => {
  const headers = { 'Impersonate-Group': 'system:masters' }
  assert.is((await api.call('GET', '/version', undefined, { headers })).code, 500)
})

test.after(() => api.stop())
test.run()
