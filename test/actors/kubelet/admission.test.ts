import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Held, podRequests, refuse } from '../../../src/actors/kubelet/admission.ts'
import type { Pod } from '../../../src/api/core/pod.ts'
import { box, podOf } from './pod-fixtures.ts'

const test = suite('admission')
const offer = {
  labels: { disk: 'ssd' },
  allocatable: { cpu: '2', memory: '1Gi', 'ephemeral-storage': '10Gi', pods: '3' },
}
const nothing: Held = { cpu: 0, memory: 0, 'ephemeral-storage': 0, pods: 0, ports: new Set() }
const asking = (requests: Record<string, string>) =>
  podOf({ containers: [box('main', { resources: { requests } })] })

const check = (name: string, pod: Pod, held: Partial<Held>, want: string | undefined) =>
  test(name, () => assert.is(refuse(pod, offer, { ...nothing, ...held })?.reason, want))

check('welcomes what fits exactly', asking({ cpu: '500m' }), { cpu: 1500 }, undefined)
check('refuses too much CPU', asking({ cpu: '501m' }), { cpu: 1500 }, 'OutOfcpu')
check('refuses too much memory', asking({ memory: '2Gi' }), {}, 'OutOfmemory')
check('refuses one pod too many', podOf(), { pods: 3 }, 'OutOfpods')
check(
  'wants the labels of the selector',
  podOf({ nodeSelector: { disk: 'hdd' } }),
  {},
  'NodeAffinity',
)
check('accepts the labels of the selector', podOf({ nodeSelector: { disk: 'ssd' } }), {}, undefined)
check(
  'refuses a host port in use',
  podOf({ containers: [box('main', { ports: [{ containerPort: 80, hostPort: 80 }] })] }),
  { ports: new Set(['TCP/0.0.0.0/80']) },
  'NodePorts',
)

test('counts sidecars, and the most demanding init container', () => {
  const cpu = (amount: string) => ({ resources: { requests: { cpu: amount } } })
  const pod = podOf({
    initContainers: [
      box('side', { restartPolicy: 'Always', ...cpu('100m') }),
      box('init', cpu('900m')),
    ],
    containers: [box('main', cpu('500m'))],
  })
  assert.is(podRequests(pod).cpu, 1000)
})

test.run()
