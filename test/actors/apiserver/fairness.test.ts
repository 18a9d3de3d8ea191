/**
 * Flow control and limits as a client sees them.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { startTestApiserver, TOKEN } from '../../support/api-server.ts'
import { memoryStorage } from '../../support/memory-storage.ts'

const storage = memoryStorage()
const api = await startTestApiserver(storage)
const CONFIG_MAPS = '/api/v1/namespaces/default/configmaps'
const FLOWS = '/apis/flowcontrol.apiserver.k8s.io/v1'

const asRobot = (method: string, path: string, body?: unknown) =>
  api.call(method, path, body, {
    anonymous: true,
    headers: { authorization: `Bearer ${TOKEN}` },
  })

const uidOf = async (path: string): Promise<string> =>
  (await api.call('GET', `${FLOWS}/${path}`)).json.metadata.uid

test('an answer names the flow schema and the priority level it was filed under', async () => {
  const mine = await api.call('GET', CONFIG_MAPS)
  assert.is(mine.headers['x-kubernetes-pf-flowschema-uid'], await uidOf('flowschemas/exempt'))
  assert.is(
    mine.headers['x-kubernetes-pf-prioritylevel-uid'],
    await uidOf('prioritylevelconfigurations/exempt'),
  )
  const theirs = await asRobot('GET', CONFIG_MAPS)
  assert.is(
    theirs.headers['x-kubernetes-pf-flowschema-uid'],
    await uidOf('flowschemas/global-default'),
  )
  const missing = await api.call('GET', '/api')
  assert.is(missing.headers['x-kubernetes-pf-flowschema-uid'], await uidOf('flowschemas/exempt'))
})

test('an audit id is given, and kept when the client brings one', async () => {
  assert.match(String((await api.call('GET', '/version')).headers['audit-id']), /^[0-9a-f-]{36}$/)
  const own = await api.call('GET', CONFIG_MAPS, undefined, { headers: { 'audit-id': 'mine-1' } })
  assert.is(own.headers['audit-id'], 'mine-1')
})

test('a full level answers 429, says when to come back, and recovers', async () => {
  const level = {
    metadata: { name: 'tiny' },
    spec: {
      type: 'Limited',
      limited: {
        nominalConcurrencyShares: 1,
        borrowingLimitPercent: 0,
        limitResponse: { type: 'Reject' },
      },
    },
  }
  const schema = {
    metadata: { name: 'robots' },
    spec: {
      priorityLevelConfiguration: { name: 'tiny' },
      matchingPrecedence: 10,
      rules: [
        {
          subjects: [{ kind: 'Group', group: { name: 'robots' } }],
          resourceRules: [
            {
              verbs: ['*'],
              apiGroups: ['*'],
              resources: ['*'],
              namespaces: ['*'],
              clusterScope: true,
            },
          ],
        },
      ],
    },
  }
  assert.is((await api.call('POST', `${FLOWS}/prioritylevelconfigurations`, level)).code, 201)
  assert.is((await api.call('POST', `${FLOWS}/flowschemas`, schema)).code, 201)
  const { barrier } = storage
  let open = (): void => undefined
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  storage.barrier = () => opened
  const many = Array.from({ length: 12 }, () => asRobot('GET', CONFIG_MAPS))
  const refused = await Promise.race(
    many.map((answer) =>
      answer.then((given) => (given.code === 429 ? given : new Promise<never>(() => undefined))),
    ),
  )
  assert.is(refused.text, 'Too many requests, please try again later.\n')
  assert.is(refused.headers['retry-after'], '1')
  assert.is(refused.headers['x-kubernetes-pf-flowschema-uid'], await uidOfCached('robots'))
  open()
  storage.barrier = barrier
  const codes = (await Promise.all(many)).map(({ code }) => code)
  assert.ok(codes.includes(200), `${codes}`)
  assert.is((await asRobot('GET', CONFIG_MAPS)).code, 200)
})

/** Read past the barrier that the test holds. */
const uidOfCached = async (name: string): Promise<string> =>
  (await api.call('GET', `${FLOWS}/flowschemas/${name}?resourceVersion=0`)).json.metadata.uid

test('a request that takes too long is answered with 504', async () => {
  const { barrier } = storage
  storage.barrier = () => new Promise<void>(() => undefined)
  const answer = await api.call('GET', `${CONFIG_MAPS}?timeout=100ms`)
  storage.barrier = barrier
  assert.is(answer.code, 504)
  assert.is(answer.json.reason, 'Timeout')
  assert.is(answer.json.message, 'Timeout: request did not complete within the allotted timeout')
})

test('a watch is ended by its own timeout only', async () => {
  const path = `${CONFIG_MAPS}?watch=1&timeoutSeconds=1&timeout=1ms`
  const headers = { accept: 'application/vnd.kubernetes.protobuf' }
  assert.is((await api.call('GET', path, undefined, { headers })).code, 200)
})

test('a body that is too large is refused with the limit', async () => {
  const body = JSON.stringify({ metadata: { name: 'x' }, data: { a: 'x'.repeat(3 * 1024 * 1024) } })
  const { code, json } = await api.call('POST', CONFIG_MAPS, body)
  assert.is(code, 413)
  assert.is(json.reason, 'RequestEntityTooLarge')
  assert.is(json.message, 'Request entity too large: limit is 3145728')
})

test.after(() => api.stop())
test.run()
