import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createHollowRuntime } from '../../src/node/hollow.ts'
import { containerSpec, podIdentity, sandboxSpec } from '../support/runtime-specs.ts'
import { virtualClock } from '../support/virtual-clock.ts'
import { runtimeCases } from './runtime.cases.ts'

const runtime = createHollowRuntime({
  node: 'n1',
  podCidr: '10.1.0.0/24',
  startMs: 1,
  isMissingImage: (image) => image.includes('no-such'),
})

runtimeCases('hollow', () => ({
  runtime,
  // Its memory is the engine: a restarted kubelet finds the same one.
  restarted: async () => runtime,
  node: 'n1',
  cluster: 'c1',
  image: 'app:1',
}))

test('an annotation ends a hollow container after a while, on the given clock', async () => {
  const clock = virtualClock()
  const hollow = createHollowRuntime({ node: 'n2', podCidr: '10.1.1.0/24', clock })
  await hollow.pull('app:1', [])
  const pod = podIdentity('n2', 'c1')
  const sandbox = await hollow.createSandbox(sandboxSpec(pod))
  const id = await hollow.create(
    containerSpec(pod, sandbox.id, 'app:1', {
      annotations: { 'hollow.kubus.io/exit-code': '5', 'hollow.kubus.io/run-ms': '1000' },
    }),
  )
  const started = hollow.start(id)
  await clock.advance(10)
  await started
  assert.is((await hollow.inspect(id))?.state, 'running')
  await clock.advance(1000)
  assert.is((await hollow.inspect(id))?.exitCode, 5)
})

test('without a pod CIDR only pods on the host network start', async () => {
  const hollow = createHollowRuntime({ node: 'n3' })
  const pod = podIdentity('n3', 'c1')
  const refused = await hollow.createSandbox(sandboxSpec(pod)).catch((error: Error) => error)
  assert.match(String(refused), /no pod CIDR/)
  const onHost = await hollow.createSandbox(sandboxSpec(pod, { hostNetwork: true }))
  assert.is(onHost.ip, undefined)
  await hollow.configureNetwork({ podCidr: '10.1.2.0/24', clusterCidr: '10.1.0.0/16' })
  assert.is((await hollow.createSandbox(sandboxSpec(pod))).ip, '10.1.2.2')
})

test.run()
