import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Pod } from '../../../src/api/core/pod.ts'
import type { Container, PodSpec } from '../../../src/api/core/pod-spec-defaults.ts'
import { applyPodSpecDefaults } from '../../../src/api/core/pod-spec-defaults.ts'
import { createPod, draftPod } from './pod-samples.ts'

const container = (fields: Partial<Container>): Container =>
  createPod({ containers: [{ name: 'web', image: 'web:1', ...fields }] }).spec!.containers[0]!

test('a minimal pod reads back with the defaults of Kubernetes', () => {
  const pod = draftPod()
  Pod.applyDefaults!(pod)
  assert.equal(pod.spec, {
    containers: [
      {
        name: 'web',
        image: 'web:1',
        imagePullPolicy: 'IfNotPresent',
        terminationMessagePath: '/dev/termination-log',
        terminationMessagePolicy: 'File',
        resources: {},
      },
    ],
    dnsPolicy: 'ClusterFirst',
    restartPolicy: 'Always',
    securityContext: {},
    terminationGracePeriodSeconds: 30,
    schedulerName: 'default-scheduler',
    enableServiceLinks: true,
  })
})

test('the pull policy follows the tag of the image', () => {
  const cases: [string, string][] = [
    ['web', 'Always'],
    ['web:latest', 'Always'],
    ['web:1', 'IfNotPresent'],
    ['registry:5000/web', 'Always'],
    ['registry:5000/web:1', 'IfNotPresent'],
    [`web@sha256:${'a'.repeat(64)}`, 'IfNotPresent'],
    [`web:latest@sha256:${'a'.repeat(64)}`, 'Always'],
  ]
  for (const [image, policy] of cases) {
    assert.is(container({ image }).imagePullPolicy, policy, image)
  }
  assert.is(container({ image: 'web', imagePullPolicy: 'Never' }).imagePullPolicy, 'Never')
})

test('probes, hooks, ports and environment get their defaults', () => {
  const web = container({
    ports: [{ containerPort: 80 }],
    env: [
      { name: 'A', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
      { name: 'B', valueFrom: { resourceFieldRef: { resource: 'limits.cpu' } } },
    ],
    readinessProbe: { httpGet: { port: 80 } },
    lifecycle: { preStop: { httpGet: { port: 80, path: '/bye' } } },
  })
  assert.equal(web.ports, [{ containerPort: 80, protocol: 'TCP' }])
  assert.is(web.env![0]!.valueFrom!.fieldRef!.apiVersion, 'v1')
  assert.is(web.env![1]!.valueFrom!.resourceFieldRef!.divisor, '0')
  assert.equal(web.readinessProbe, {
    httpGet: { port: 80, path: '/', scheme: 'HTTP' },
    timeoutSeconds: 1,
    periodSeconds: 10,
    successThreshold: 1,
    failureThreshold: 3,
  })
  assert.equal(web.lifecycle!.preStop!.httpGet, { port: 80, path: '/bye', scheme: 'HTTP' })
})

test('amounts read back in canonical form and requests follow limits, in pods only', () => {
  const resources = { limits: { cpu: '1000m', memory: '1024Mi' }, requests: { cpu: '0.5' } }
  assert.equal(container({ resources }).resources, {
    limits: { cpu: '1', memory: '1Gi' },
    requests: { cpu: '500m', memory: '1Gi' },
  })
  const spec: PodSpec = {
    containers: [{ name: 'web', image: 'web:1', resources: { limits: { cpu: '2' } } }],
  }
  applyPodSpecDefaults(spec)
  assert.equal(spec.containers[0]!.resources, { limits: { cpu: '2' } })
  assert.is(spec.enableServiceLinks, undefined)
})

test('volumes get modes, types and a source', () => {
  const { volumes } = createPod({
    volumes: [
      { name: 'empty' },
      { name: 'config', configMap: { name: 'c' } },
      { name: 'secret', secret: { secretName: 's', defaultMode: 256 } },
      { name: 'host', hostPath: { path: '/x' } },
      {
        name: 'down',
        downwardAPI: { items: [{ path: 'a', fieldRef: { fieldPath: 'metadata.uid' } }] },
      },
      { name: 'all', projected: { sources: [{ serviceAccountToken: { path: 'token' } }] } },
    ],
  }).spec!
  assert.equal(volumes, [
    { name: 'empty', emptyDir: {} },
    { name: 'config', configMap: { name: 'c', defaultMode: 420 } },
    { name: 'secret', secret: { secretName: 's', defaultMode: 256 } },
    { name: 'host', hostPath: { path: '/x', type: '' } },
    {
      name: 'down',
      downwardAPI: {
        items: [{ path: 'a', fieldRef: { fieldPath: 'metadata.uid', apiVersion: 'v1' } }],
        defaultMode: 420,
      },
    },
    {
      name: 'all',
      projected: {
        sources: [{ serviceAccountToken: { path: 'token', expirationSeconds: 3600 } }],
        defaultMode: 420,
      },
    },
  ])
})

test('on the host network container ports are host ports', () => {
  const { containers } = createPod({
    hostNetwork: true,
    containers: [{ name: 'web', image: 'web:1', ports: [{ containerPort: 80 }] }],
  }).spec!
  assert.equal(containers[0]!.ports, [{ containerPort: 80, protocol: 'TCP', hostPort: 80 }])
})

test('the old name of the service account is kept equal to the new one', () => {
  assert.is(createPod({ serviceAccount: 'robot' }).spec!.serviceAccountName, 'robot')
  const both = createPod({ serviceAccount: 'robot', serviceAccountName: 'human' }).spec!
  assert.equal([both.serviceAccount, both.serviceAccountName], ['human', 'human'])
})

test('a new pod is pending, whatever it says', () => {
  const pod = draftPod({})
  pod.status = { phase: 'Running', podIP: '10.0.0.1' }
  Pod.prepareForCreate!(pod, { now: 0 })
  assert.equal(pod.status, { phase: 'Pending', qosClass: 'BestEffort' })
})

test('a gated pod says so from the start', () => {
  const { status } = createPod({ schedulingGates: [{ name: 'example.com/wait' }] })
  assert.equal(status!.conditions, [
    {
      type: 'PodScheduled',
      status: 'False',
      reason: 'SchedulingGated',
      message: 'Scheduling is blocked due to non-empty scheduling gates',
      lastTransitionTime: '2026-01-01T01:00:00Z',
    },
  ])
})

test('matchLabelKeys become requirements on the own labels of the pod', () => {
  const pod = draftPod({
    topologySpreadConstraints: [
      {
        maxSkew: 1,
        topologyKey: 'zone',
        whenUnsatisfiable: 'DoNotSchedule',
        labelSelector: { matchLabels: { app: 'web' } },
        matchLabelKeys: ['pod-template-hash', 'absent'],
      },
    ],
  })
  pod.metadata.labels = { app: 'web', 'pod-template-hash': 'abc' }
  Pod.prepareForCreate!(pod, { now: 0 })
  Pod.applyDefaults!(pod)
  assert.equal(pod.spec!.topologySpreadConstraints![0]!.labelSelector, {
    matchLabels: { app: 'web' },
    matchExpressions: [{ key: 'pod-template-hash', operator: 'In', values: ['abc'] }],
  })
  assert.equal(Pod.validate!(pod), [])
})

test.run()
