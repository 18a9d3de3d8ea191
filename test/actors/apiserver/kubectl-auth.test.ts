/**
 * The real kubectl's `auth`, and what roles make of its requests; with two apiservers on one nats-server.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { systemClock } from '../../../src/std/clock.ts'
import { startControlPlane, startMaster } from '../../support/control-plane.ts'

const plane = await startControlPlane()
const second = await startMaster(plane.nats, { replica: 2 })
const kubectl = (line: string, input?: string) =>
  plane.kubectl(line.split(' '), input === undefined ? {} : { input })
const failure = async (running: Promise<string>): Promise<string> => {
  try {
    return `it succeeded: ${await running}`
  } catch (error) {
    return (error as Error).message
  }
}
const canI = async (line: string): Promise<string> => {
  const answer = await failure(kubectl(`auth can-i ${line}`))
  return answer.trim().replace(/^it succeeded: |^kubectl [^:]*(?::[^: ]+)*: /, '')
}

test('can-i answers from roles, with why', async () => {
  assert.match(await canI('get pods --as=jane'), /^no\b/)
  await kubectl('create role reader --verb=get,list --resource=pods,pods/log')
  await kubectl('create rolebinding jane --role=reader --user=jane')
  assert.is(await canI('get pods --as=jane'), 'yes')
  assert.is(await canI('list pods/a --subresource=log --as=jane'), 'yes')
  assert.match(await canI('get pods --as=jane -n kube-system'), /^no\b/)
  assert.match(await canI('delete pods --as=jane'), /^no\b/)
  await kubectl('create clusterrolebinding lost --clusterrole=lost --user=jim')
  assert.match(
    await canI('get pods --as=jim'),
    'no - RBAC: clusterrole.rbac.authorization.k8s.io "lost" not found',
  )
})

test('can-i --list lists them', async () => {
  const list = (await kubectl('auth can-i --list --as=jane')).replaceAll(/ +/g, ' ')
  assert.match(list, 'pods/log [] [] [get list]')
  assert.match(list, 'selfsubjectreviews.authentication.k8s.io [] [] [create]')
  assert.match(list, '[/version/] [] [get]')
  const lost = await plane.kubectl(['auth', 'can-i', '--list', '--as=jim'])
  assert.match(lost, 'selfsubjectaccessreviews.authorization.k8s.io')
})

test('whoami tells who one acts as', async () => {
  const me = await kubectl('auth whoami --as=jane --as-group=staff --as-uid=u-1')
  assert.match(me, /Username +jane/)
  assert.match(me, /UID +u-1/)
  assert.match(me, /Groups +\[staff system:authenticated\]/)
})

const roleYaml = (...verbs: string[]) => `apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: viewers}
rules:
- {apiGroups: [""], resources: [configmaps], verbs: [${verbs.join(', ')}]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: viewers}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: viewers}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: Group, name: staff}]
`

test('reconcile adds what is missing, and takes away when it is told to', async () => {
  assert.is(
    await kubectl('auth reconcile -f -', roleYaml('get', 'list')),
    'clusterrole.rbac.authorization.k8s.io/viewers reconciled\nclusterrolebinding.rbac.authorization.k8s.io/viewers reconciled\n',
  )
  await kubectl('auth reconcile -f -', roleYaml('watch'))
  const verbs = async () =>
    (await kubectl('get clusterrole viewers -o jsonpath={.rules[*].verbs[*]}')).split(' ').sort()
  assert.equal(await verbs(), ['get', 'list', 'watch'])
  await kubectl('auth reconcile --remove-extra-permissions -f -', roleYaml('watch'))
  assert.equal(await verbs(), ['watch'])
  assert.is(await canI('watch configmaps --as=x --as-group=staff'), 'yes')
  assert.match(await canI('get configmaps --as=x --as-group=staff'), /^no\b/)
})

test('a refusal says who may not do what', async () => {
  assert.match(
    await failure(kubectl('get secrets -n kube-system --as=jane')),
    'Error from server (Forbidden): secrets is forbidden: User "jane" cannot list resource "secrets" in API group "" in the namespace "kube-system"',
  )
  assert.match(
    await failure(kubectl('get node n1 --as=jane')),
    'Error from server (Forbidden): nodes "n1" is forbidden: User "jane" cannot get resource "nodes" in API group "" at the cluster scope',
  )
  assert.match(
    await failure(kubectl('get --raw /metrics --as=jane')),
    'forbidden: User "jane" cannot get path "/metrics"',
  )
})

test('a namespace is read by who has the right within it', async () => {
  await kubectl('create rolebinding own --clusterrole=namespaces --user=nina')
  await kubectl('create clusterrole namespaces --verb=get,list --resource=namespaces')
  assert.match(await kubectl('get namespace default --as=nina'), 'default')
  assert.match(await failure(kubectl('get namespace kube-system --as=nina')), 'Forbidden')
  assert.match(await failure(kubectl('get namespaces --as=nina')), 'Forbidden')
})

test('anonymous requests see health and the version, nothing else', async () => {
  const code = async (path: string) =>
    (await plane.api.call('GET', path, undefined, { anonymous: true })).code
  for (const path of ['/healthz', '/livez', '/readyz', '/version']) assert.is(await code(path), 200)
  for (const path of [
    '/',
    '/api',
    '/apis',
    '/openapi/v3',
    '/metrics',
    '/api/v1/pods',
    '/healthz/x',
  ])
    assert.is(await code(path), 403, path)
})

test('a change of rights counts at once here, and elsewhere as soon as it is there', async () => {
  const POLICY = '/apis/rbac.authorization.k8s.io/v1/namespaces/default'
  const names = ['one', 'two', 'three', 'four', 'five']
  const reads = async (api: typeof plane.api, user: string) => {
    const headers = { 'Impersonate-User': user }
    const { code } = await api.call('GET', '/api/v1/namespaces/default/pods', undefined, {
      headers,
    })
    return code
  }
  for (const name of names) {
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'reader' }
    const body = { metadata: { name }, roleRef, subjects: [{ kind: 'User', name }] }
    assert.is((await plane.api.call('POST', `${POLICY}/rolebindings`, body)).code, 201)
    assert.is(await reads(plane.api, name), 200)
    while ((await reads(second.api, name)) !== 200)
      await new Promise((resolve) => systemClock.after(5, () => resolve(undefined)))
    await plane.api.call('DELETE', `${POLICY}/rolebindings/${name}`)
    assert.is(await reads(plane.api, name), 403)
    while ((await reads(second.api, name)) !== 403)
      await new Promise((resolve) => systemClock.after(5, () => resolve(undefined)))
  }
})

test.after(async () => {
  await second.stop()
  await plane.stop()
})
test.run()
