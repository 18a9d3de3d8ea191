import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Pod } from '../../../src/api/core/pod.ts'
import type { RuntimeClass } from '../../../src/api/node/runtime-class.ts'
import { admitRuntimeClass } from '../../../src/api/node/runtime-class-admission.ts'

type PodSpec = NonNullable<Pod['spec']>

const aClass = (more: Partial<RuntimeClass> = {}): RuntimeClass => ({
  apiVersion: 'node.k8s.io/v1',
  kind: 'RuntimeClass',
  metadata: { name: 'kata', uid: 'uid-kata', resourceVersion: '1' } as RuntimeClass['metadata'],
  handler: 'kata',
  ...more,
})
const aSpec = (more: Partial<PodSpec> = {}): PodSpec => ({
  containers: [],
  runtimeClassName: 'kata',
  ...more,
})

const refused = (
  name: string,
  spec: PodSpec,
  runtimeClass: RuntimeClass | undefined,
  want: string,
) => test(name, () => assert.is(admitRuntimeClass(spec, runtimeClass), want))

refused(
  'a pod of a class that does not exist is forbidden',
  aSpec(),
  undefined,
  'pod rejected: RuntimeClass "kata" not found',
)
refused(
  'an overhead without a class is forbidden',
  { containers: [], overhead: { cpu: '1' } },
  undefined,
  'pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead',
)
refused(
  'an overhead other than that of the class is forbidden',
  aSpec({ overhead: { cpu: '1' } }),
  aClass({ overhead: { podFixed: { cpu: '2' } } }),
  "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead",
)
refused(
  'a node selector that contradicts that of the class is forbidden',
  aSpec({ nodeSelector: { disk: 'hdd' } }),
  aClass({ scheduling: { nodeSelector: { disk: 'ssd' } } }),
  'conflict: runtimeClass.scheduling.nodeSelector[disk] = ssd; pod.spec.nodeSelector[disk] = hdd',
)

test('a pod without class and overhead stays as it is', () => {
  const spec: PodSpec = { containers: [] }
  assert.is(admitRuntimeClass(spec, undefined), undefined)
  assert.equal(spec, { containers: [] })
})

test('a pod gets the overhead of its class', () => {
  const spec = aSpec()
  const overhead = { podFixed: { cpu: '10m', memory: '1Mi' } }
  assert.is(admitRuntimeClass(spec, aClass({ overhead })), undefined)
  assert.equal(spec.overhead, overhead.podFixed)
})

test('a pod gets the node selector and the tolerations of its class beside its own', () => {
  const own = { key: 'a', operator: 'Exists' }
  const spec = aSpec({ nodeSelector: { zone: 'x' }, tolerations: [own] })
  const added = { key: 'b', operator: 'Equal', value: '1', effect: 'NoSchedule' }
  const scheduling = { nodeSelector: { disk: 'ssd' }, tolerations: [added] }
  assert.is(admitRuntimeClass(spec, aClass({ scheduling })), undefined)
  assert.equal(spec.nodeSelector, { zone: 'x', disk: 'ssd' })
  assert.equal(spec.tolerations, [own, added])
})

test('of tolerations that cover each other the wider stays', () => {
  const narrow = { key: 'a', operator: 'Equal', value: '1', effect: 'NoSchedule' }
  const wide = { key: 'a', operator: 'Exists' }
  const brief = { key: 'b', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 10 }
  const spec = aSpec({ tolerations: [narrow, brief] })
  const tolerations = [wide, { ...brief, tolerationSeconds: 20 }, wide]
  assert.is(admitRuntimeClass(spec, aClass({ scheduling: { tolerations } })), undefined)
  assert.equal(spec.tolerations, [wide, { ...brief, tolerationSeconds: 20 }])
})

test.run()
