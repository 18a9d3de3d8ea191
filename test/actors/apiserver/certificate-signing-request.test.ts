/**
 * The life of a certificate signing request: approval and status, each by its own path.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ED25519, JANE, MASTER, P384, RSA } from '../../api/certificates/requests.ts'
import { startTestApiserver } from '../../support/api-server.ts'

const api = await startTestApiserver()
const REQUESTS = '/apis/certificates.k8s.io/v1/certificatesigningrequests'
const CLIENT = 'kubernetes.io/kube-apiserver-client'
const certificate = Buffer.from(api.pki.admin.certificate).toString('base64')

const post = (name: string, request = JANE, signerName = CLIENT) =>
  api.call('POST', REQUESTS, {
    metadata: { name },
    spec: { request, signerName, usages: ['client auth'], username: 'root', uid: 'x' },
  })
const merge = (path: string, body: unknown) =>
  api.call('PATCH', `${REQUESTS}/${path}`, body, {
    headers: { 'content-type': 'application/merge-patch+json' },
  })
const approved = { type: 'Approved', status: 'True', reason: 'Fine' }
const causes = (answer: { json: { details: { causes: { field: string; message: string }[] } } }) =>
  answer.json.details.causes.map(({ field, message }) => `${field}: ${message}`)

test('who asks is who asks, whatever the request says', async () => {
  const { code, json } = await post('a')
  assert.is(code, 201)
  assert.is(json.spec.username, 'admin')
  assert.is(json.spec.uid, undefined)
  assert.ok(json.spec.extra['authentication.kubernetes.io/credential-id'])
})

test('requests with keys of all usual kinds are read', async () => {
  for (const [name, request] of Object.entries({ rsa: RSA, ed25519: ED25519, p384: P384 }))
    assert.is((await post(name, request)).code, 201, name)
})

test('nobody becomes a master by a certificate', async () => {
  const { code, json } = await post('m', MASTER)
  assert.is(code, 403)
  assert.is(
    json.message,
    `certificatesigningrequests.certificates.k8s.io "m" is forbidden: use of ${CLIENT} signer with system:masters group is not allowed`,
  )
  assert.is((await post('m', MASTER, 'example.com/own')).code, 201)
})

test('an update changes neither spec nor status', async () => {
  const { code, json } = await merge('a', {
    metadata: { labels: { a: 'b' } },
    spec: { usages: ['any'] },
    status: { conditions: [approved] },
  })
  assert.is(code, 200)
  assert.equal(json.metadata.labels, { a: 'b' })
  assert.equal(json.spec.usages, ['client auth'])
  assert.equal(json.status, {})
})

test('status may not approve, approval may not issue', async () => {
  const byStatus = await merge('a/status', { status: { conditions: [approved] } })
  assert.is(byStatus.code, 422)
  assert.equal(causes(byStatus), [
    'status.conditions: Forbidden: updates may not add a condition of type "Approved"',
  ])
  const byApproval = await merge('a/approval', { status: { certificate } })
  assert.is(byApproval.code, 200)
  assert.is(byApproval.json.status.certificate, undefined)
})

test('approval stamps its times, and is not taken back', async () => {
  const { code, json } = await merge('a/approval', { status: { conditions: [approved] } })
  assert.is(code, 200, JSON.stringify(json))
  const [condition] = json.status.conditions
  assert.match(condition.lastUpdateTime, /Z$/)
  assert.is(condition.lastTransitionTime, condition.lastUpdateTime)
  const removed = await merge('a/approval', { status: { conditions: null } })
  assert.equal(causes(removed), [
    'status.conditions: Forbidden: updates may not remove a condition of type "Approved"',
  ])
  const denied = { type: 'Denied', status: 'True' }
  const both = await merge('a/approval', { status: { conditions: [approved, denied] } })
  assert.equal(causes(both), [
    'status.conditions[1].type: Invalid value: "Denied": Approved and Denied conditions are mutually exclusive',
  ])
  const half = await merge('a/approval', {
    status: { conditions: [{ ...approved, status: 'False' }] },
  })
  assert.equal(causes(half), [
    'status.conditions[0].status: Unsupported value: "False": supported values: "True"',
  ])
})

test('a certificate is issued once, and is one', async () => {
  const nonsense = Buffer.from('nonsense').toString('base64')
  const wrong = await merge('a/status', { status: { certificate: nonsense } })
  assert.equal(causes(wrong), [
    'status.certificate: Invalid value: "<certificate data>": must contain at least one CERTIFICATE PEM block',
  ])
  const issued = await merge('a/status', { status: { certificate } })
  assert.is(issued.code, 200, issued.text)
  const other = Buffer.from(api.pki.server.certificate).toString('base64')
  assert.equal(causes(await merge('a/status', { status: { certificate: other } })), [
    'status.certificate: Forbidden: updates may not modify existing certificate content',
  ])
  const table = await api.call('GET', REQUESTS, undefined, {
    headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' },
  })
  assert.is(table.json.rows[0].cells.at(-1), 'Approved,Issued')
})

test('requests are selected by signer', async () => {
  const { json } = await api.call(
    'GET',
    `${REQUESTS}?fieldSelector=spec.signerName=example.com/own`,
  )
  assert.equal(
    json.items.map(({ metadata }: { metadata: { name: string } }) => metadata.name),
    ['m'],
  )
})

test.after(() => api.stop())
test.run()
