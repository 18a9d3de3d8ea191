/**
 * The webhook for tokens: a real HTTPS server answers TokenReviews.
 */
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { pino } from 'pino'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { openTokenWebhook } from '../../../../src/actors/apiserver/authentication/token-webhook.ts'
import { createAuthority, issueCertificate } from '../../../../src/node/pki.ts'
import { startTestApiserver } from '../../../support/api-server.ts'
import { virtualClock } from '../../../support/virtual-clock.ts'

const AUDIENCES = ['https://kubernetes.default.svc.cluster.local']
const authority = await createAuthority('hook-ca', Date.now())
const serving = await issueCertificate(authority, {
  subject: { commonName: 'hook' },
  usage: 'server',
  names: ['127.0.0.1'],
  nowMs: Date.now(),
})

interface Review {
  apiVersion: string
  spec: { token: string; audiences: string[] }
}
const asked: Review[] = []
let failures = 0
let answer = (_review: Review): object => ({})
const server = createServer(
  { cert: serving.certificate, key: serving.key },
  async (request, response) => {
    let text = ''
    for await (const chunk of request) text += chunk
    const review = JSON.parse(text) as Review
    asked.push(review)
    if (failures > 0) {
      failures--
      response.writeHead(503).end()
    } else response.end(JSON.stringify({ ...review, status: answer(review) }))
  },
)
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))

const settings = {
  url: `https://127.0.0.1:${(server.address() as AddressInfo).port}/review`,
  connection: { ca: authority.certificate },
  cacheMs: 120_000,
}

const open = () => {
  asked.length = 0
  const clock = virtualClock()
  const log = pino({ level: 'silent' })
  return { clock, webhook: openTokenWebhook(settings, { clock, log, audiences: AUDIENCES }) }
}

test('who the webhook says it is, for the audiences it says', async () => {
  const { webhook } = open()
  answer = () => ({
    authenticated: true,
    user: { username: 'jane', uid: '4', groups: ['staff'], extra: { scope: ['x'] } },
  })
  assert.equal(await webhook.judge('t', AUDIENCES), {
    user: { name: 'jane', uid: '4', groups: ['staff'], extra: { scope: ['x'] } },
    audiences: AUDIENCES,
  })
  assert.is(asked[0]!.apiVersion, 'authentication.k8s.io/v1')
  assert.equal(asked[0]!.spec, { token: 't', audiences: AUDIENCES })
  assert.is(await webhook.judge('t', ['vault']), undefined, 'it named none, so it means the API')
})

test('an answer holds for its time, yes or no, once per token and audiences', async () => {
  const { clock, webhook } = open()
  answer = ({ spec }) => ({ authenticated: spec.token === 'good', user: { username: 'jane' } })
  const both = await Promise.all([
    webhook.judge('good', AUDIENCES),
    webhook.judge('good', AUDIENCES),
  ])
  assert.is(both[0]!.user.name, 'jane')
  assert.is(await webhook.judge('bad', AUDIENCES), undefined)
  await webhook.judge('bad', AUDIENCES)
  assert.is(asked.length, 2)
  await clock.advance(120_000)
  await webhook.judge('good', AUDIENCES)
  assert.is(asked.length, 3)
})

test('its refusal is told, an outage is tried again and never remembered', async () => {
  const { clock, webhook } = open()
  answer = () => ({ authenticated: false, error: 'revoked' })
  await refused(webhook.judge('x', AUDIENCES), 'revoked')
  failures = 2
  answer = () => ({ authenticated: true, user: { username: 'jane' } })
  const retried = webhook.judge('y', AUDIENCES)
  assert.is((await advanceUntil(clock, retried))?.user.name, 'jane')
  failures = 5
  await refused(advanceUntil(clock, webhook.judge('z', AUDIENCES)), 'the server answered with 503')
  assert.is((await webhook.judge('z', AUDIENCES))?.user.name, 'jane')
})

test('the apiserver asks it last, and shows its answer in a TokenReview', async () => {
  answer = ({ spec }) => ({ authenticated: spec.token === 'hooked', user: { username: 'hook' } })
  const api = await startTestApiserver()
  try {
    await api.present({
      tls: {
        certificate: api.pki.server.certificate,
        key: api.pki.server.key,
        clientCa: api.pki.authority.certificate,
      },
      frontProxy: api.pki.frontProxy,
      authentication: { serviceAccountKey: api.pki.serviceAccountKey, webhook: settings },
    })
    const review = async (token: string) => {
      const path = '/apis/authentication.k8s.io/v1/tokenreviews'
      return (await api.call('POST', path, { spec: { token } })).json.status
    }
    assert.equal(await review('hooked'), {
      authenticated: true,
      user: { username: 'hook', groups: ['system:authenticated'] },
      audiences: AUDIENCES,
    })
    assert.is((await review('other')).error, 'invalid bearer token')
  } finally {
    await api.stop()
  }
})

const refused = async (judged: unknown, message: string) => {
  try {
    await judged
  } catch (error) {
    assert.is((error as Error).message, message)
    return
  }
  assert.unreachable()
}

/** Moves time on until the promise has settled. */
const advanceUntil = async <Result>(
  clock: ReturnType<typeof virtualClock>,
  promise: Promise<Result> | Result,
): Promise<Result> => {
  let isSettled = false
  const end = () => {
    isSettled = true
  }
  Promise.resolve(promise).then(end, end)
  while (!isSettled) {
    await new Promise((resolve) => setTimeout(resolve, 5))
    await clock.advance(500)
  }
  return promise
}

test.after(() => {
  server.closeAllConnections()
  server.close()
})
test.run()
