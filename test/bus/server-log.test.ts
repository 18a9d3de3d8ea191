/**
 * Lines of nats-server's log: table, and a real server that is asked to write strange ones.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from 'nats'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { parseViolation, type Violation } from '../../src/bus/server-log.ts'
import { startNatsServer } from '../support/nats-server.ts'

const FRONT = '[7] 2026/11/21 03:11:27.123456 [ERR] 10.0.0.9:41262 - cid:10 - '
const WHO = '"v2.29:nats.js" - "USERS/user:{\\"name\\":\\"jane\\"}" - '

const violation: Violation = {
  atMs: Date.UTC(2026, 10, 21, 3, 11, 27, 123),
  client: 10,
  addresses: ['10.0.0.9'],
  program: 'v2.29:nats.js',
  account: 'USERS',
  identity: { type: 'user', name: '{"name":"jane"}' },
  verb: 'publish',
  subject: '$KV.kubus.x',
  isReply: false,
}

test('a line says who tried what, when and from where', () => {
  const line = `${FRONT}${WHO}Publish Violation - Subject "$KV.kubus.x"`
  assert.equal(parseViolation(line), violation)
})

test('subscriptions, queues, replies and subjects with too many words are attempts as well', () => {
  const of = (tail: string) => {
    const { verb, subject, isReply } = parseViolation(FRONT + WHO + tail)!
    return [verb, subject, isReply]
  }
  assert.equal(of('Subscription Violation - Subject ">", SID 12'), ['subscribe', '>', false])
  assert.equal(of('Subscription Violation - Subject "a.>", Queue: "q", SID 1'), [
    'subscribe',
    'a.>',
    false,
  ])
  assert.equal(of('Subscription Violation Too Many Tokens - Subject "a.b", SID 1'), [
    'subscribe',
    'a.b',
    false,
  ])
  assert.equal(of('Publish Violation - Reply "$JS.ACK.x"'), ['publish', '$JS.ACK.x', true])
})

test('keys, addresses of both families and of proxies, and clients without a name are read', () => {
  const key = '[7] 2026/11/21 03:11:27.1234 [ERR] [::1]:41262 - cid:10 - "KUBUS/nkey:UABC" - '
  const byKey = parseViolation(`${key}Publish Violation - Subject "x"`)!
  assert.equal(byKey.identity, { type: 'nkey', name: 'UABC' })
  assert.equal(byKey.addresses, ['::1'])
  assert.is(byKey.program, '')
  const socket = '[7] 2026/11/21 03:11:27.123456 [ERR] 192.0.2.7/10.0.0.9:41262 - wid:3 - '
  const proxied = parseViolation(`${socket}${WHO}Publish Violation - Subject "x"`)!
  assert.equal(proxied.addresses, ['192.0.2.7', '10.0.0.9'])
})

test('what a client calls itself is not taken for another part of the line', () => {
  const name = '"x\\" - \\"KUBUS/nkey:UABC\\" - Publish Violation - Subject \\"y\\"" - '
  const line = `${FRONT}${name}"USERS/user:jane" - Publish Violation - Subject "x\\u00e9\\t\\x01"`
  const found = parseViolation(line)!
  assert.equal(found.identity, { type: 'user', name: 'jane' })
  assert.is(found.subject, 'xé\t\x01')
  assert.match(found.program, 'Subject "y"')
})

test('other lines are none', () => {
  for (const line of [
    '',
    '[7] 2026/11/21 03:11:27.123456 [INF] Server is ready',
    `${FRONT}authentication error - User "admin"`,
    `${FRONT}"x - Publish Violation - Subject "y"`,
    `${FRONT.replace('ERR', 'INF')}${WHO}Publish Violation - Subject "x"`,
    `${FRONT}"only a name" - Publish Violation - Subject "x"`,
  ])
    assert.is(parseViolation(line), undefined, line)
})

test('the nats-server of today writes such lines', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'kubus-server-log-'))
  const logFile = join(folder, 'server.log')
  const server = await startNatsServer({
    config: `
      log_file: "${logFile}"
      logtime_utc: true
      accounts { USERS { users: [
        { user: "{\\"name\\":\\"jane\\"}", password: "x", permissions { publish: ["a"], subscribe: ["a"] } }
      ] } }`,
  })
  try {
    const connection = await connect({
      servers: server.url,
      user: '{"name":"jane"}',
      pass: 'x',
      name: 'a "name"',
    })
    connection.publish('b.%d"\\')
    connection.subscribe('c.>', { queue: 'q', callback: () => undefined })
    await connection.flush()
    await connection.close()
    const lines = readFileSync(logFile, 'utf8').split(/\r?\n/)
    const found = lines.map(parseViolation).filter((each) => each !== undefined)
    assert.equal(
      found.map(({ account, identity, verb, subject }) => [account, identity.name, verb, subject]),
      [
        ['USERS', '{"name":"jane"}', 'publish', 'b.%d"\\'],
        ['USERS', '{"name":"jane"}', 'subscribe', 'c.>'],
      ],
    )
    assert.match(found[0]!.program, 'a "name"')
    assert.ok(Math.abs(found[0]!.atMs - Date.now()) < 60_000)
  } finally {
    await server.stop()
    rmSync(folder, { recursive: true })
  }
})

test.run()
