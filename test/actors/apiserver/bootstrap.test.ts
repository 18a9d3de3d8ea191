/**
 * What exists before the first client comes, and what of it stays.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { startTestApiserver } from '../../support/api-server.ts'
import { memoryStorage } from '../../support/memory-storage.ts'

const storage = memoryStorage()
const api = await startTestApiserver(storage)

const namesOf = async (path: string): Promise<string[]> => {
  const { json } = await api.call('GET', path)
  return json.items.map(({ metadata }: { metadata: { name: string } }) => metadata.name)
}

const FLOW = '/apis/flowcontrol.apiserver.k8s.io/v1'
const CLASSES = '/apis/scheduling.k8s.io/v1/priorityclasses'

test('flow control has its mandatory and suggested objects', async () => {
  assert.equal(await namesOf(`${FLOW}/prioritylevelconfigurations`), [
    'catch-all',
    'exempt',
    'global-default',
    'leader-election',
    'node-high',
    'system',
    'workload-high',
    'workload-low',
  ])
  assert.equal(await namesOf(`${FLOW}/flowschemas`), [
    'catch-all',
    'exempt',
    'global-default',
    'kube-controller-manager',
    'kube-scheduler',
    'kube-system-service-accounts',
    'probes',
    'service-accounts',
    'system-leader-election',
    'system-node-high',
    'system-nodes',
  ])
})

test('the spec of a mandatory object is fixed', async () => {
  const path = `${FLOW}/flowschemas/catch-all`
  const { json } = await api.call('GET', path)
  json.spec.matchingPrecedence = 9999
  const answer = await api.call('PUT', path, json)
  assert.is(answer.code, 422)
  assert.match(answer.json.message, "spec of 'catch-all' must equal the fixed value")
  const exempt = await api.call('GET', `${FLOW}/prioritylevelconfigurations/exempt`)
  exempt.json.spec.exempt.nominalConcurrencyShares = 10
  const changed = await api.call('PUT', `${FLOW}/prioritylevelconfigurations/exempt`, exempt.json)
  assert.is(changed.code, 200, changed.text)
})

test('default roles are completed at the next start, and nothing else is written', async () => {
  const other = memoryStorage()
  const first = await startTestApiserver(other)
  const RBAC = '/apis/rbac.authorization.k8s.io/v1'
  const roles = await first.call('GET', `${RBAC}/clusterroles`)
  assert.ok(roles.json.items.length >= 70)
  await first.stop()
  const { writes } = other
  const idle = await startTestApiserver(other)
  await idle.stop()
  // What an apiserver writes of itself, and the binding of tests, which is there.
  assert.ok(other.writes - writes < 10, `${other.writes - writes} writes`)
  const third = await startTestApiserver(other)
  const path = `${RBAC}/clusterroles/system:discovery`
  const role = (await third.call('GET', path)).json
  await third.call('PUT', path, { ...role, rules: [] })
  const protectedRole = (await third.call('GET', `${RBAC}/clusterroles/system:basic-user`)).json
  protectedRole.metadata.annotations['rbac.authorization.kubernetes.io/autoupdate'] = 'false'
  await third.call('PUT', `${RBAC}/clusterroles/system:basic-user`, { ...protectedRole, rules: [] })
  await third.call('DELETE', `${RBAC}/clusterrolebindings/system:node`)
  await third.stop()
  const fourth = await startTestApiserver(other)
  assert.is((await fourth.call('GET', path)).json.rules[0].nonResourceURLs.length, 1)
  assert.is(
    (await fourth.call('GET', path)).json.rules.length,
    role.rules[0].nonResourceURLs.length,
  )
  const kept = await fourth.call('GET', `${RBAC}/clusterroles/system:basic-user`)
  assert.is(kept.json.rules?.length ?? 0, 0)
  assert.is((await fourth.call('GET', `${RBAC}/clusterrolebindings/system:node`)).code, 200)
  await fourth.stop()
})

test("the system's priority classes exist and are not deleted", async () => {
  assert.equal(await namesOf(CLASSES), ['system-cluster-critical', 'system-node-critical'])
  const answer = await api.call('DELETE', `${CLASSES}/system-node-critical`)
  assert.is(answer.code, 403)
  assert.is(
    answer.json.message,
    'priorityclasses.scheduling.k8s.io "system-node-critical" is forbidden: this is a system priority class and cannot be deleted',
  )
})

test("the range of the cluster's Services is there and ready", async () => {
  const { json } = await api.call('GET', '/apis/networking.k8s.io/v1/servicecidrs/kubernetes')
  assert.equal(json.spec.cidrs, ['10.96.0.0/16'])
  assert.is(json.status.conditions[0].type, 'Ready')
  assert.is(json.status.conditions[0].status, 'True')
})

test('a second apiserver changes nothing of it', async () => {
  const list = async () => (await api.call('GET', `${FLOW}/flowschemas`)).json.items
  let before = await list()
  // The first one tells their status behind its start.
  while (before.some(({ status }: { status?: { conditions?: object[] } }) => !status?.conditions)) {
    await new Promise((resolve) => setTimeout(resolve, 20))
    before = await list()
  }
  const second = await startTestApiserver(storage)
  try {
    assert.equal(await list(), before)
  } finally {
    await second.stop()
  }
})

test.after(() => api.stop())
test.run()
