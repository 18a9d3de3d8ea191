import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { qosClassOf } from '../../../src/api/core/pod-qos.ts'
import type { ResourceList } from '../../../src/api/core/resource-list.ts'
import { createPod, draftPod } from './pod-samples.ts'

type Resources = { limits?: ResourceList; requests?: ResourceList }

const both = { cpu: '1', memory: '1Gi' }

const cases: [string, string, Resources[]][] = [
  ['nothing asked for', 'BestEffort', [{}]],
  ['zero asked for', 'BestEffort', [{ requests: { cpu: '0' } }]],
  ['other resources do not count', 'BestEffort', [{ limits: { 'ephemeral-storage': '1Gi' } }]],
  ['limits alone stand for requests', 'Guaranteed', [{ limits: both }]],
  ['equal requests and limits', 'Guaranteed', [{ limits: both, requests: both }]],
  [
    'equal in other units',
    'Guaranteed',
    [{ limits: both, requests: { cpu: '1000m', memory: '1024Mi' } }],
  ],
  [
    'requests below limits',
    'Burstable',
    [{ limits: both, requests: { cpu: '500m', memory: '1Gi' } }],
  ],
  ['only one resource limited', 'Burstable', [{ limits: { cpu: '1' } }]],
  ['only requests', 'Burstable', [{ requests: both }]],
  ['one container of two', 'Burstable', [{ limits: both }, {}]],
  ['every container', 'Guaranteed', [{ limits: both }, { limits: both }]],
]

for (const [name, expected, resources] of cases) {
  test(`${name}: ${expected}`, () => {
    const containers = resources.map((given, index) => ({
      name: `c${index}`,
      image: 'web:1',
      resources: given,
    }))
    assert.is(createPod({ containers }).status!.qosClass, expected)
    assert.is(qosClassOf(draftPod({ containers }).spec!), expected)
  })
}

test('init containers count and resources of the pod decide alone', () => {
  const init = { name: 'init', image: 'init:1' }
  const web = { name: 'web', image: 'web:1', resources: { limits: both } }
  assert.is(createPod({ initContainers: [init], containers: [web] }).status!.qosClass, 'Burstable')
  const whole = createPod({
    initContainers: [init],
    containers: [web],
    resources: { limits: both },
  })
  assert.is(whole.status!.qosClass, 'Guaranteed')
})

test.run()
