/**
 * Tokens of other issuers: a real HTTPS server with discovery and keys, tokens signed by jose.
 */
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT } from 'jose'
import { pino } from 'pino'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { RunningJudge } from '../../../../src/actors/apiserver/authentication/authentication.ts'
import { TokenRefused } from '../../../../src/actors/apiserver/authentication/bearer-token.ts'
import { openIssuers } from '../../../../src/actors/apiserver/authentication/issuers/issuers.ts'
import type { JwtAuthenticator } from '../../../../src/api/authentication/authentication-configuration.ts'
import { createAuthority, issueCertificate } from '../../../../src/node/pki.ts'
import { type VirtualClock, virtualClock } from '../../../support/virtual-clock.ts'

const NOW = Date.UTC(2026, 0, 1)
const AUDIENCES = ['https://kubernetes.default.svc.cluster.local']
const LOG = pino({ level: 'silent' })

const authority = await createAuthority('issuer-ca', Date.now())
const serving = await issueCertificate(authority, {
  subject: { commonName: 'issuer' },
  usage: 'server',
  names: ['127.0.0.1'],
  nowMs: Date.now(),
})

interface Key {
  kid: string
  algorithm: string
  privateKey: Awaited<ReturnType<typeof generateKeyPair>>['privateKey']
  jwk: JWK
}

const newKey = async (kid: string, algorithm = 'ES256'): Promise<Key> => {
  const { privateKey, publicKey } = await generateKeyPair(algorithm)
  return { kid, algorithm, privateKey, jwk: { ...(await exportJWK(publicKey)), kid } }
}

const keys = [await newKey('one')]
/** What other paths answer with. */
const pages = new Map<string, string>()
let fetches = 0
let isUp = true
const server: Server = createServer(
  { cert: serving.certificate, key: serving.key },
  ({ url = '', headers }, response) => {
    if (!isUp) return void response.writeHead(503).end('down')
    if (url === '/.well-known/openid-configuration')
      return void response.end(JSON.stringify({ issuer: ISSUER, jwks_uri: `${ISSUER}/keys` }))
    if (url === '/keys') {
      fetches++
      return void response.end(JSON.stringify({ keys: keys.map(({ jwk }) => jwk) }))
    }
    const page = pages.get(`${url} ${headers.authorization ?? ''}`.trim())
    response.writeHead(page === undefined ? 404 : 200).end(page ?? '')
  },
)
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
const ISSUER = `https://127.0.0.1:${(server.address() as AddressInfo).port}`

const token = (claims: JWTPayload = {}, key = keys[0]!, seconds = 3600): Promise<string> =>
  new SignJWT({ iss: ISSUER, aud: 'kubernetes', sub: 'jane', exp: NOW / 1000 + seconds, ...claims })
    .setProtectedHeader({ alg: key.algorithm, kid: key.kid })
    .sign(key.privateKey)

const authenticator = (more: Partial<JwtAuthenticator> = {}): JwtAuthenticator => ({
  issuer: {
    url: ISSUER,
    audiences: ['kubernetes'],
    certificateAuthority: authority.certificate,
  },
  claimMappings: {
    username: { claim: 'sub', prefix: 'oidc:' },
    groups: { claim: 'groups', prefix: 'oidc:' },
  },
  ...more,
})

interface World {
  clock: VirtualClock
  issuers: RunningJudge
  userOf(token: string): Promise<unknown>
  /** Why a token is refused. */
  refusal(token: string): Promise<string>
}

const withIssuers = async (
  configured: JwtAuthenticator,
  act: (world: World) => Promise<void>,
): Promise<void> => {
  const clock = virtualClock(NOW)
  const issuers = openIssuers({ jwt: [configured] }, { clock, log: LOG, audiences: AUDIENCES })
  const judge = async (text: string) => issuers.judge(text, AUDIENCES)
  try {
    await issuers.ready
    await act({
      clock,
      issuers,
      userOf: async (text) => (await judge(text))?.user,
      refusal: async (text) => {
        try {
          await judge(text)
        } catch (error) {
          assert.instance(error, TokenRefused)
          return (error as Error).message
        }
        throw new Error('the token was accepted')
      },
    })
  } finally {
    issuers.stop()
  }
}

test('claims become a user', () =>
  withIssuers(authenticator(), async ({ userOf, issuers }) => {
    assert.equal(await userOf(await token({ groups: ['a', 'b'], jti: '7' })), {
      name: 'oidc:jane',
      groups: ['oidc:a', 'oidc:b'],
      extra: { 'authentication.kubernetes.io/credential-id': ['JTI=7'] },
    })
    assert.equal(await userOf(await token({ groups: 'one' })), {
      name: 'oidc:jane',
      groups: ['oidc:one'],
    })
    assert.is(await userOf(await token({ iss: 'https://other.example' })), undefined)
    assert.is(await userOf('not.a.token'), undefined)
    assert.is(await issuers.judge(await token(), ['vault']), undefined)
  }))

test('what is wrong with a token is told in Kubernetes’ words', () =>
  withIssuers(authenticator(), async ({ refusal }) => {
    assert.is(
      await refusal(await token({ aud: 'other' })),
      'oidc: verify token: oidc: expected audience "kubernetes" got ["other"]',
    )
    assert.is(
      await refusal(await token({}, keys[0], -1)),
      'oidc: verify token: oidc: token is expired (Token Expiry: 2025-12-31 23:59:59 +0000 UTC)',
    )
    assert.match(
      await refusal(await token({ nbf: NOW / 1000 + 120 })),
      /before the nbf \(not before\) time/,
    )
    const { privateKey } = await newKey('one')
    assert.is(
      await refusal(await token({}, { ...keys[0]!, privateKey })),
      'oidc: verify token: failed to verify signature: failed to verify id token signature',
    )
    assert.is(
      await refusal(await token({ groups: { a: 1 } })),
      'oidc: parse groups claim "groups": json: cannot unmarshal object into Go value of type string',
    )
    const unsigned = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${(await token()).split('.')[1]}.`
    assert.match(await refusal(unsigned), /unsupported algorithm/)
  }))

test('keys that are added are fetched when a token needs them, and not for every guess', () =>
  withIssuers(authenticator(), async ({ userOf, refusal, clock }) => {
    await userOf(await token())
    const before = fetches
    const next = await newKey('two', 'RS256')
    await refusal(await token({}, next))
    await refusal(await token({ n: 1 }, next))
    assert.is(fetches, before, 'none within a second')
    keys.push(next)
    await clock.advance(1000)
    assert.ok(await userOf(await token({ n: 2 }, next)))
    assert.is(fetches, before + 1)
    assert.ok(await userOf(await token({ n: 3 })), 'the former key is good still')
    keys.pop()
  }))

test('a verdict is not remembered beyond the life of the token', () =>
  withIssuers(authenticator(), async ({ userOf, refusal, clock }) => {
    const text = await token({}, keys[0], 5)
    await userOf(text)
    await clock.advance(4_000)
    await userOf(text)
    await clock.advance(2_000)
    assert.match(await refusal(text), /token is expired/)
  }))

test('expressions map claims, and rules judge them', () =>
  withIssuers(
    authenticator({
      claimMappings: {
        username: { expression: 'claims.sub + "@" + claims.kubernetes__dot__io.tenant' },
        groups: { expression: 'claims.roles.split(",")' },
        uid: { expression: 'claims.?oid.orValue("none")' },
        extra: [{ key: 'example.org/tenant', valueExpression: 'claims["kubernetes.io"].tenant' }],
      },
      claimValidationRules: [
        { claim: 'hd', requiredValue: 'example.com' },
        { expression: 'claims.exp - claims.iat <= 86400', message: 'too long a life' },
      ],
      userValidationRules: [
        { expression: "!user.username.startsWith('system:')", message: 'a reserved name' },
        { expression: "user.groups.all(group, group != 'root')" },
      ],
    }),
    async ({ userOf, refusal }) => {
      const claims = {
        iat: NOW / 1000,
        hd: 'example.com',
        roles: 'a,b',
        'kubernetes.io': { tenant: 't1' },
      }
      assert.equal(await userOf(await token(claims)), {
        name: 'jane@t1',
        groups: ['a', 'b'],
        uid: 'none',
        extra: { 'example.org/tenant': ['t1'] },
      })
      assert.is(
        await refusal(await token({ ...claims, hd: 'evil.example' })),
        'oidc: required claim hd value does not match. Got = evil.example, want = example.com',
      )
      assert.is(
        await refusal(await token({ ...claims, iat: 0 })),
        "oidc: error evaluating claim validation expression: validation expression 'claims.exp - claims.iat <= 86400' failed: too long a life",
      )
      assert.match(
        await refusal(await token({ ...claims, sub: 'system:admin' })),
        /validation expression '!user.username.startsWith\('system:'\)' failed: a reserved name/,
      )
      assert.match(await refusal(await token({ ...claims, roles: 'root' })), /failed: $/)
      assert.match(
        await refusal(await token({ ...claims, 'kubernetes.io': {} })),
        /error evaluating username claim expression: expression .* resulted in error: no such key: tenant/,
      )
    },
  ))

test('an address counts only when it is verified', () =>
  withIssuers(
    authenticator({ claimMappings: { username: { claim: 'email', prefix: '' } } }),
    async ({ userOf, refusal }) => {
      const email = 'jane@example.com'
      assert.equal(await userOf(await token({ email })), { name: email, groups: [] })
      assert.is(
        await refusal(await token({ email, email_verified: false })),
        'oidc: email not verified',
      )
      assert.is(
        await refusal(await token()),
        'oidc: parse username claims "email": claim not present',
      )
    },
  ))

test('groups that a token only refers to are fetched', () =>
  withIssuers(authenticator(), async ({ userOf, refusal }) => {
    pages.set('/groups Bearer s3cret', await token({ groups: ['far'] }))
    const refers = (endpoint: string, access_token = 's3cret') =>
      token({
        _claim_names: { groups: 'src1' },
        _claim_sources: { src1: { endpoint, access_token } },
      })
    assert.equal(await userOf(await refers(`${ISSUER}/groups`)), {
      name: 'oidc:jane',
      groups: ['oidc:far'],
    })
    assert.match(
      await refusal(await refers(`${ISSUER}/groups`, 'wrong')),
      /could not expand distributed claims: while getting distributed claim "groups"/,
    )
  }))

test('an issuer that is found late is trusted then', async () => {
  isUp = false
  const clock = virtualClock(NOW)
  const ports = { clock, log: LOG, audiences: AUDIENCES }
  const issuers = openIssuers({ jwt: [authenticator()] }, ports)
  const text = await token()
  try {
    await issuers.judge(text, AUDIENCES)
    assert.unreachable()
  } catch (error) {
    assert.is((error as Error).message, 'oidc: authenticator not initialized')
  }
  isUp = true
  let isReady = false
  issuers.ready.then(() => {
    isReady = true
  })
  for (let turn = 0; turn < 100 && !isReady; turn++) {
    await new Promise((resolve) => setTimeout(resolve, 20))
    await clock.advance(10_000 / 20)
  }
  assert.ok(isReady)
  assert.ok(await issuers.judge(text, AUDIENCES))
  issuers.stop()
})

test.after(() => {
  server.closeAllConnections()
  server.close()
})
test.run()
