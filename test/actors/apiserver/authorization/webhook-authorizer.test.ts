/**
 * An authorizer that is asked over HTTPS, alone and behind roles.
 */
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { pino } from 'pino'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Attributes } from '../../../../src/actors/apiserver/authorization/attributes.ts'
import { configuredAuthorizer } from '../../../../src/actors/apiserver/authorization/configured-authorizer.ts'
import type { WebhookConfiguration } from '../../../../src/api/authorization/authorization-configuration.ts'
import { systemClock } from '../../../../src/std/clock.ts'
import { testPki } from '../../../support/api-server.ts'
import { memoryCache } from '../../../support/memory-cache.ts'
import { clusterRole, clusterRoleBinding } from '../../../support/policy.ts'
import { virtualClock } from '../../../support/virtual-clock.ts'

const pki = await testPki()
/** What was asked, and what is answered next. */
// biome-ignore lint/suspicious/noExplicitAny: tests look into reviews
const asked: any[] = []
let answer: { code?: number; status?: object } = {}
const server = createServer(
  {
    cert: pki.server.certificate,
    key: pki.server.key,
    ca: pki.authority.certificate,
    requestCert: true,
  },
  (request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      asked.push(JSON.parse(Buffer.concat(chunks).toString()))
      const { code = 200, status } = answer
      response.writeHead(code, { 'content-type': 'application/json' })
      response.end(JSON.stringify({ status }))
    })
  },
)
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/authorize`

const CONFIGURATION: WebhookConfiguration = {
  authorizedTtlMs: 300_000,
  unauthorizedTtlMs: 30_000,
  cacheAuthorizedRequests: true,
  cacheUnauthorizedRequests: true,
  timeoutMs: 3_000,
  subjectAccessReviewVersion: 'v1',
  failurePolicy: 'Deny',
  kubeConfigFile: '',
  matchConditions: [],
}
const LOG = pino({ level: 'silent' })

const begin = async (change: Partial<WebhookConfiguration> = {}, to = url) => {
  asked.length = 0
  answer = { status: { allowed: true, reason: 'because' } }
  const clock = virtualClock()
  const cache = memoryCache(
    clusterRole('reader', 'get core pods'),
    clusterRoleBinding('reader', 'reader', 'User:joe'),
  )
  const settings = {
    name: 'ours',
    configuration: { ...CONFIGURATION, ...change },
    url: to,
    connection: {
      ca: pki.authority.certificate,
      certificate: pki.admin.certificate,
      key: pki.admin.key,
    },
  }
  const options = {
    authorizers: [{ type: 'RBAC' } as const, { type: 'Webhook', settings } as const],
  }
  return { clock, authorizer: await configuredAuthorizer(cache, options, { clock, log: LOG }) }
}

const request = (name: string, more: Partial<Attributes> = {}): Attributes => ({
  user: { name, groups: ['staff'], uid: 'u', extra: { scope: ['a'] } },
  verb: 'get',
  group: '',
  version: 'v1',
  resource: 'pods',
  namespace: 'ns',
  ...more,
})

test('who has no opinion hands on, with everything that is known', async () => {
  const { authorizer } = await begin()
  assert.is((await authorizer.decide(request('joe'))).allowed, true)
  assert.is(asked.length, 0)
  const decision = await authorizer.decide(
    request('jane', {
      verb: 'list',
      fieldSelector: 'spec.nodeName=n1',
      labelSelector: 'a in (b,c),!d',
    }),
  )
  assert.equal(decision, { allowed: true, reason: 'because' })
  assert.equal(asked[0], {
    kind: 'SubjectAccessReview',
    apiVersion: 'authorization.k8s.io/v1',
    metadata: {},
    spec: {
      resourceAttributes: {
        namespace: 'ns',
        verb: 'list',
        version: 'v1',
        resource: 'pods',
        fieldSelector: {
          requirements: [{ key: 'spec.nodeName', operator: 'In', values: ['n1'] }],
        },
        labelSelector: {
          requirements: [
            { key: 'a', operator: 'In', values: ['b', 'c'] },
            { key: 'd', operator: 'DoesNotExist' },
          ],
        },
      },
      user: 'jane',
      groups: ['staff'],
      extra: { scope: ['a'] },
      uid: 'u',
    },
    status: { allowed: false },
  })
  await authorizer.decide({ user: { name: 'jane', groups: [] }, verb: 'get', path: '/x' })
  assert.equal(asked[1].spec, { nonResourceAttributes: { path: '/x', verb: 'get' }, user: 'jane' })
  authorizer.stop()
})

test('answers hold for a while, each as long as its kind', async () => {
  const { authorizer, clock } = await begin()
  const ask = async () => (await authorizer.decide(request('jane'))).allowed
  assert.equal(await Promise.all([ask(), ask()]), [true, true])
  assert.is(asked.length, 1)
  answer = { status: { allowed: false } }
  await clock.advance(299_000)
  assert.is(await ask(), true)
  await clock.advance(2_000)
  assert.is(await ask(), false)
  answer = { status: { allowed: true } }
  await clock.advance(29_000)
  assert.is(await ask(), false)
  await clock.advance(2_000)
  assert.is(await ask(), true)
  assert.is(asked.length, 3)
  authorizer.stop()
})

test('what is not to be kept is asked again', async () => {
  const { authorizer } = await begin({ cacheAuthorizedRequests: false })
  await authorizer.decide(request('jane'))
  await authorizer.decide(request('jane'))
  assert.is(asked.length, 2)
  const long = request('jane', { name: 'x'.repeat(10_000) })
  answer = { status: { allowed: false } }
  await authorizer.decide(long)
  await authorizer.decide(long)
  assert.is(asked.length, 4)
  authorizer.stop()
})

test('a denial is one, no opinion is none', async () => {
  const { authorizer } = await begin({ cacheUnauthorizedRequests: false })
  answer = { status: { allowed: false, denied: true, reason: 'never' } }
  assert.equal(await authorizer.decide(request('jane')), {
    allowed: false,
    denied: true,
    reason: 'never',
  })
  answer = { status: { allowed: false, reason: 'who knows' } }
  assert.equal(await authorizer.decide(request('jane')), { allowed: false, reason: 'who knows' })
  answer = { status: { allowed: true, denied: true } }
  const { denied, error } = await authorizer.decide(request('jane'))
  assert.is(denied, true)
  assert.is(error, 'webhook subject access review returned both allow and deny response')
  authorizer.stop()
})

test('who cannot be asked refuses or has no opinion, as configured', async () => {
  for (const [failurePolicy, isDenied] of [
    ['Deny', true],
    ['NoOpinion', undefined],
  ] as const) {
    const { authorizer } = await begin({ failurePolicy })
    answer = { code: 403 }
    const decision = await authorizer.decide(request('jane'))
    assert.equal([decision.allowed, decision.denied], [false, isDenied])
    assert.is(decision.error, 'the server answered with 403')
    assert.is(asked.length, 1)
    authorizer.stop()
  }
  const { authorizer } = await begin({}, 'https://127.0.0.1:1/')
  assert.is((await authorizer.decide(request('jane'))).denied, true)
  authorizer.stop()
})

test('who is busy is asked again', async () => {
  const { authorizer, clock } = await begin()
  answer = { code: 500 }
  const decision = authorizer.decide(request('jane')) as Promise<{ allowed: boolean }>
  while (asked.length === 0) await new Promise((resolve) => systemClock.after(5, () => resolve(0)))
  answer = { status: { allowed: true } }
  while (asked.length === 1) {
    await clock.advance(1_000)
    await new Promise((resolve) => systemClock.after(5, () => resolve(0)))
  }
  assert.is((await decision).allowed, true)
  authorizer.stop()
})

test('conditions say what it is asked about', async () => {
  const { authorizer } = await begin({
    matchConditions: [
      "has(request.resourceAttributes) && request.resourceAttributes.namespace == 'ns'",
      "!('system:serviceaccounts' in request.groups)",
    ],
  })
  assert.is((await authorizer.decide(request('jane'))).allowed, true)
  assert.is((await authorizer.decide(request('jane', { namespace: 'other' }))).allowed, false)
  const path = { user: { name: 'jane', groups: [] }, verb: 'get', path: '/x' }
  assert.is((await authorizer.decide(path)).allowed, false)
  assert.is(asked.length, 1)
  authorizer.stop()
  const failing = await begin({ matchConditions: ["request.resourceAttributes.name == 'a'"] })
  const decision = await failing.authorizer.decide(path)
  assert.is(decision.denied, true)
  assert.match(decision.error ?? '', /resulted in error: no such key: resourceAttributes/)
  failing.authorizer.stop()
})

test('its rights cannot be listed', async () => {
  const { authorizer } = await begin()
  const { incomplete, evaluationError } = authorizer.rulesFor({ name: 'joe', groups: [] }, 'ns')
  assert.is(incomplete, true)
  assert.is(evaluationError, 'webhook authorizer does not support user rule resolution')
  authorizer.stop()
})

test.after(() => {
  server.close()
})
test.run()
