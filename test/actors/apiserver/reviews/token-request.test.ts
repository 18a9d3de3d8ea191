/**
 * Tokens of service accounts: asked for, used, and no longer good once what they stand for is gone.
 */
import { createPublicKey, verify } from 'node:crypto'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { subjectsFor } from '../../../../src/bus/subjects.ts'
import { startTestApiserver } from '../../../support/api-server.ts'

const api = await startTestApiserver()
const ISSUER = 'https://kubernetes.default.svc.cluster.local'
const CORE = '/api/v1/namespaces/default'
const TOKEN = `${CORE}/serviceaccounts/robot/token`

const create = async (plural: string, body: object) => {
  const answer = await api.call('POST', `${CORE}/${plural}`, body)
  assert.is(answer.code, 201, answer.text)
  return answer.json
}
const account = await create('serviceaccounts', { metadata: { name: 'robot' } })
const request = (spec: object = {}, more: object = {}) => api.call('POST', TOKEN, { spec, ...more })
const tokenFor = async (spec: object = {}): Promise<string> => {
  const { code, text, json } = await request(spec)
  assert.is(code, 201, text)
  return json.status.token
}
const use = (token: string, method = 'GET', path = '/version', body?: unknown) =>
  api.call(method, path, body, { anonymous: true, headers: { authorization: `Bearer ${token}` } })
const review = async (token: string, audiences?: string[]) => {
  const spec = { token, ...(audiences ? { audiences } : {}) }
  return (await api.call('POST', '/apis/authentication.k8s.io/v1/tokenreviews', { spec })).json
    .status
}
const payload = (token: string) =>
  JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString())

test('a token names its account, this API and its lifetime', async () => {
  const { json } = await request(
    {},
    { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest' },
  )
  assert.is(json.kind, 'TokenRequest')
  assert.is(json.spec.expirationSeconds, 3600)
  assert.equal(json.spec.audiences, [ISSUER])
  assert.is(json.metadata.name, 'robot')
  const claims = payload(json.status.token)
  assert.equal(claims.aud, [ISSUER])
  assert.is(claims.iss, ISSUER)
  assert.is(claims.sub, 'system:serviceaccount:default:robot')
  assert.is(claims.exp - claims.iat, 3600)
  assert.equal(claims['kubernetes.io'], {
    namespace: 'default',
    serviceaccount: { name: 'robot', uid: account.metadata.uid },
  })
  assert.is(Math.floor(Date.parse(json.status.expirationTimestamp) / 1000), claims.exp)
})

test('a token is the account, wherever it is used', async () => {
  const token = await tokenFor()
  assert.is((await use(token)).code, 200)
  const self = await use(token, 'POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', {})
  const { userInfo } = self.json.status
  assert.is(userInfo.username, 'system:serviceaccount:default:robot')
  assert.is(userInfo.uid, account.metadata.uid)
  assert.equal(userInfo.groups, [
    'system:serviceaccounts',
    'system:serviceaccounts:default',
    'system:authenticated',
  ])
  const jti = `JTI=${payload(token).jti}`
  assert.equal(userInfo.extra['authentication.kubernetes.io/credential-id'], [jti])
})

test('the signature is checked by anybody with the published keys', async () => {
  const token = await tokenFor()
  const [header, claims, signature] = token.split('.')
  const keys = await api.call('GET', '/openid/v1/jwks')
  assert.is(keys.headers['content-type'], 'application/jwk-set+json')
  const [jwk] = JSON.parse(keys.text).keys
  const { kid, alg } = JSON.parse(Buffer.from(header!, 'base64url').toString())
  assert.equal([kid, alg], [jwk.kid, jwk.alg])
  const text = Buffer.from(`${header}.${claims}`)
  const key = createPublicKey({ key: jwk, format: 'jwk' })
  assert.ok(verify('sha256', text, key, Buffer.from(signature!, 'base64url')))
  const { json, headers } = await api.call('GET', '/.well-known/openid-configuration')
  assert.is(headers['cache-control'], 'public, max-age=3600')
  assert.is(json.issuer, ISSUER)
  assert.match(json.jwks_uri, /^https:\/\/192\.0\.2\.10:\d+\/openid\/v1\/jwks$/)
  assert.equal(json.id_token_signing_alg_values_supported, ['RS256'])
})

test('a token that was tampered with is refused', async () => {
  const token = await tokenFor()
  const [header, claims, signature] = token.split('.')
  const forged = { ...payload(token), sub: 'system:serviceaccount:kube-system:root' }
  const other = Buffer.from(JSON.stringify(forged)).toString('base64url')
  assert.is((await use(`${header}.${other}.${signature}`)).code, 401)
  const none = Buffer.from('{"alg":"none"}').toString('base64url')
  assert.is((await use(`${none}.${claims}.`)).code, 401)
  assert.is((await use(`${header}.${claims}`)).code, 401)
})

test('a token for others is not good here', async () => {
  const token = await tokenFor({ audiences: ['vault', 'db'] })
  assert.is((await use(token)).code, 401)
  const fits = await review(token, ['db', 'x'])
  assert.is(fits.authenticated, true)
  assert.equal(fits.audiences, ['db'])
  const { error } = await review(token)
  assert.is(
    error,
    `[invalid bearer token, token audiences ["vault" "db"] is invalid for the target audiences ["${ISSUER}"]]`,
  )
})

test('a component asks for a token over the bus, as the kubelet does', async () => {
  const subjects = subjectsFor(api.bus.prefix)
  const body = { kind: 'TokenRequest', spec: { audiences: ['vault'], expirationSeconds: 900 } }
  const subject = subjects.api('create', 'serviceaccounts/token', 'default', 'robot')
  const { data } = await api.bus.request(subject, body)
  const { token } = (data as { status: { token: string } }).status
  assert.equal((await review(token, ['vault'])).audiences, ['vault'])
  const whoami = subjects.api('create', 'selfsubjectreviews')
  const answer = await api.bus.request(whoami, { metadata: {} })
  const { userInfo } = (answer.data as { status: { userInfo: { username: string } } }).status
  assert.is(userInfo.username, 'system:bus-operator')
})

test('lifetimes have bounds', async () => {
  const causes = async (expirationSeconds: number) => {
    const { code, json } = await request({ expirationSeconds })
    assert.is(code, 422)
    return json.details.causes
  }
  assert.equal(await causes(599), [
    {
      reason: 'FieldValueInvalid',
      message: 'Invalid value: 599: may not specify a duration less than 10 minutes',
      field: 'spec.expirationSeconds',
    },
  ])
  const [{ message }] = await causes(2 ** 32 + 1)
  assert.match(message, 'may not specify a duration larger than 2^32 seconds')
})

test('a token bound to a secret dies with it', async () => {
  const secret = await create('secrets', { metadata: { name: 'bound' } })
  const boundObjectRef = { apiVersion: 'v1', kind: 'Secret', name: 'bound' }
  const token = await tokenFor({ boundObjectRef })
  assert.equal(payload(token)['kubernetes.io'].secret, {
    name: 'bound',
    uid: secret.metadata.uid,
  })
  assert.is((await use(token)).code, 200)
  await api.call('DELETE', `${CORE}/secrets/bound`)
  assert.is((await use(token)).code, 401)
  const { error } = await review(token)
  assert.is(error, '[invalid bearer token, service account token has been invalidated]')
  await create('secrets', { metadata: { name: 'bound' } })
  assert.match((await review(token)).error, /secret UID .* does not match/)
})

test('a token bound to a pod tells the pod and its node', async () => {
  const node = await api.call('POST', '/api/v1/nodes', { metadata: { name: 'n1' } })
  const pod = await create('pods', {
    metadata: { name: 'p' },
    spec: {
      serviceAccountName: 'robot',
      nodeName: 'n1',
      containers: [{ name: 'c', image: 'i' }],
    },
  })
  const boundObjectRef = { apiVersion: 'v1', kind: 'Pod', name: 'p', uid: pod.metadata.uid }
  const token = await tokenFor({ boundObjectRef })
  const { user } = await review(token)
  const told = (key: string) => user.extra[`authentication.kubernetes.io/${key}`][0]
  assert.is(told('pod-name'), 'p')
  assert.is(told('pod-uid'), pod.metadata.uid)
  assert.is(told('node-name'), 'n1')
  assert.is(told('node-uid'), node.json.metadata.uid)
  const long = await request({ boundObjectRef, expirationSeconds: 3607 })
  const claims = payload(long.json.status.token)
  assert.is(claims.exp - claims.iat, 365 * 24 * 3600)
  assert.is(claims['kubernetes.io'].warnafter - claims.iat, 3607)
})

test('what a token may be bound to is checked', async () => {
  const bind = (boundObjectRef: object) => request({ boundObjectRef })
  const strange = await bind({ apiVersion: 'v1', kind: 'ConfigMap', name: 'a' })
  assert.is(strange.json.message, 'cannot bind token to object of type /v1, Kind=ConfigMap')
  assert.is((await bind({ apiVersion: 'v1', kind: 'Secret', name: 'none' })).code, 404)
  const renewed = await bind({ apiVersion: 'v1', kind: 'Secret', name: 'bound', uid: 'other' })
  assert.is(renewed.code, 409)
  await create('pods', {
    metadata: { name: 'foreign' },
    spec: { serviceAccountName: 'default', containers: [{ name: 'c', image: 'i' }] },
  })
  const foreign = await bind({ apiVersion: 'v1', kind: 'Pod', name: 'foreign' })
  assert.match(foreign.json.message, 'to pod running with different serviceaccount name.')
})

test('only an account that is there has tokens, and only under its name', async () => {
  const none = await api.call('POST', `${CORE}/serviceaccounts/nobody/token`, { spec: {} })
  assert.is(none.json.message, 'serviceaccounts "nobody" not found')
  const other = await request({}, { metadata: { name: 'other' } })
  assert.is(other.code, 422)
  assert.match(other.json.message, 'must match the service account name')
  assert.is((await api.call('GET', TOKEN)).code, 405)
})

test('a token is no longer good when its account is gone, nor for one that is made anew', async () => {
  const token = await tokenFor()
  await api.call('DELETE', `${CORE}/serviceaccounts/robot`)
  assert.is((await use(token)).code, 401)
  await create('serviceaccounts', { metadata: { name: 'robot' } })
  assert.is((await use(token)).code, 401)
  assert.match((await review(token)).error, /service account UID .* does not match claim/)
})

test.after(() => api.stop())
test.run()
