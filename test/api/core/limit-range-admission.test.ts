/**
 * What LimitRanges make of pods and claims.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { LimitRange } from '../../../src/api/core/limit-range.ts'
import {
  applyLimitDefaults,
  claimLimitFault,
  podLimitFault,
} from '../../../src/api/core/limit-range-admission.ts'
import type { PersistentVolumeClaim } from '../../../src/api/core/persistent-volume-claim.ts'
import type { Pod } from '../../../src/api/core/pod.ts'

const range = (...limits: object[]) => ({ spec: { limits } }) as unknown as LimitRange
const pod = (spec: object) => ({ metadata: { name: 'p' }, spec }) as unknown as Pod
const claim = (storage?: string) =>
  ({
    spec: { resources: storage ? { requests: { storage } } : {} },
  }) as unknown as PersistentVolumeClaim

const container = (name: string, requests?: object, limits?: object) => ({
  name,
  resources: { ...(requests ? { requests } : {}), ...(limits ? { limits } : {}) },
})

test('containers get what they left out, and an annotation says which', () => {
  const defaults = range({
    type: 'Container',
    default: { memory: '512Mi', cpu: '1' },
    defaultRequest: { cpu: '100m', memory: '256Mi' },
  })
  const some = pod({
    containers: [container('a'), container('b', { cpu: '2' }, { cpu: '2' })],
    initContainers: [{ name: 'i' }],
  })
  applyLimitDefaults(defaults, some)
  assert.equal(some.spec!.containers[1]!.resources, {
    requests: { cpu: '2', memory: '256Mi' },
    limits: { cpu: '2', memory: '512Mi' },
  })
  assert.is(
    some.metadata.annotations!['kubernetes.io/limit-ranger'],
    'LimitRanger plugin set: cpu, memory request for container a; cpu, memory limit for container a; memory request for container b; memory limit for container b; cpu, memory request for init container i; cpu, memory limit for init container i',
  )
  const complete = pod({
    containers: [container('a', { cpu: '1', memory: '1' }, { cpu: '1', memory: '1' })],
  })
  applyLimitDefaults(defaults, complete)
  assert.is(complete.metadata.annotations, undefined)
})

const faultOf = (limits: object, requests?: object, most?: object) =>
  podLimitFault(range(limits), pod({ containers: [container('a', requests, most)] }))

test('every bound of a container has its own refusal', () => {
  const min = { type: 'Container', min: { cpu: '50m' } }
  assert.is(faultOf(min), 'minimum cpu usage per Container is 50m.  No request is specified')
  assert.is(
    faultOf(min, { cpu: '10m' }),
    'minimum cpu usage per Container is 50m, but request is 10m',
  )
  assert.is(
    faultOf(min, { cpu: '60m' }, { cpu: '40m' }),
    'minimum cpu usage per Container is 50m, but limit is 40m',
  )
  assert.is(faultOf(min, { cpu: '50m' }), undefined)
  const max = { type: 'Container', max: { memory: '1Gi' } }
  assert.is(
    faultOf(max, { memory: '1Gi' }),
    'maximum memory usage per Container is 1Gi.  No limit is specified',
  )
  assert.is(
    faultOf(max, {}, { memory: '2Gi' }),
    'maximum memory usage per Container is 1Gi, but limit is 2Gi',
  )
  const ratio = { type: 'Container', maxLimitRequestRatio: { cpu: '1500m' } }
  assert.is(
    faultOf(ratio, { cpu: '1' }, { cpu: '2' }),
    'cpu max limit to request ratio per Container is 1500m, but provided ratio is 2.000000',
  )
  assert.is(
    faultOf(ratio, {}, { cpu: '2' }),
    'cpu max limit to request ratio per Container is 1500m, but no request is specified or request is 0',
  )
  assert.is(faultOf(ratio, { cpu: '2' }, { cpu: '3' }), undefined)
})

test('several refusals are listed, each text once', () => {
  const limits = range({ type: 'Container', min: { cpu: '1', memory: '1Gi' } })
  assert.is(
    podLimitFault(limits, pod({ containers: [container('a'), container('b')] })),
    '[minimum cpu usage per Container is 1.  No request is specified, minimum memory usage per Container is 1Gi.  No request is specified]',
  )
})

test('a pod is judged by all its containers together, or by resources of its own', () => {
  const limits = range({ type: 'Pod', max: { cpu: '2' } })
  const containers = [
    container('a', { cpu: '1' }, { cpu: '1' }),
    container('b', { cpu: '1' }, { cpu: '2' }),
  ]
  assert.is(
    podLimitFault(limits, pod({ containers })),
    'maximum cpu usage per Pod is 2, but limit is 3',
  )
  const resources = { requests: { cpu: '1' }, limits: { cpu: '2' } }
  assert.is(podLimitFault(limits, pod({ containers, resources })), undefined)
  const initContainers = [container('i', { cpu: '5' }, { cpu: '5' })]
  assert.is(
    podLimitFault(limits, pod({ containers: [], initContainers })),
    'maximum cpu usage per Pod is 2, but limit is 5',
  )
})

test('a volume claim is judged by what it requests', () => {
  const limits = range({
    type: 'PersistentVolumeClaim',
    min: { storage: '1Gi' },
    max: { storage: '2Gi' },
  })
  assert.is(claimLimitFault(limits, claim('1Gi')), undefined)
  assert.is(
    claimLimitFault(limits, claim('3Gi')),
    'maximum storage usage per PersistentVolumeClaim is 2Gi, but request is 3Gi',
  )
  assert.is(
    claimLimitFault(limits, claim('1Mi')),
    'minimum storage usage per PersistentVolumeClaim is 1Gi, but request is 1Mi',
  )
})

test.run()
