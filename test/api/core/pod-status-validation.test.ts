/**
 * What a pod's status may become, beyond what `pod-validation.test.ts` asks.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Pod } from '../../../src/api/core/pod.ts'
import { deepCopy } from '../../../src/api/equality.ts'
import { createPod, NOW, shown } from './pod-samples.ts'

const faults = (status: Partial<NonNullable<Pod['status']>>): string[] => {
  const old = createPod({ resourceClaims: [{ name: 'gpu', resourceClaimName: 'gpu' }] })
  const next = deepCopy(old)
  next.status = { ...next.status, ...status }
  Pod.prepareForStatusUpdate!(next, old, { now: NOW })
  return shown(Pod.validateStatusUpdate!(next, old))
}

const container = (more: object) => ({
  name: 'web',
  image: 'web:1',
  imageID: '',
  ready: false,
  restartCount: 0,
  ...more,
})

test('claims are of the spec and named once', () => {
  const status = { name: 'gpu', resourceClaimName: 'web-gpu' }
  assert.equal(faults({ resourceClaimStatuses: [status] }), [])
  assert.equal(faults({ resourceClaimStatuses: [status, { name: 'gpu' }, { name: 'nic' }] }), [
    'status.resourceClaimStatuses[1].name: Duplicate value: "gpu"',
    'status.resourceClaimStatuses[2].name: Invalid value: "nic": must match the name of an entry in `spec.resourceClaims`',
  ])
})

test('generations are never negative', () => {
  assert.equal(
    faults({
      observedGeneration: -1,
      conditions: [{ type: 'Ready', status: 'True', observedGeneration: -2 }],
    }),
    [
      'status.conditions[0].observedGeneration: Invalid value: -2: must be a non-negative integer',
      'status.observedGeneration: Invalid value: -1: must be a non-negative integer',
    ],
  )
})

test('users of containers and health of devices have known values', () => {
  const found = faults({
    containerStatuses: [
      container({
        user: { linux: { uid: -1, gid: 0 } },
        allocatedResourcesStatus: [
          { name: 'claim:nic', resources: [{ resourceID: 'a', health: 'Fine', message: '' }] },
        ],
      }),
    ],
  })
  const at = 'status.containerStatuses[0]'
  assert.equal(found, [
    `${at}.user.linux.uid: Invalid value: -1: must be between 0 and 2147483647, inclusive`,
    `${at}.allocatedResourcesStatus[0].name: Invalid value: "claim:nic": must match one of the container's resource claims in a format 'claim:<claimName>/<request>' or 'claim:<claimName>' if request is empty`,
    `${at}.allocatedResourcesStatus[0].resources[0].health: Unsupported value: "Fine": supported values: "Healthy", "Unhealthy", "Unknown"`,
    `${at}.allocatedResourcesStatus[0].resources[0].message: Required value: must be non-empty if specified`,
  ])
})

test.run()
