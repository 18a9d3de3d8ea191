/**
 * What a node may write, over HTTPS, as its authorizer and admission judge it together.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { startTestApiserver } from '../../../support/api-server.ts'

const api = await startTestApiserver()
const CORE = '/api/v1'
const INSIDE = `${CORE}/namespaces/default`

const made = async (path: string, body: object) => {
  const { code, text, json } = await api.call('POST', path, body)
  assert.is(code, 201, text)
  return json
}
const headers = { 'Impersonate-User': 'system:node:n1', 'Impersonate-Group': 'system:nodes' }
const send = (method: string, path: string, body?: unknown, more: Record<string, string> = {}) =>
  api.call(method, path, body, { headers: { ...headers, ...more } })
const patch = (path: string, body: object) =>
  send('PATCH', path, body, { 'content-type': 'application/merge-patch+json' })

const refused = async (answer: ReturnType<typeof send>, why: string, code = 403) => {
  const { json, ...rest } = await answer
  assert.is(rest.code, code, rest.text)
  assert.ok(json.message.endsWith(why), `${json.message}\n${why}`)
}
const fine = async (answer: ReturnType<typeof send>) => {
  const { code, text } = await answer
  assert.ok(code === 200 || code === 201, text)
}

const aPod = (name: string, node: string, more: object = {}) => ({
  metadata: { name },
  spec: { nodeName: node, containers: [{ name: 'c', image: 'x' }], ...more },
})
await made(`${INSIDE}/serviceaccounts`, { metadata: { name: 'robot' } })
const own = await made(`${INSIDE}/pods`, aPod('own', 'n1', { serviceAccountName: 'robot' }))
const foreign = await made(`${INSIDE}/pods`, aPod('foreign', 'n2', { serviceAccountName: 'robot' }))

test('its own node, without labels and taints that steer pods to it', async () => {
  const node = (name: string, labels: object = {}) => ({ metadata: { name, labels } })
  await refused(
    send('POST', `${CORE}/nodes`, node('n2')),
    'node "n1" is not allowed to modify node "n2"',
  )
  await refused(
    send('POST', `${CORE}/nodes`, node('n1', { 'node-restriction.kubernetes.io/a': 'b' })),
    'node "n1" is not allowed to set the following labels: node-restriction.kubernetes.io/a',
  )
  const labels = { 'kubernetes.io/hostname': 'n1', 'node.kubernetes.io/any': 'x', mine: 'y' }
  await fine(send('POST', `${CORE}/nodes`, node('n1', labels)))
  await fine(patch(`${CORE}/nodes/n1`, { metadata: { labels: { mine: 'z' } } }))
  await refused(
    patch(`${CORE}/nodes/n1`, { metadata: { labels: { 'kubernetes.io/role': 'master' } } }),
    'is not allowed to modify labels: kubernetes.io/role',
  )
  const taints = [{ key: 'a', effect: 'NoSchedule' }]
  await refused(
    patch(`${CORE}/nodes/n1`, { spec: { taints } }),
    'node "n1" is not allowed to modify taints',
  )
  await fine(patch(`${CORE}/nodes/n1/status`, { status: { phase: 'Running' } }))
})

test('status and eviction of its own pods', async () => {
  const status = { status: { message: 'seen' } }
  await fine(patch(`${INSIDE}/pods/own/status`, status))
  await refused(
    patch(`${INSIDE}/pods/foreign/status`, status),
    'node "n1" can only update pod status for pods with spec.nodeName set to itself',
  )
  await refused(
    patch(`${INSIDE}/pods/own/status`, { metadata: { labels: { a: 'b' } } }),
    'node "n1" cannot update labels through pod status',
  )
  const eviction = (name: string) => ({ metadata: { name } })
  await refused(
    send('POST', `${INSIDE}/pods/foreign/eviction`, eviction('foreign')),
    'node n1 can only evict pods with spec.nodeName set to itself',
  )
  await refused(
    send('DELETE', `${INSIDE}/pods/foreign`),
    'node "n1" can only delete pods with spec.nodeName set to itself',
  )
})

test('mirror pods of itself, which refer to nothing', async () => {
  const { metadata } = (await api.call('GET', `${CORE}/nodes/n1`)).json
  const owner = { apiVersion: 'v1', kind: 'Node', name: 'n1', uid: metadata.uid, controller: true }
  const mirror = (name: string, more: object = {}, spec: object = {}) => ({
    ...aPod(name, 'n1', spec),
    metadata: {
      name,
      annotations: { 'kubernetes.io/config.mirror': 'x' },
      ownerReferences: [owner],
      ...more,
    },
  })
  const post = (body: object) => send('POST', `${INSIDE}/pods`, body)
  await refused(
    post(aPod('plain', 'n1')),
    'pod does not have "kubernetes.io/config.mirror" annotation, node "n1" can only create mirror pods',
  )
  await refused(
    post(mirror('m', {}, { nodeName: 'n2' })),
    'node "n1" can only create pods with spec.nodeName set to itself',
  )
  await refused(
    post(mirror('m', { ownerReferences: [] })),
    'node "n1" can only create pods with an owner reference set to itself',
  )
  await refused(
    post(mirror('m', { ownerReferences: [{ ...owner, uid: 'other' }] })),
    `node n1 UID mismatch: expected other got ${metadata.uid}`,
  )
  const volumes = [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }]
  await refused(
    post(mirror('m', {}, { volumes })),
    'node "n1" can not create pods that reference persistentvolumeclaims',
  )
  await fine(post(mirror('m')))
})

test('tokens of its pods, for what they ask for', async () => {
  const path = `${INSIDE}/serviceaccounts/robot/token`
  const bound = (pod: { metadata: { name: string; uid: string } }) => ({
    boundObjectRef: {
      apiVersion: 'v1',
      kind: 'Pod',
      name: pod.metadata.name,
      uid: pod.metadata.uid,
    },
  })
  const ask = (spec: object) => send('POST', path, { spec })
  await refused(ask({}), 'node requested token not bound to a pod')
  await refused(
    ask(bound(foreign)),
    'node requested token bound to a pod scheduled on a different node',
  )
  const stale = { metadata: { name: 'own', uid: 'other' } }
  await refused(ask(bound(stale)), 'The object might have been deleted and then recreated')
  await refused(
    ask({ ...bound(own), audiences: ['vault'] }),
    'audience "vault" not found in pod spec volume, system:node:n1 is not authorized to request tokens for this audience',
  )
  await made('/apis/rbac.authorization.k8s.io/v1/clusterroles', {
    metadata: { name: 'audiences' },
    rules: [
      { verbs: ['request-serviceaccounts-token-audience'], apiGroups: [''], resources: ['vault'] },
    ],
  })
  await made('/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
    metadata: { name: 'audiences' },
    roleRef: { kind: 'ClusterRole', name: 'audiences' },
    subjects: [{ kind: 'Group', name: 'system:nodes' }],
  })
  await fine(ask({ ...bound(own), audiences: ['vault'] }))
})

test('its own lease and CSINode, by their names', async () => {
  const leases = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases'
  await refused(
    send('POST', leases, { metadata: { name: 'n2' } }),
    'can only access node lease with the same name as the requesting node',
  )
  await fine(send('POST', leases, { metadata: { name: 'n1' } }))
  const nodes = '/apis/storage.k8s.io/v1/csinodes'
  await refused(
    send('POST', nodes, { metadata: { name: 'n2' }, spec: { drivers: [] } }),
    'can only access CSINode with the same name as the requesting node',
  )
  await fine(send('POST', nodes, { metadata: { name: 'n1' }, spec: { drivers: [] } }))
})

test('others are not held to any of it', async () => {
  const answer = await api.call(
    'PATCH',
    `${CORE}/nodes/n1`,
    { metadata: { labels: { 'node-restriction.kubernetes.io/a': 'b' } } },
    { headers: { 'content-type': 'application/merge-patch+json' } },
  )
  assert.is(answer.code, 200, answer.text)
})

test.after(() => api.stop())
test.run()
