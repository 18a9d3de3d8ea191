/**
 * A kubelet on a hollow node resizes pods, lets them wait for room, and runs what is added to look into them.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Pod } from '../../../src/api/core/pod.ts'
import { settled } from '../../support/virtual-clock.ts'
import { container, type Harness, startHarness } from './kubelet-harness.ts'

const sized = (cpu: string, more: object = {}) =>
  container('main', { resources: { requests: { cpu } }, ...more })

/** As the API writes a resize: a new spec with a new generation. */
const change = async (harness: Harness, name: string, spec: object) => {
  const pod = harness.get(name)!
  harness.cache.put({
    ...pod,
    metadata: { ...pod.metadata, generation: (pod.metadata.generation ?? 1) + 1 },
    spec: { ...pod.spec!, ...spec },
  } as Pod)
  await settled()
  await harness.clock.advance(1_000)
}
const mainOf = (harness: Harness, name: string) => harness.status(name)!.containerStatuses![0]!
const resizes = (harness: Harness, name: string) =>
  harness.conditions(name).filter((text) => text.startsWith('PodResize'))
const reasons = (harness: Harness, name: string) =>
  harness
    .events(name)
    .map((text) => text.split(/[ :]/)[1])
    .filter((reason) => reason?.startsWith('Resize'))

test('a resize is given to the running container, with events', async () => {
  const harness = await startHarness()
  await harness.run('web', { containers: [sized('1')] })
  await harness.clock.advance(500)
  const before = mainOf(harness, 'web')
  await change(harness, 'web', { containers: [sized('2')] })
  const after = mainOf(harness, 'web')
  assert.is(after.containerID, before.containerID)
  assert.equal(after.resources, { requests: { cpu: '2' } })
  assert.equal(after.allocatedResources, { cpu: '2' })
  const { containers } = await harness.runtime().list()
  assert.is(containers[0]?.resources?.cpuRequestMillis, 2000)
  assert.equal(resizes(harness, 'web'), [])
  assert.equal(reasons(harness, 'web').sort(), ['ResizeCompleted', 'ResizeStarted'])
  await harness.stop()
})

test('a container whose policy asks for it starts anew', async () => {
  const harness = await startHarness()
  const resizePolicy = [{ resourceName: 'cpu', restartPolicy: 'RestartContainer' }]
  await harness.run('web', { containers: [sized('1', { resizePolicy })] })
  await harness.clock.advance(500)
  await change(harness, 'web', { containers: [sized('2', { resizePolicy })] })
  const after = mainOf(harness, 'web')
  assert.is(after.restartCount, 1)
  assert.ok(after.state?.running)
  assert.equal(after.resources, { requests: { cpu: '2' } })
  assert.ok(
    harness.events('web').some((text) => /Container main resize requires restart/.test(text)),
  )
  await harness.stop()
})

test('what does not fit waits until others leave', async () => {
  const harness = await startHarness()
  await harness.run('big', { containers: [sized('3')], terminationGracePeriodSeconds: 1 })
  await harness.run('web', { containers: [sized('1')] })
  await harness.clock.advance(500)
  await change(harness, 'web', { containers: [sized('3')] })
  assert.equal(resizes(harness, 'web'), ['PodResizePending=True(Deferred)'])
  const pending = harness.status('web')!.conditions!.find(({ type }) => type === 'PodResizePending')
  assert.is(
    pending?.message,
    "Node didn't have enough resource: cpu, requested: 3000, used: 3000, capacity: 4000",
  )
  assert.equal(mainOf(harness, 'web').allocatedResources, { cpu: '1' })
  const big = harness.get('big')!
  harness.cache.put({
    ...big,
    metadata: {
      ...big.metadata,
      deletionTimestamp: '2026-01-01T00:00:30Z',
      deletionGracePeriodSeconds: 1,
    },
  })
  await settled()
  await harness.clock.advance(5_000)
  assert.equal(resizes(harness, 'web'), [])
  assert.equal(mainOf(harness, 'web').allocatedResources, { cpu: '3' })
  assert.equal(reasons(harness, 'web').sort(), [
    'ResizeCompleted',
    'ResizeDeferred',
    'ResizeStarted',
  ])
  await harness.stop()
})

test('an ephemeral container runs beside the others and is not started again', async () => {
  const harness = await startHarness()
  await harness.run('web', { containers: [sized('1')] })
  await harness.clock.advance(500)
  const helper = container('helper', {
    command: ['sh', '-c', 'sleep 2; exit 3'],
    targetContainerName: 'main',
  })
  await change(harness, 'web', { ephemeralContainers: [helper] })
  const [running] = harness.status('web')!.ephemeralContainerStatuses!
  assert.ok(running?.state?.running)
  assert.is(harness.status('web')!.containerStatuses![0]!.restartCount, 0)
  await harness.clock.advance(30_000)
  const [ended] = harness.status('web')!.ephemeralContainerStatuses!
  assert.is(ended?.state?.terminated?.exitCode, 3)
  assert.is(ended?.restartCount, 0)
  assert.is(harness.status('web')!.phase, 'Running')
  await harness.stop()
})

test.run()
