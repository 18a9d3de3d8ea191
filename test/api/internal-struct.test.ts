/**
 * Structs in messages, as Kubernetes' internal types print.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { internalValue } from '../../src/api/internal-struct.ts'

test('every field is there, under its name in Go', () => {
  assert.equal(internalValue('core.Taint', { key: 'a', effect: 'NoSchedule' }), {
    Key: 'a',
    Value: '',
    Effect: 'NoSchedule',
    TimeAdded: null,
  })
  assert.is(internalValue('*core.Taint', undefined), null)
  assert.is(internalValue('[]core.Taint', undefined), null)
  assert.equal(internalValue('[]core.Taint', []), [])
})

test('parts stand among the fields of the whole, types of metav1 as on the wire', () => {
  const template = internalValue('core.PodTemplateSpec', {
    metadata: { labels: { app: 'web' }, creationTimestamp: null },
    spec: {
      hostNetwork: true,
      containers: [
        {
          name: 'c',
          image: 'i',
          env: [{ name: 'a', value: 'b' }],
          resources: { requests: { memory: '1Gi', cpu: '1' } },
          livenessProbe: { httpGet: { path: '/', port: 'web' }, periodSeconds: 10 },
        },
      ],
      volumes: [{ name: 'v', emptyDir: {} }],
      affinity: {
        podAntiAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: [
            { topologyKey: 'zone', labelSelector: { matchLabels: { app: 'web' } } },
          ],
        },
      },
    },
    // biome-ignore lint/suspicious/noExplicitAny: a deep form is looked into
  }) as any
  assert.equal(Object.keys(template), ['labels', 'Spec'])
  const { Spec } = template
  assert.is(Spec.SecurityContext.HostNetwork, true)
  assert.is(Spec.TerminationGracePeriodSeconds, null)
  const [container] = Spec.Containers
  assert.equal(container.Env, [{ Name: 'a', Value: 'b', ValueFrom: null }])
  assert.equal(JSON.stringify(container.Resources), RESOURCES)
  assert.is(container.LivenessProbe.HTTPGet.Port, 'web')
  assert.is(container.LivenessProbe.Exec, null)
  assert.is(container.LivenessProbe.PeriodSeconds, 10)
  assert.is(Spec.Volumes[0].EmptyDir.SizeLimit, null)
  const [term] = Spec.Affinity.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution
  assert.equal(term.LabelSelector, { matchLabels: { app: 'web' } })
  assert.is(Spec.Affinity.NodeAffinity, null)
})

const RESOURCES = '{"Limits":null,"Requests":{"cpu":"1","memory":"1Gi"},"Claims":null}'

test.run()
