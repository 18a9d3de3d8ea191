import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Pod } from '../../../src/api/core/pod.ts'
import { sharePodParts } from '../../../src/api/core/pod-shared-parts.ts'
import { tokenSource } from '../../../src/api/core/service-account-admission.ts'

const test = suite('parts that pods share')

const tolerations = () => [
  {
    key: 'node.kubernetes.io/not-ready',
    operator: 'Exists',
    effect: 'NoExecute',
    tolerationSeconds: 300,
  },
  {
    key: 'node.kubernetes.io/unreachable',
    operator: 'Exists',
    effect: 'NoExecute',
    tolerationSeconds: 300,
  },
]

const podWith = (spec: object) => {
  const pod = { metadata: { name: 'a' }, spec: { containers: [], ...spec } } as unknown as Pod
  const before = structuredClone(pod)
  sharePodParts(pod)
  assert.equal(pod, before, 'nothing looks different')
  return pod.spec!
}

test('what admission wrote is one object for all pods, which nobody can change', () => {
  const make = (name: string) =>
    podWith({
      volumes: [{ name: `kube-api-access-${name}`, projected: tokenSource() }],
      tolerations: tolerations(),
    })
  const [one, other] = [make('aaaaa'), make('bbbbb')]
  assert.is(one.volumes![0]!.projected, other.volumes![0]!.projected)
  assert.is(one.tolerations, other.tolerations)
  assert.throws(() => one.tolerations!.push({}), TypeError)
})

test('what somebody wrote otherwise stays as it is', () => {
  const projected = { ...tokenSource(), defaultMode: 0o400 }
  const own = [...tolerations().slice(0, 1), { operator: 'Exists' }]
  const spec = podWith({ volumes: [{ name: 'kube-api-access-x', projected }], tolerations: own })
  assert.is(spec.volumes![0]!.projected, projected)
  assert.is(spec.tolerations, own)
  podWith({})
})

test.run()
