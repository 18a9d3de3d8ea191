/**
 * Who is let in and who is ended, by replicas that share nothing but nats-server and have files of their own.
 */
import { pino } from 'pino'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Refusal, Refusals } from '../../../../src/actors/apiserver/audit/refusals.ts'
import { createAuthenticateToken } from '../../../../src/actors/apiserver/authentication/bearer-token.ts'
import {
  REVOCATIONS,
  revocationKey,
} from '../../../../src/actors/apiserver/authentication/revocations.ts'
import {
  parseTokenFile,
  type StaticToken,
  staticTokenUsers,
} from '../../../../src/actors/apiserver/authentication/static-tokens.ts'
import { createAuthorizer } from '../../../../src/actors/apiserver/authorization/authorizer.ts'
import { openBusEntry } from '../../../../src/actors/apiserver/bus-entry/bus-entry.ts'
import { parseBusName } from '../../../../src/actors/apiserver/bus-identity.ts'
import type { ConfigMap } from '../../../../src/api/core/config-map.ts'
import { USERS_ACCOUNT } from '../../../../src/bus/accounts.ts'
import type { Knock, OpenConnection, Pass } from '../../../../src/bus/doorkeeper.ts'
import { memoryCache } from '../../../support/memory-cache.ts'
import { virtualClock } from '../../../support/virtual-clock.ts'

const AUDIENCES = ['api']

/** A nats-server, as the replicas see it. */
const startServer = () => {
  const open: (OpenConnection & { account: string })[] = []
  const admit = ({ account, name }: Pass) =>
    open.push({ server: 'N', client: open.length + 1, account, name })
  const names = () => open.map(({ name }) => parseBusName(name)?.user.name ?? name).sort()
  return { open, admit, names }
}

const startReplica = (server: ReturnType<typeof startServer>, file: string) => {
  const cache = memoryCache()
  const clock = virtualClock()
  const booked: Refusal[] = []
  let tokens: StaticToken[] = parseTokenFile(file)
  let tell = (): void => undefined
  let judge: (knock: Knock) => Promise<Pass> = async () => assert.unreachable() as never
  const close = openBusEntry({
    doorkeeper: {
      serve: (_, served) => {
        judge = served
        return { stop: async () => undefined }
      },
      connections: async (wanted) => server.open.filter(({ account }) => account === wanted),
      connection: async () => undefined,
      kick: async ({ client }) => {
        server.open.splice(
          server.open.findIndex((each) => each.client === client),
          1,
        )
      },
      reload: async () => 1,
      onForeignReply: () => undefined,
    },
    issuer: () => 'SEED',
    authenticateToken: createAuthenticateToken(
      () => [
        (token) => {
          const user = staticTokenUsers(tokens)(token)
          return user && { user, audiences: AUDIENCES }
        },
      ],
      AUDIENCES,
    ),
    certificates: { ofHolder: () => ({ user: undefined }) as never },
    staticTokens: {
      list: () => tokens,
      onChange: (listener) => {
        tell = listener
        return () => undefined
      },
    },
    serviceAccounts: { isBelieved: () => false, onKeysChanged: () => () => undefined },
    refusals: { add: (refusal: Refusal) => void booked.push(refusal) } as unknown as Refusals,
    cache,
    authorizer: createAuthorizer(cache),
    prefix: 'kubus',
    clock,
    log: pino({ level: 'silent' }),
  })
  const knock = (token: string, client = 'test'): Promise<Pass> =>
    judge({
      host: '10.0.0.9',
      client,
      program: 'go v1',
      token,
      signature: '',
      nonce: '',
      verifiedChains: [],
    })
  const settle = async () => {
    await clock.advance(200)
    await new Promise((resolve) => setImmediate(resolve))
  }
  const write = async (next: string) => {
    tokens = parseTokenFile(next)
    tell()
    await settle()
  }
  const revoke = (user: string) =>
    cache.put({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { ...REVOCATIONS, uid: 'r' },
      data: { [revocationKey(user)]: '2026-01-01T00:00:00Z' },
    } as ConfigMap)
  return { knock, write, settle, revoke, booked, close }
}

const FILE = 't1,jane,1\nt2,joe,2\nt3,system:node:n,3,system:nodes\n'

test('whichever replica’s file changes ends what a removed token had let in, anywhere', async () => {
  const server = startServer()
  const first = startReplica(server, FILE)
  const second = startReplica(server, FILE)
  for (const token of ['t1', 't2', 't3']) server.admit(await first.knock(token))
  await second.settle()
  assert.equal(server.names(), ['jane', 'joe', 'system:node:n'])
  await second.write('t2,joe,2\nt3,system:node:n,3,system:nodes\n')
  assert.equal(server.names(), ['joe', 'system:node:n'])
  await first.write('t2,joe,2\n')
  assert.equal(server.names(), ['joe'])
  await Promise.all([first.close(), second.close()])
})

test('no token is to be seen in the name of a connection', async () => {
  const replica = startReplica(startServer(), 'very-secret,jane%s,1\n')
  const { name, account } = await replica.knock('very-secret')
  assert.is(account, USERS_ACCOUNT)
  assert.not.match(name, 'very-secret')
  assert.not.match(name, '%')
  assert.is(parseBusName(name)?.user.name, 'jane%s')
  await replica.close()
})

test('who is refused is in the books, as far as it is known who it is', async () => {
  const replica = startReplica(startServer(), FILE)
  const refused = async (attempt: Promise<Pass>) => {
    await attempt.then(
      () => assert.unreachable(),
      () => undefined,
    )
    const { user, verb, subject, status, sourceIPs, userAgent } = replica.booked.at(-1)!
    assert.equal([verb, subject, status.code], ['connect', '$SYS.REQ.USER.AUTH', 401])
    assert.equal([sourceIPs, userAgent === ''], [['10.0.0.9'], false])
    return user?.name
  }
  assert.is(await refused(replica.knock('wrong')), undefined)
  assert.is(await refused(replica.knock('t1', '%s')), undefined)
  replica.revoke('joe')
  assert.is(await refused(replica.knock('t2')), 'joe')
  assert.is(replica.booked.length, 3)
  await replica.close()
})

test.run()
