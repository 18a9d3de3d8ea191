/**
 * Certificate signing requests from their creation to their removal: real apiserver, roles and controllers.
 */
import { X509Certificate } from 'node:crypto'
import { pino } from 'pino'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { requestApprover } from '../../../src/actors/controllers/certificates/approver.ts'
import { requestCleaner } from '../../../src/actors/controllers/certificates/cleaner.ts'
import { requestSigner } from '../../../src/actors/controllers/certificates/signer.ts'
import { createControllerGroup } from '../../../src/actors/controllers/group.ts'
import { CertificateSigningRequest } from '../../../src/api/certificates/certificate-signing-request.ts'
import { validityOf } from '../../../src/api/certificates/signers.ts'
import { createClient } from '../../../src/client/bus-client.ts'
import { certificateFacts } from '../../../src/node/certificate-facts.ts'
import { signRequest } from '../../../src/node/pki.ts'
import { systemClock } from '../../../src/std/clock.ts'
import { startTestApiserver, TOKEN } from '../../support/api-server.ts'
import { certificateRequest } from '../../support/certificate-request.ts'
import { createWorld } from './world.ts'

const LOG = pino({ level: 'silent' })
const REQUESTS = '/apis/certificates.k8s.io/v1/certificatesigningrequests'
const CLIENT = 'kubernetes.io/kube-apiserver-client'
const KUBELET_CLIENT = 'kubernetes.io/kube-apiserver-client-kubelet'
const KUBELET_SERVING = 'kubernetes.io/kubelet-serving'
const NODE_USAGES = ['digital signature', 'key encipherment', 'client auth']
const DAY_SECONDS = 24 * 3600

const api = await startTestApiserver()
const { authority } = api.pki
const client = createClient({ bus: api.bus, clock: systemClock, log: LOG })
const group = createControllerGroup(
  [
    requestApprover,
    requestSigner({
      sign: ({ der }, { usages, expirationSeconds, nowMs }) => {
        const { notAfterMs } = certificateFacts(authority.certificate)
        const validity = validityOf(nowMs, expirationSeconds, notAfterMs)
        return signRequest(authority, der, { usages, validity })
      },
    }),
    requestCleaner,
  ],
  { cache: api.storage.cache, client, clock: systemClock, log: LOG },
)
const revision = await api.storage.takeFence('controllers', 0, 'test')
group.lead({ component: 'controllers', revision })

interface Asked {
  signerName?: string
  usages?: string[]
  expirationSeconds?: number
  headers?: Record<string, string>
}

const post = async (
  name: string,
  request: string,
  { headers = {}, signerName = CLIENT, usages = ['client auth'], ...more }: Asked = {},
) => {
  const body = { metadata: { name }, spec: { request, signerName, usages, ...more } }
  const by = headers['authorization'] ? { headers, anonymous: true } : {}
  const answer = await api.call('POST', REQUESTS, body, by)
  assert.is(answer.code, 201, answer.text)
}

const approve = async (name: string) => {
  const { json } = await api.call('GET', `${REQUESTS}/${name}`)
  const conditions = [{ type: 'Approved', status: 'True', reason: 'Fine', message: 'ok' }]
  const body = { ...json, status: { conditions } }
  const answer = await api.call('PUT', `${REQUESTS}/${name}/approval`, body)
  assert.is(answer.code, 200, answer.text)
}

type Status = NonNullable<CertificateSigningRequest['status']>

/** The status once it is as wanted. */
const until = async (name: string, isWanted: (status: Status) => boolean): Promise<Status> => {
  for (let attempt = 0; attempt < 250; attempt++) {
    const { status } = api.storage.cache.get(CertificateSigningRequest, undefined, name) ?? {}
    if (status && isWanted(status)) return status
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  throw new Error(`${name} did not get there`)
}
const issued = async (name: string): Promise<string> => {
  const { certificate } = await until(name, (status) => status.certificate !== undefined)
  return Buffer.from(certificate!, 'base64').toString()
}
const condition = (status: Status, type: string) =>
  status.conditions?.find((each) => each.type === type)

test('an approved request is signed, and its certificate is a credential', async () => {
  const { request, key } = await certificateRequest('jane', ['staff'])
  await post('jane', request)
  await approve('jane')
  const certificate = await issued('jane')
  const whoami = '/apis/authentication.k8s.io/v1/selfsubjectreviews'
  const { json } = await api.call('POST', whoami, {}, { certificate: { certificate, key } })
  assert.is(json.status.userInfo.username, 'jane')
  assert.equal(json.status.userInfo.groups, ['staff', 'system:authenticated'])
  const { notBeforeMs, notAfterMs, isAuthority } = certificateFacts(certificate)
  assert.is((notAfterMs - notBeforeMs) / 1000, 365 * DAY_SECONDS)
  assert.not.ok(isAuthority)
})

test('a certificate is as short as was asked for, and no longer than a year', async () => {
  const lifeOf = async (name: string, expirationSeconds: number) => {
    await post(name, (await certificateRequest('jane')).request, { expirationSeconds })
    await approve(name)
    const { notBeforeMs, notAfterMs } = certificateFacts(await issued(name))
    return (notAfterMs - notBeforeMs) / 1000
  }
  assert.is(await lifeOf('short', 3600), 3600 + 300)
  assert.is(await lifeOf('days', 2 * DAY_SECONDS), 2 * DAY_SECONDS)
  assert.is(await lifeOf('ages', 3650 * DAY_SECONDS), 365 * DAY_SECONDS)
})

test('a denied request, and one of another signer, are not signed', async () => {
  const { request } = await certificateRequest('jane')
  await post('other', request, { signerName: 'example.com/own' })
  await approve('other')
  await post('last', request)
  await approve('last')
  await issued('last')
  assert.is((await until('other', () => true)).certificate, undefined)
})

test('what a signer will not sign has failed, with the reason', async () => {
  const cases: [string, Asked, string][] = [
    [
      'wrong-usage',
      { usages: ['client auth', 'server auth'] },
      'invalid usage for client certificate: server auth',
    ],
    [
      'no-usage',
      { usages: ['digital signature'] },
      'missing required usage for client certificate: client auth',
    ],
    [
      'no-node',
      { signerName: KUBELET_CLIENT, usages: NODE_USAGES },
      'subject organization is not system:nodes',
    ],
    [
      'no-server',
      { signerName: KUBELET_SERVING, usages: NODE_USAGES },
      'subject organization is not system:nodes',
    ],
  ]
  for (const [name, asked, message] of cases) {
    await post(name, (await certificateRequest('jane')).request, asked)
    await approve(name)
    const failed = condition(await until(name, (status) => !!condition(status, 'Failed')), 'Failed')
    assert.is(failed?.reason, 'SignerValidationFailure')
    assert.is(failed?.message, message)
    assert.is(failed?.status, 'True')
    assert.ok(failed?.lastUpdateTime)
  }
})

test('a kubelet’s serving certificate has the names it asked for', async () => {
  const { request } = await certificateRequest(
    'system:node:a',
    ['system:nodes'],
    [
      { type: 'dns', value: 'a.example' },
      { type: 'ip', value: '192.0.2.7' },
    ],
  )
  const usages = ['digital signature', 'key encipherment', 'server auth']
  await post('serving', request, { signerName: KUBELET_SERVING, usages })
  await approve('serving')
  const certificate = new X509Certificate(await issued('serving'))
  assert.is(certificate.subjectAltName, 'DNS:a.example, IP Address:192.0.2.7')
  assert.equal(certificate.keyUsage, ['1.3.6.1.5.5.7.3.1'])
  const masquerade = await certificateRequest(
    'system:node:a',
    ['system:nodes'],
    [
      { type: 'dns', value: 'a.example' },
      { type: 'email', value: 'a@example' },
    ],
  )
  await post('email', masquerade.request, { signerName: KUBELET_SERVING, usages })
  await approve('email')
  const failed = await until('email', (status) => !!condition(status, 'Failed'))
  assert.is(condition(failed, 'Failed')?.message, 'Email subjectAltNames are not allowed')
})

test('a bootstrap token gets a node its certificate, which renews itself', async () => {
  const secret = {
    metadata: { name: 'bootstrap-token-abcdef' },
    type: 'bootstrap.kubernetes.io/token',
    stringData: {
      'token-id': 'abcdef',
      'token-secret': '0123456789abcdef',
      'usage-bootstrap-authentication': 'true',
      'auth-extra-groups': 'system:bootstrappers:kubeadm:default-node-token',
    },
  }
  await api.call('POST', '/api/v1/namespaces/kube-system/secrets', secret)
  const node = await certificateRequest('system:node:b', ['system:nodes'])
  const asked = { signerName: KUBELET_CLIENT, usages: NODE_USAGES }
  const headers = { authorization: 'Bearer abcdef.0123456789abcdef' }
  await post('node-b', node.request, { ...asked, headers })
  const status = await until('node-b', ({ certificate }) => certificate !== undefined)
  const approved = condition(status, 'Approved')
  assert.is(approved?.reason, 'AutoApproved')
  assert.is(
    approved?.message,
    'Auto approving kubelet client certificate after SubjectAccessReview.',
  )
  const certificate = { certificate: await issued('node-b'), key: node.key }
  const next = await certificateRequest('system:node:b', ['system:nodes'])
  const body = {
    metadata: { name: 'node-b-2' },
    spec: { request: next.request, ...asked },
  }
  const renewal = await api.call('POST', REQUESTS, body, { certificate })
  assert.is(renewal.code, 201, renewal.text)
  const renewed = await until('node-b-2', (each) => each.certificate !== undefined)
  assert.is(
    condition(renewed, 'Approved')?.message,
    'Auto approving self kubelet client certificate after SubjectAccessReview.',
  )
})

test('who has no right to it waits for a person', async () => {
  const { request } = await certificateRequest('system:node:c', ['system:nodes'])
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'asks' }
  const roles = '/apis/rbac.authorization.k8s.io/v1'
  await api.call('POST', `${roles}/clusterroles`, {
    metadata: { name: 'asks' },
    rules: [
      {
        apiGroups: ['certificates.k8s.io'],
        resources: ['certificatesigningrequests'],
        verbs: ['create'],
      },
    ],
  })
  await api.call('POST', `${roles}/clusterrolebindings`, {
    metadata: { name: 'asks' },
    roleRef,
    subjects: [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'joe' }],
  })
  const joe = await certificateRequest('joe')
  await post('joe', joe.request)
  await approve('joe')
  const certificate = { certificate: await issued('joe'), key: joe.key }
  const spec = { request, signerName: KUBELET_CLIENT, usages: NODE_USAGES }
  const made = await api.call('POST', REQUESTS, { metadata: { name: 'c' }, spec }, { certificate })
  assert.is(made.code, 201, made.text)
  await new Promise((resolve) => setTimeout(resolve, 300))
  const { status } = api.storage.cache.get(CertificateSigningRequest, undefined, 'c')!
  assert.equal(status?.conditions ?? [], [])
  assert.is((await api.call('GET', `${REQUESTS}/c`, undefined, withToken)).code, 200)
})

const withToken = { headers: { authorization: `Bearer ${TOKEN}` }, anonymous: true }

const HOUR_MS = 3_600_000

const settled = (
  name: string,
  conditions: { type: string; lastUpdateTime?: string }[],
  certificate?: string,
): CertificateSigningRequest =>
  ({
    apiVersion: 'certificates.k8s.io/v1',
    kind: 'CertificateSigningRequest',
    metadata: { name, uid: name, resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' },
    spec: { request: '', signerName: 'example.com/x', usages: [] },
    status: {
      ...(certificate ? { certificate } : {}),
      conditions: conditions.map((each) => ({
        status: 'True',
        lastUpdateTime: '2026-01-01T00:00:00Z',
        ...each,
      })),
    },
  }) as unknown as CertificateSigningRequest

test('requests that are settled go after an hour, forgotten ones after a day', async () => {
  const certificate = Buffer.from(authority.certificate).toString('base64')
  const world = createWorld(
    [requestCleaner],
    settled('pending', []),
    settled('denied', [{ type: 'Denied' }]),
    settled('failed', [{ type: 'Approved' }, { type: 'Failed' }]),
    settled('issued', [{ type: 'Approved' }], certificate),
    settled('unissued', [{ type: 'Approved' }]),
  )
  const names = () =>
    world.cache
      .list(CertificateSigningRequest)
      .map(({ metadata }) => metadata.name)
      .sort()
  await world.clock.advance(HOUR_MS - 1000)
  assert.is(names().length, 5)
  await world.clock.advance(2000)
  assert.equal(names(), ['pending', 'unissued'])
  await world.clock.advance(23 * HOUR_MS)
  assert.equal(names(), [])
  await world.group.stop()
})

test.after(async () => {
  await group.stop()
  await api.stop()
})
test.run()
