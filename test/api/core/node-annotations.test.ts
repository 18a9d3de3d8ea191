import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Node } from '../../../src/api/core/node.ts'
import { shown } from './pod-samples.ts'

const TAINTS = 'scheduler.alpha.kubernetes.io/taints'
const AVOID = 'scheduler.alpha.kubernetes.io/preferAvoidPods'

const faults = (key: string, content: unknown): string[] => {
  const text = typeof content === 'string' ? content : JSON.stringify(content)
  const metadata = {
    name: 'one',
    uid: 'uid',
    resourceVersion: '1',
    creationTimestamp: '2026-01-01T00:00:00Z',
    annotations: { [key]: text },
  }
  return shown(Node.validate!({ apiVersion: 'v1', kind: 'Node', metadata }))
}

test('pods to avoid are those of a controller', () => {
  const entry = (podController?: object) => ({
    preferAvoidPods: [{ podSignature: { podController }, reason: 'x' }],
  })
  assert.equal(faults(AVOID, entry({ kind: 'ReplicaSet', name: 'web', controller: true })), [])
  const path = `metadata.annotations.${AVOID}[0].PodSignature`
  assert.equal(faults(AVOID, entry()), [`${path}: Required value`])
  assert.equal(faults(AVOID, entry({ controller: false })), [
    `${path}.PodController.Controller: Invalid value: false: must point to a controller`,
  ])
})

test('taints in an annotation follow the rules of taints', () => {
  assert.equal(faults(TAINTS, [{ key: 'a', effect: 'NoSchedule' }]), [])
  assert.equal(faults(TAINTS, [{ key: 'a', effect: '' }]), [
    `metadata.annotations.${TAINTS}[0].effect: Required value`,
  ])
})

test('a list of anything else is no list of taints', () => {
  for (const content of [[null], [{ key: 5 }], 5, {}]) {
    assert.equal(faults(TAINTS, content), [
      `metadata.annotations: Invalid value: "${TAINTS}": json: cannot unmarshal into a list of taints`,
    ])
  }
})

test('an annotation that is no JSON is refused', () => {
  assert.match(faults(TAINTS, '[')[0]!, `metadata.annotations: Invalid value: "${TAINTS}": `)
  assert.match(
    faults(AVOID, '{')[0]!,
    `metadata.annotations.AvoidPods: Invalid value: "${AVOID}": `,
  )
})

test.run()
