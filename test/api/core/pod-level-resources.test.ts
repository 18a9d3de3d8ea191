/**
 * Resources of a pod as a whole: what they are by default, and that containers stay within them.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { aggregateResources } from '../../../src/api/core/pod-level-resources.ts'
import { createPod, faultsOf } from './pod-samples.ts'

const container = (name: string, requests: { [name: string]: string }, more: object = {}) => ({
  name,
  image: 'web:1',
  resources: { requests },
  ...more,
})

test('containers and sidecars add up, other init containers run before', () => {
  const sum = aggregateResources(
    {
      containers: [container('a', { cpu: '1', memory: '64Mi' }), container('b', { cpu: '500m' })],
      initContainers: [
        container('side', { cpu: '250m', memory: '64Mi' }, { restartPolicy: 'Always' }),
        container('init', { cpu: '2', memory: '1Mi' }),
      ],
    },
    'requests',
  )
  assert.equal(sum, { cpu: '2250m', memory: '128Mi' })
})

test("a pod's requests are its containers', or its own limits", () => {
  const pod = createPod({
    containers: [container('web', { cpu: '100m' })],
    resources: { limits: { cpu: '1', memory: '1Gi' } },
  })
  assert.equal(pod.spec!.resources, {
    limits: { cpu: '1', memory: '1Gi' },
    requests: { cpu: '100m', memory: '1Gi' },
  })
})

test('containers ask for no more than their pod', () => {
  const faults = faultsOf({
    containers: [
      {
        ...container('web', { cpu: '2' }),
        resources: { requests: { cpu: '2' }, limits: { cpu: '4' } },
      },
    ],
    resources: { requests: { cpu: '1', storage: '1' }, limits: { cpu: '3' } },
  })
  assert.equal(faults, [
    'spec.resources.requests[storage]: Unsupported value: "storage": supported values: "cpu", "hugepages-", "memory"',
    'spec.resources.requests[cpu]: Invalid value: "1": must be greater than or equal to aggregate container requests of 2',
    'spec.resources.containers[0][cpu].limits: Invalid value: "4": must be less than or equal to pod limits of 3',
  ])
})

test.run()
