/**
 * StatefulSets: what the apiserver itself writes into them.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { StatefulSet } from '../../../src/api/apps/stateful-set.ts'

const CONTEXT = { now: Date.parse('2026-01-01T00:00:00Z') }

const metadata = () => ({
  name: 'web',
  namespace: 'default',
  uid: 'u',
  resourceVersion: '1',
  creationTimestamp: '2026-01-01T00:00:00Z',
})
const workload = () => ({
  selector: { matchLabels: { app: 'web' } },
  template: {
    metadata: { labels: { app: 'web' } },
    spec: { containers: [{ name: 'c', image: 'i:1' }] },
  },
})

const statefulSet = (rollingUpdate: object): StatefulSet => {
  const made = {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: metadata(),
    spec: { ...workload(), updateStrategy: { type: 'RollingUpdate', rollingUpdate } },
  } as unknown as StatefulSet
  StatefulSet.applyDefaults?.(made)
  return made
}

test('maxUnavailable is dropped unless it is in use', () => {
  const made = statefulSet({ maxUnavailable: 2 })
  StatefulSet.prepareForCreate?.(made, CONTEXT)
  assert.equal(made.spec?.updateStrategy?.rollingUpdate, { partition: 0 })
  const old = statefulSet({ maxUnavailable: 2 })
  const next = statefulSet({ maxUnavailable: 3 })
  StatefulSet.prepareForUpdate?.(next, old, CONTEXT)
  assert.is(next.spec?.updateStrategy?.rollingUpdate?.maxUnavailable, 3)
})

test('a maxUnavailable in use is checked', () => {
  const faults = (share: unknown) =>
    (StatefulSet.validate?.(statefulSet({ maxUnavailable: share })) ?? []).map(
      ({ message }) => message,
    )
  assert.equal(faults('0%'), ['Invalid value: "0%": cannot be 0'])
  assert.equal(faults('101%'), ['Invalid value: "101%": must not be greater than 100%'])
  assert.equal(faults(1), [])
})

test.run()
