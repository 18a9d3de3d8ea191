/**
 * Reviews: who somebody is and what they may do, over HTTPS.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { startTestApiserver, TOKEN } from '../../../support/api-server.ts'

const api = await startTestApiserver()
const ISSUER = 'https://kubernetes.default.svc.cluster.local'
const AUTHENTICATION = '/apis/authentication.k8s.io/v1'
const AUTHORIZATION = '/apis/authorization.k8s.io/v1'
const ask = (path: string, spec: unknown, more: object = {}) =>
  api.call('POST', path, { spec, ...more })
const pods = { verb: 'get', resource: 'pods', namespace: 'default' }

test('discovery lists the reviews as something that can be created only', async () => {
  const { json } = await api.call('GET', AUTHORIZATION)
  assert.equal(
    json.resources.map((each: { name: string; namespaced: boolean; verbs: string[] }) => [
      each.name,
      each.namespaced,
      each.verbs.join(),
    ]),
    [
      ['localsubjectaccessreviews', true, 'create'],
      ['selfsubjectaccessreviews', false, 'create'],
      ['selfsubjectrulesreviews', false, 'create'],
      ['subjectaccessreviews', false, 'create'],
    ],
  )
  const core = await api.call('GET', '/api/v1')
  const token = core.json.resources.find(
    ({ name }: { name: string }) => name === 'serviceaccounts/token',
  )
  assert.equal(token, {
    name: 'serviceaccounts/token',
    singularName: '',
    namespaced: true,
    group: 'authentication.k8s.io',
    version: 'v1',
    kind: 'TokenRequest',
    verbs: ['create'],
  })
  assert.is((await api.call('GET', `${AUTHORIZATION}/subjectaccessreviews`)).code, 405)
})

test('an answer to a question has no table', async () => {
  const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io'
  const path = `${AUTHORIZATION}/selfsubjectaccessreviews`
  const body = { spec: { nonResourceAttributes: { path: '/', verb: 'get' } } }
  const { code, json } = await api.call('POST', path, body, { headers: { accept } })
  assert.equal([code, json.reason], [406, 'NotAcceptable'])
  const either = await api.call('POST', path, body, {
    headers: { accept: `${accept},application/json` },
  })
  assert.equal([either.code, either.json.kind], [201, 'SelfSubjectAccessReview'])
})

test('OpenAPI describes the reviews', async () => {
  const { json } = await api.call('GET', '/openapi/v3/apis/authorization.k8s.io/v1')
  const path = json.paths[`${AUTHORIZATION}/selfsubjectaccessreviews`]
  assert.ok(path.post)
  assert.is(path.get, undefined)
})

test('SelfSubjectReview says who asks', async () => {
  const answer = await ask(`${AUTHENTICATION}/selfsubjectreviews`, undefined)
  assert.is(answer.code, 201, answer.text)
  const { username, groups, extra } = answer.json.status.userInfo
  assert.is(username, 'admin')
  assert.equal(groups, ['system:masters', 'system:authenticated'])
  assert.match(extra['authentication.kubernetes.io/credential-id'][0], /^X509SHA256=[0-9a-f]{64}$/)
  const path = `${AUTHENTICATION}/selfsubjectreviews`
  assert.is((await api.call('POST', path, {}, { anonymous: true })).code, 403)
})

test('TokenReview knows a token, for the audiences it is good for', async () => {
  const path = `${AUTHENTICATION}/tokenreviews`
  const { code, json } = await ask(path, { token: TOKEN })
  assert.is(code, 201)
  assert.equal(json.status, {
    authenticated: true,
    user: { username: 'robot', groups: ['robots', 'system:authenticated'] },
    audiences: [ISSUER],
  })
  const stranger = await ask(path, { token: 'no token' })
  assert.equal(stranger.json.status, { user: {}, error: 'invalid bearer token' })
  const elsewhere = await ask(path, { token: TOKEN, audiences: ['vault'] })
  assert.is(elsewhere.json.status.authenticated, undefined)
  const none = await ask(path, {})
  assert.is(none.code, 400)
  assert.is(none.json.message, 'token is required for TokenReview in authentication')
})

test('access reviews answer as real requests are answered', async () => {
  const self = await ask(`${AUTHORIZATION}/selfsubjectaccessreviews`, { resourceAttributes: pods })
  assert.equal(self.json.status, { allowed: true })
  const review = (spec: object) =>
    ask(`${AUTHORIZATION}/subjectaccessreviews`, spec).then(({ json }) => json.status.allowed)
  assert.is(await review({ user: 'jane', resourceAttributes: pods }), false)
  assert.is(await review({ user: 'jane', groups: ['robots'], resourceAttributes: pods }), true)
  const anonymous = { user: 'system:anonymous', groups: ['system:unauthenticated'] }
  assert.is(await review({ ...anonymous, resourceAttributes: pods }), false)
  const path = (path: string) => ({ nonResourceAttributes: { verb: 'get', path } })
  assert.is(await review({ ...anonymous, ...path('/healthz') }), true)
  assert.is(await review({ ...anonymous, ...path('/metrics') }), false)
})

test('a local access review is about its own namespace', async () => {
  const path = `${AUTHORIZATION}/namespaces/default/localsubjectaccessreviews`
  const fine = await ask(path, { user: 'jane', groups: ['robots'], resourceAttributes: pods })
  assert.is(fine.code, 201, fine.text)
  assert.equal(fine.json.status, {
    allowed: true,
    reason:
      'RBAC: allowed by ClusterRoleBinding "test-robots" of ClusterRole "cluster-admin" to Group "robots"',
  })
  assert.is(fine.json.metadata.namespace, 'default')
  const other = { ...pods, namespace: 'kube-system' }
  const wrong = await ask(path, { user: 'jane', resourceAttributes: other })
  assert.is(wrong.code, 422)
  assert.equal(wrong.json.details.causes, [
    {
      reason: 'FieldValueInvalid',
      message: 'Invalid value: "kube-system": must match metadata.namespace',
      field: 'spec.resourceAttributes.namespace',
    },
  ])
})

test('an access review says who and what', async () => {
  const { code, json } = await ask(
    `${AUTHORIZATION}/subjectaccessreviews`,
    {},
    { metadata: { name: 'a' } },
  )
  assert.is(code, 422)
  assert.equal(
    json.details.causes.map(
      ({ field, message }: { field: string; message: string }) => `${field}: ${message}`,
    ),
    [
      'spec.resourceAttributes: Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified',
      'spec.user: Invalid value: "": at least one of user or group must be specified',
      'metadata: Invalid value: {"name":"a"}: must be empty',
    ],
  )
})

test('a rules review lists what the asker may do', async () => {
  const path = `${AUTHORIZATION}/selfsubjectrulesreviews`
  const { json } = await ask(path, { namespace: 'default' })
  const { resourceRules, nonResourceRules, incomplete } = json.status
  assert.equal(resourceRules[0], { verbs: ['*'], apiGroups: ['*'], resources: ['*'] })
  assert.equal(resourceRules[1], {
    verbs: ['create'],
    apiGroups: ['authorization.k8s.io'],
    resources: ['selfsubjectaccessreviews', 'selfsubjectrulesreviews'],
  })
  assert.equal(nonResourceRules[0], { verbs: ['*'], nonResourceURLs: ['*'] })
  assert.is(incomplete, false)
  assert.is((await ask(path, {})).json.message, 'no namespace on request')
})

test('nothing of a review is stored', async () => {
  assert.is(
    api.storage.cache.kinds.byResource('authorization.k8s.io', 'subjectaccessreviews')?.isVirtual,
    true,
  )
  assert.not.ok([...api.storage.cache.kinds.stored].some(({ isVirtual }) => isVirtual))
})

test.after(() => api.stop())
test.run()
