/**
 * Nobody gives away rights he does not have.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { startTestApiserver } from '../../../support/api-server.ts'

const api = await startTestApiserver()
const GROUP = 'rbac.authorization.k8s.io'
const RBAC = `/apis/${GROUP}/v1`
const INSIDE = `${RBAC}/namespaces/default`

const as = (user: string, method: string, path: string, body: unknown) =>
  api.call(method, path, body, { headers: { 'Impersonate-User': user } })
const made = async (path: string, body: object) => {
  const { code, text } = await api.call('POST', path, body)
  assert.is(code, 201, text)
}
const rule = (verb: string, resource: string, names?: string[]) => ({
  verbs: verb.split(','),
  apiGroups: resource === 'roles' || resource === 'clusterroles' ? [GROUP] : [''],
  resources: [resource],
  ...(names ? { resourceNames: names } : {}),
})
const aRole = (name: string, ...rules: object[]) => ({ metadata: { name }, rules })
const aBinding = (name: string, kind: string, role: string, user: string) => ({
  metadata: { name },
  roleRef: { apiGroup: GROUP, kind, name: role },
  subjects: [{ kind: 'User', apiGroup: GROUP, name: user }],
})
const managing = {
  verbs: ['create', 'update', 'patch', 'get', 'delete'],
  apiGroups: [GROUP],
  resources: ['roles', 'rolebindings', 'clusterroles', 'clusterrolebindings'],
}
await made(`${RBAC}/clusterroles`, aRole('manager', managing, rule('get', 'pods')))
await made(`${RBAC}/clusterrolebindings`, aBinding('jane', 'ClusterRole', 'manager', 'jane'))
await made(`${INSIDE}/roles`, aRole('secrets', rule('get', 'secrets')))

test('a role may hold what its writer has', async () => {
  const fine = await as('jane', 'POST', `${INSIDE}/roles`, aRole('fine', rule('get', 'pods')))
  assert.is(fine.code, 201, fine.text)
  const { code, json } = await as(
    'jane',
    'POST',
    `${INSIDE}/roles`,
    aRole('much', rule('get,list', 'pods'), rule('get', 'secrets', ['a'])),
  )
  assert.is(code, 403)
  assert.is(
    json.message,
    'roles.rbac.authorization.k8s.io "much" is forbidden: user "jane" (groups=["system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n{APIGroups:[""], Resources:["pods"], Verbs:["list"]}\n{APIGroups:[""], Resources:["secrets"], ResourceNames:["a"], Verbs:["get"]}',
  )
  assert.equal(json.details, { name: 'much', group: GROUP, kind: 'roles' })
})

test('neither an update nor a patch nor an apply widens it', async () => {
  const wide = aRole('fine', rule('*', 'pods'))
  assert.is((await as('jane', 'PUT', `${INSIDE}/roles/fine`, wide)).code, 403)
  const send = (type: string, body: unknown, query = '') =>
    api.call('PATCH', `${INSIDE}/roles/fine${query}`, body, {
      headers: { 'Impersonate-User': 'jane', 'content-type': type },
    })
  assert.is((await send('application/merge-patch+json', wide)).code, 403)
  const applied = { apiVersion: `${GROUP}/v1`, kind: 'Role', ...wide }
  const query = '?fieldManager=x&force=true'
  assert.is((await send('application/apply-patch+yaml', applied, query)).code, 403)
  const { code, json } = await send('application/merge-patch+json', {
    metadata: { labels: { a: 'b' } },
  })
  assert.is(code, 200, json.message)
})

test('what garbage collection writes is not judged', async () => {
  const path = `${INSIDE}/roles/secrets`
  const body = { metadata: { finalizers: ['example.com/x'] } }
  const headers = { 'Impersonate-User': 'jane', 'content-type': 'application/merge-patch+json' }
  assert.is((await api.call('PATCH', path, body, { headers })).code, 200)
  const none = { metadata: { finalizers: null } }
  assert.is((await api.call('PATCH', path, none, { headers })).code, 200)
  const labels = { metadata: { labels: { a: 'b' } } }
  assert.is((await api.call('PATCH', path, labels, { headers })).code, 403)
})

test('who may escalate writes what he likes', async () => {
  await made(`${RBAC}/clusterroles`, aRole('escalator', rule('escalate', 'roles')))
  await made(`${INSIDE}/rolebindings`, aBinding('escalator', 'ClusterRole', 'escalator', 'jane'))
  const wide = aRole('wide', rule('*', 'secrets'))
  assert.is((await as('jane', 'POST', `${INSIDE}/roles`, wide)).code, 201)
  const elsewhere = `${RBAC}/namespaces/kube-system/roles`
  assert.is((await as('jane', 'POST', elsewhere, wide)).code, 403)
  assert.is((await as('jane', 'POST', `${RBAC}/clusterroles`, wide)).code, 403)
})

test('a binding may give what its writer has', async () => {
  const bind = (name: string, kind: string, role: string) =>
    as('jane', 'POST', `${INSIDE}/rolebindings`, aBinding(name, kind, role, 'joe'))
  assert.is((await bind('fine', 'Role', 'fine')).code, 201)
  const { code, json } = await bind('secrets', 'Role', 'secrets')
  assert.is(code, 403)
  assert.match(
    json.message,
    'rolebindings.rbac.authorization.k8s.io "secrets" is forbidden: user "jane" (groups=["system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n{APIGroups:[""], Resources:["secrets"], Verbs:["get"]}',
  )
  const none = await bind('none', 'ClusterRole', 'none')
  assert.equal(
    [none.code, none.json.message],
    [404, 'clusterroles.rbac.authorization.k8s.io "none" not found'],
  )
  const everywhere = `${RBAC}/clusterrolebindings`
  const admin = aBinding('admin', 'ClusterRole', 'cluster-admin', 'jane')
  assert.is((await as('jane', 'POST', everywhere, admin)).code, 403)
})

test('who may bind a role gives it away without having its rights', async () => {
  await made(`${RBAC}/clusterroles`, aRole('binder', rule('bind', 'roles', ['secrets'])))
  await made(`${INSIDE}/rolebindings`, aBinding('binder', 'ClusterRole', 'binder', 'jane'))
  const bind = aBinding('secrets', 'Role', 'secrets', 'joe')
  assert.is((await as('jane', 'POST', `${INSIDE}/rolebindings`, bind)).code, 201)
  const other = aBinding('wide', 'Role', 'wide', 'joe')
  assert.is((await as('jane', 'POST', `${INSIDE}/rolebindings`, other)).code, 403)
})

test('only who may do everything makes a role gather others', async () => {
  const gathering = {
    metadata: { name: 'gathering' },
    rules: [],
    aggregationRule: { clusterRoleSelectors: [{ matchLabels: { a: 'b' } }] },
  }
  const { code, json } = await as('jane', 'POST', `${RBAC}/clusterroles`, gathering)
  assert.is(code, 403)
  assert.is(
    json.message,
    'clusterroles.rbac.authorization.k8s.io "gathering" is forbidden: must have cluster-admin privileges to use the aggregationRule',
  )
})

test.after(() => api.stop())
test.run()
