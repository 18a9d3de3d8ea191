/**
 * What pods use of quotas, and which scopes they are in.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Pod } from '../../../src/api/core/pod.ts'
import { type Amounts, listOfAmounts } from '../../../src/api/quota/amounts.ts'
import type { Objects, Requirement } from '../../../src/api/quota/evaluator.ts'
import { podEvaluator } from '../../../src/api/quota/pod-usage.ts'

const objects: Objects = { get: () => undefined, list: () => [] }
const NOW = Date.parse('2026-01-01T00:00:00Z')

const podOf = (spec: object, more: object = {}): Pod =>
  ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', namespace: 'n' },
    spec,
    ...more,
  }) as unknown as Pod

const used = (pod: Pod, now = NOW): Record<string, string> =>
  listOfAmounts(podEvaluator.usage(pod, { objects, now }) as Amounts)

const container = (name: string, requests?: object, limits?: object, more: object = {}) => ({
  name,
  image: 'i',
  resources: { ...(requests ? { requests } : {}), ...(limits ? { limits } : {}) },
  ...more,
})

test('containers add up; an init container counts where it needs more; overhead comes on top', () => {
  const pod = podOf({
    containers: [
      container('a', { cpu: '100m', memory: '1Gi' }, { cpu: '200m' }),
      container('b', { cpu: '100m', memory: '512Mi' }, { cpu: '300m' }),
    ],
    initContainers: [container('i', { cpu: '1', memory: '1Mi' })],
    overhead: { cpu: '10m', memory: '1Mi' },
  })
  assert.equal(used(pod), {
    'count/pods': '1',
    pods: '1',
    cpu: '1010m',
    'requests.cpu': '1010m',
    'limits.cpu': '510m',
    memory: '1537Mi',
    'requests.memory': '1537Mi',
  })
})

test('huge pages and devices count by the names that quotas have for them', () => {
  const requests = { 'hugepages-2Mi': '4Mi', 'example.com/gpu': '2', 'ephemeral-storage': '1Gi' }
  assert.equal(used(podOf({ containers: [container('a', requests, requests)] })), {
    'count/pods': '1',
    pods: '1',
    'hugepages-2Mi': '4Mi',
    'requests.hugepages-2Mi': '4Mi',
    'requests.example.com/gpu': '2',
    'ephemeral-storage': '1Gi',
    'requests.ephemeral-storage': '1Gi',
    'limits.ephemeral-storage': '1Gi',
  })
})

test('resources of the pod as a whole count in place of its containers', () => {
  const pod = podOf({
    containers: [container('a', { cpu: '100m' })],
    resources: { requests: { cpu: '2' }, limits: { cpu: '3' } },
  })
  assert.is(used(pod)['requests.cpu'], '2')
  assert.is(used(pod)['limits.cpu'], '3')
  assert.is(podEvaluator.fault!(['memory', 'limits.memory'], pod), undefined)
})

test('a resize counts with whichever is more of asked for, granted and in use', () => {
  const status = (more: object) => ({
    status: {
      containerStatuses: [
        {
          name: 'a',
          allocatedResources: { cpu: '300m' },
          resources: { requests: { cpu: '200m' } },
        },
      ],
      ...more,
    },
  })
  const spec = { containers: [container('a', { cpu: '500m' })] }
  assert.is(used(podOf(spec, status({})))['cpu'], '500m')
  const infeasible = { conditions: [{ type: 'PodResizePending', reason: 'Infeasible' }] }
  assert.is(used(podOf(spec, status(infeasible)))['cpu'], '300m')
})

test('a pod that has ended, or should be gone, counts as an object only', () => {
  const spec = { containers: [container('a', { cpu: '1' })] }
  assert.equal(used(podOf(spec, { status: { phase: 'Succeeded' } })), { 'count/pods': '1' })
  const metadata = {
    name: 'p',
    namespace: 'n',
    deletionTimestamp: '2026-01-01T00:00:00Z',
    deletionGracePeriodSeconds: 30,
  }
  const stuck = podOf(spec, { metadata })
  assert.is(podEvaluator.changesAt!(stuck), NOW + 30_000)
  assert.is(used(stuck, NOW + 30_000)['cpu'], '1')
  assert.equal(used(stuck, NOW + 30_001), { 'count/pods': '1' })
})

test('what a quota bounds of CPU and memory, every container has to state', () => {
  const pod = podOf({
    containers: [container('b', { cpu: '1' }), container('a', { memory: '1Gi' })],
    initContainers: [container('i')],
  })
  assert.is(
    podEvaluator.fault!(['pods', 'limits.cpu', 'memory', 'requests.ephemeral-storage'], pod),
    'must specify limits.cpu for: a,b,i; memory for: b,i',
  )
  assert.is(podEvaluator.fault!(['pods'], pod), undefined)
})

test('each scope has its own condition', () => {
  const plain = podOf({ containers: [container('a')] })
  const other = podOf({
    activeDeadlineSeconds: 0,
    priorityClassName: 'high',
    containers: [container('a', { cpu: '1' })],
    affinity: {
      podAntiAffinity: {
        preferredDuringSchedulingIgnoredDuringExecution: [
          { weight: 1, podAffinityTerm: { topologyKey: 'k', namespaceSelector: {} } },
        ],
      },
    },
  })
  const scopes = (pod: Pod) =>
    [
      'Terminating',
      'NotTerminating',
      'BestEffort',
      'NotBestEffort',
      'PriorityClass',
      'CrossNamespacePodAffinity',
      'VolumeAttributesClass',
    ].filter((scopeName) => podEvaluator.isInScope!({ scopeName, operator: 'Exists' }, pod))
  assert.equal(scopes(plain), ['NotTerminating', 'BestEffort'])
  assert.equal(scopes(other), [
    'Terminating',
    'NotBestEffort',
    'PriorityClass',
    'CrossNamespacePodAffinity',
  ])
  const isIn = (pod: Pod, operator: string, values: string[]) => {
    const requirement: Requirement = { scopeName: 'PriorityClass', operator, values }
    return podEvaluator.isInScope!(requirement, pod)
  }
  assert.ok(isIn(other, 'In', ['high', 'low']))
  assert.not.ok(isIn(other, 'NotIn', ['high']))
  assert.ok(isIn(plain, 'NotIn', ['high']))
  assert.ok(isIn(plain, 'DoesNotExist', []))
  assert.not.ok(isIn(plain, 'In', ['high']))
})

test('the names of resources that pods are measured by', () => {
  const names = [
    'pods',
    'count/pods',
    'requests.cpu',
    'limits.memory',
    'hugepages-1Gi',
    'requests.hugepages-1Gi',
    'requests.example.com/gpu',
    'requests.deviceclass.resource.kubernetes.io/gpu',
    'services',
    'requests.storage',
    'count/configmaps',
    'gold.storageclass.storage.k8s.io/requests.storage',
  ]
  assert.equal(podEvaluator.matching(names, objects), names.slice(0, 8))
})

test.run()
