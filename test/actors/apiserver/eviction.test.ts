/**
 * Evictions and the budgets they ask.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { startTestApiserver } from '../../support/api-server.ts'

const api = await startTestApiserver()
const PODS = '/api/v1/namespaces/default/pods'
const BUDGETS = '/apis/policy/v1/namespaces/default/poddisruptionbudgets'

const createPod = async (name: string, app: string, isReady: boolean) => {
  await api.call('POST', PODS, {
    metadata: { name, labels: { app } },
    spec: { nodeName: 'n1', containers: [{ name: 'c', image: 'i' }] },
  })
  const { json } = await api.call('GET', `${PODS}/${name}`)
  const conditions = [{ type: 'Ready', status: isReady ? 'True' : 'False' }]
  await api.call('PUT', `${PODS}/${name}/status`, {
    ...json,
    status: { ...json.status, phase: 'Running', conditions },
  })
}
const createBudget = async (name: string, app: string, status: object, spec: object = {}) => {
  const { json } = await api.call('POST', BUDGETS, {
    metadata: { name },
    spec: { minAvailable: 1, selector: { matchLabels: { app } }, ...spec },
  })
  const counts = { currentHealthy: 2, desiredHealthy: 1, expectedPods: 2, disruptionsAllowed: 0 }
  const { code, text } = await api.call('PUT', `${BUDGETS}/${name}/status`, {
    ...json,
    status: { observedGeneration: 1, ...counts, ...status },
  })
  assert.is(code, 200, text)
}
const evict = (name: string, options: object = {}) =>
  api.call('POST', `${PODS}/${name}/eviction`, {
    apiVersion: 'policy/v1',
    kind: 'Eviction',
    metadata: { name },
    deleteOptions: options,
  })
const isGone = async (name: string) => {
  const { code, json } = await api.call('GET', `${PODS}/${name}`)
  return code === 404 || json.metadata.deletionTimestamp !== undefined
}

test('a budget gives each eviction one disruption, then none', async () => {
  await createPod('a-1', 'a', true)
  await createPod('a-2', 'a', true)
  await createBudget('a', 'a', { disruptionsAllowed: 1 })
  const tried = await evict('a-1', { dryRun: ['All'] })
  assert.is(tried.code, 201, tried.text)
  assert.not.ok(await isGone('a-1'))
  const first = await evict('a-1')
  assert.is(first.code, 201, first.text)
  assert.ok(await isGone('a-1'))
  const { status } = (await api.call('GET', `${BUDGETS}/a`)).json
  assert.is(status.disruptionsAllowed, 0)
  assert.ok(status.disruptedPods['a-1'])
  const allowed = status.conditions.find(
    ({ type }: { type: string }) => type === 'DisruptionAllowed',
  )
  assert.equal([allowed.status, allowed.reason], ['False', 'InsufficientPods'])

  const second = await evict('a-2')
  assert.is(second.code, 429)
  assert.is(
    second.json.message,
    "Cannot evict pod as it would violate the pod's disruption budget.",
  )
  assert.equal(second.json.details.causes, [
    {
      reason: 'DisruptionBudget',
      message: 'The disruption budget a does not allow evicting pods currently',
    },
  ])
  assert.not.ok(await isGone('a-2'))
})

test('a budget that lacks pods says so, one that is not counted yet asks to come back', async () => {
  await createPod('b-1', 'b', true)
  await createBudget('b', 'b', { currentHealthy: 1 })
  const lacking = await evict('b-1')
  assert.is(
    lacking.json.details.causes[0].message,
    'The disruption budget b needs 1 healthy pods and has 1 currently',
  )
  assert.is(lacking.headers['retry-after'], undefined)
  await createPod('c-1', 'c', true)
  await createBudget('c', 'c', { observedGeneration: 0 })
  const early = await evict('c-1')
  assert.equal([early.code, early.headers['retry-after']], [429, '10'])
  assert.is(
    early.json.details.causes[0].message,
    'The disruption budget c is still being processed by the server.',
  )
})

test('a pod that is not ready goes while the others suffice, or where its budget says so', async () => {
  await createPod('d-1', 'd', false)
  await createBudget('d', 'd', {})
  assert.is((await evict('d-1')).code, 201)
  await createPod('e-1', 'e', false)
  await createBudget('e', 'e', { currentHealthy: 0 })
  assert.is((await evict('e-1')).code, 429)
  await createPod('f-1', 'f', false)
  await createBudget('f', 'f', { currentHealthy: 0 }, { unhealthyPodEvictionPolicy: 'AlwaysAllow' })
  assert.is((await evict('f-1')).code, 201)
})

test('two budgets of one pod are an error; no budget is no obstacle', async () => {
  await createPod('g-1', 'g', true)
  await createBudget('g', 'g', {})
  await createBudget('g-too', 'g', {})
  const twice = await evict('g-1')
  assert.is(twice.code, 500)
  assert.match(twice.json.message, 'more than one PodDisruptionBudget')
  await createPod('h-1', 'h', true)
  assert.is((await evict('h-1')).code, 201)
  assert.is((await evict('nobody')).code, 404)
  const wrong = await api.call('POST', `${PODS}/g-1/eviction`, { metadata: { name: 'other' } })
  assert.is(wrong.json.message, 'name in URL does not match name in Eviction object')
})

test('an evicted pod says why it goes, also one that is going already', async () => {
  await createPod('i-1', 'i', true)
  const target = async () => {
    const { json } = await api.call('GET', `${PODS}/i-1`)
    return json.status.conditions.find(({ type }: { type: string }) => type === 'DisruptionTarget')
  }
  await api.call('DELETE', `${PODS}/i-1`)
  assert.is(await target(), undefined)
  assert.is((await evict('i-1', { dryRun: ['All'] })).code, 201)
  assert.is(await target(), undefined)
  assert.is((await evict('i-1')).code, 201)
  const { lastTransitionTime, ...condition } = await target()
  assert.equal(condition, {
    type: 'DisruptionTarget',
    status: 'True',
    reason: 'EvictionByEvictionAPI',
    message: 'Eviction API: evicting',
  })
  assert.is((await evict('i-1')).code, 201)
  assert.is((await target()).lastTransitionTime, lastTransitionTime)
})

test.after(() => api.stop())
test.run()
