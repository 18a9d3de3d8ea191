/**
 * Evictions on two apiservers at once, against one budget.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { startMaster } from '../../support/control-plane.ts'
import { startNatsServer } from '../../support/nats-server.ts'

const nats = await startNatsServer()
const masters = await Promise.all([startMaster(nats), startMaster(nats, { replica: 2 })])
const apis = masters.map(({ api }) => api)
const [one] = apis as [(typeof apis)[0]]
const PODS = '/api/v1/namespaces/default/pods'
const BUDGETS = '/apis/policy/v1/namespaces/default/poddisruptionbudgets'

test('racing evictions on two replicas never spend one allowance twice', async () => {
  const names = Array.from({ length: 24 }, (_, index) => `p-${index}`)
  const create = async (name: string) => {
    const { json } = await one.call('POST', PODS, {
      metadata: { name, labels: { app: 'a' } },
      spec: { nodeName: 'n1', containers: [{ name: 'c', image: 'i' }] },
    })
    const conditions = [{ type: 'Ready', status: 'True' }]
    const status = { ...json.status, phase: 'Running', conditions }
    await one.call('PUT', `${PODS}/${name}/status`, { ...json, status })
  }
  await Promise.all(names.map(create))
  const { json } = await one.call('POST', BUDGETS, {
    metadata: { name: 'a' },
    spec: { minAvailable: 17, selector: { matchLabels: { app: 'a' } } },
  })
  const counts = { currentHealthy: 24, desiredHealthy: 17, expectedPods: 24, disruptionsAllowed: 7 }
  const budget = { ...json, status: { observedGeneration: 1, ...counts } }
  assert.is((await one.call('PUT', `${BUDGETS}/a/status`, budget)).code, 200)
  const answers = await Promise.all(
    names.map((name, index) =>
      apis[index % 2]!.call('POST', `${PODS}/${name}/eviction`, {
        apiVersion: 'policy/v1',
        kind: 'Eviction',
        metadata: { name },
      }),
    ),
  )
  const gone = names.filter((_, index) => answers[index]!.code === 201)
  assert.is(gone.length, 7)
  for (const { code } of answers) assert.ok(code === 201 || code === 429, String(code))
  const { status } = (await one.call('GET', `${BUDGETS}/a`)).json
  assert.is(status.disruptionsAllowed, 0)
  assert.equal(Object.keys(status.disruptedPods).sort(), gone.sort())
})

test.after(async () => {
  for (const { stop } of masters) await stop()
  await nats.stop()
})
test.run()
