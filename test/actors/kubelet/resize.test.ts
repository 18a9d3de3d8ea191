/**
 * Sizes of containers, granted and real; and what follows for a pod's plan and status.
 */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { lackOf, podRequests } from '../../../src/actors/kubelet/admission.ts'
import {
  allocationOf,
  isAllocated,
  needsRestart,
  reportedAllocation,
  resizeMessage,
  sizeDifference,
  withAllocation,
} from '../../../src/actors/kubelet/resize.ts'
import { podStatus } from '../../../src/actors/kubelet/status.ts'
import { planPod } from '../../../src/actors/kubelet/sync-pod.ts'
import { box, exited, memoryOf, podOf, running, T0 } from './pod-fixtures.ts'

const test = suite('resize')
const facts = { runtimeName: 'docker', hostIP: '192.168.1.1' }

const sized = (requests: object, limits: object = {}, more: object = {}) =>
  box('main', { resources: { requests, limits } as never, ...more })
const small = sized({ cpu: '100m', memory: '16Mi' }, { memory: '32Mi' })
const large = sized({ cpu: '200m', memory: '16Mi' }, { cpu: '500m', memory: '64Mi' })
const SMALL = { cpuRequestMillis: 100, memoryLimitBytes: 32 << 20 }

test('sizes are compared in what the kernel keeps', () => {
  assert.equal(sizeDifference(small, { resources: SMALL }), [])
  assert.equal(sizeDifference(large, { resources: SMALL }), ['cpu', 'memory'])
  assert.equal(
    sizeDifference(box('main'), { resources: { cpuRequestMillis: 2, memoryLimitBytes: 0 } }),
    [],
  )
  const tiny = sized({}, { cpu: '1m' })
  assert.equal(
    sizeDifference(tiny, {
      resources: { cpuRequestMillis: 2, cpuLimitMillis: 10, memoryLimitBytes: 0 },
    }),
    [],
  )
  assert.equal(sizeDifference(large, {}), [], 'unknown')
  assert.equal(sizeDifference(large, { resources: {} }), [], 'a host that limits nothing')
})

test('an allocation is what a pod has until it is given more', () => {
  const allocation = allocationOf(podOf({ containers: [small] }))
  const wanted = podOf({ containers: [large] })
  assert.not.ok(isAllocated(wanted, allocation))
  const granted = withAllocation(wanted, allocation)
  assert.equal(granted.spec?.containers[0]?.resources, small.resources)
  assert.is(withAllocation(granted, allocation), granted)
})

test('a kubelet that begins reads what was granted from a pending status', () => {
  const status = {
    conditions: [{ type: 'PodResizePending', status: 'True' }],
    containerStatuses: [
      {
        name: 'main',
        allocatedResources: { cpu: '100m', memory: '16Mi' },
        resources: { limits: { memory: '32Mi' }, requests: { cpu: '100m', memory: '16Mi' } },
      },
    ],
  }
  const pod = podOf({ containers: [large] }, { status: status as never })
  assert.equal(reportedAllocation(pod).get('main'), small.resources)
  const settled = podOf({ containers: [large] })
  assert.is(reportedAllocation(settled).get('main'), large.resources)
})

test('what a node lacks is said with all numbers', () => {
  const offer = { labels: {}, allocatable: { cpu: '1', memory: '1Gi' } }
  const held = { cpu: 900, memory: 0, 'ephemeral-storage': 0 }
  assert.equal(lackOf(podRequests(podOf({ containers: [large] })), offer, held), {
    resource: 'cpu',
    message: "Node didn't have enough resource: cpu, requested: 200, used: 900, capacity: 1000",
  })
  assert.is(lackOf(podRequests(podOf({ containers: [small] })), offer, held), undefined)
})

test('a running container is resized, or started anew where its policy says so', () => {
  const current = running('main', { resources: SMALL })
  const planned = (container: typeof large) =>
    planPod(memoryOf(podOf({ containers: [container] }), [current]), T0 + 1_000).steps
  assert.equal(planned(small), [])
  assert.equal(planned(large), [{ type: 'resizeContainer', id: 'main-0', name: 'main' }])
  const restarting = {
    ...large,
    resizePolicy: [{ resourceName: 'memory', restartPolicy: 'RestartContainer' }],
  }
  assert.ok(needsRestart(restarting, ['memory']))
  assert.not.ok(needsRestart(restarting, ['cpu']))
  assert.equal(
    planned(restarting).map((step) => step.type === 'killContainer' && step.reason),
    ['resize'],
  )
})

test('a container that ended for its new size starts again whatever its policy', () => {
  const pod = podOf({ restartPolicy: 'OnFailure', containers: [large] })
  const ended = exited('main', 0)
  assert.equal(
    planPod(memoryOf(pod, [ended]), T0 + 5_000).steps.map(({ type }) => type),
    ['stopSandbox'],
  )
  const memory = memoryOf(pod, [ended], { resized: new Set(['main-0']) })
  assert.equal(
    planPod(memory, T0 + 5_000).steps.map(({ type }) => type),
    ['startContainer'],
  )
})

test('the status tells what is pending, under way and real', () => {
  const current = running('main', { resources: SMALL })
  const memory = memoryOf(podOf({ containers: [large] }), [current], {
    resizing: { generation: 4, error: 'no room' },
    pendingResize: { message: 'not now', generation: 5, wanted: podOf() },
  })
  const status = podStatus(memory, facts, T0 + 1_000)
  const resizes = status.conditions!.filter(({ type }) => type.startsWith('PodResize'))
  assert.equal(
    resizes.map(({ type, reason, message, observedGeneration }) => [
      type,
      reason,
      message,
      observedGeneration,
    ]),
    [
      ['PodResizePending', 'Deferred', 'not now', 5],
      ['PodResizeInProgress', 'Error', 'no room', 4],
    ],
  )
  const [container] = status.containerStatuses!
  assert.equal(container?.allocatedResources, { cpu: '200m', memory: '16Mi' })
  assert.equal(container?.resources, {
    limits: { cpu: '500m', memory: String(32 << 20) },
    requests: { cpu: '100m', memory: '16Mi' },
  })
})

test('events carry the resources as JSON', () => {
  assert.is(
    resizeMessage('started', podOf({ containers: [small] }), 2),
    'Pod resize started: {"containers":[{"name":"main","resources":{"requests":{"cpu":"100m","memory":"16Mi"},"limits":{"memory":"32Mi"}}}],"generation":2}',
  )
})

const debugged = podOf({
  restartPolicy: 'Always',
  containers: [box('main')],
  ephemeralContainers: [{ name: 'helper', image: 'tools:1', targetContainerName: 'main' }] as never,
})

test('an ephemeral container starts once, and never again', () => {
  const starts = (containers: Parameters<typeof memoryOf>[1]) =>
    planPod(memoryOf(debugged, containers), T0 + 60_000).steps.flatMap((step) =>
      step.type === 'startContainer' ? [step.name] : [],
    )
  assert.equal(starts([running('main')]), ['helper'])
  assert.equal(starts([]), ['helper', 'main'])
  assert.equal(starts([running('main'), running('helper')]), [])
  assert.equal(starts([running('main'), exited('helper', 3)]), [])
})

test('an ephemeral container has a status of its own and says nothing of readiness', () => {
  const status = podStatus(memoryOf(debugged, [running('main'), running('helper')]), facts, T0)
  const [helper] = status.ephemeralContainerStatuses!
  assert.equal([helper?.name, helper?.ready, 'started' in helper!], ['helper', false, false])
  assert.ok(helper?.state?.running)
  assert.is(status.conditions!.find(({ type }) => type === 'Ready')?.status, 'True')
  const ended = podStatus(memoryOf(debugged, [running('main'), exited('helper', 1)]), facts, T0)
  assert.is(ended.ephemeralContainerStatuses![0]?.state?.terminated?.exitCode, 1)
  assert.is(ended.phase, 'Running')
})

test.run()
