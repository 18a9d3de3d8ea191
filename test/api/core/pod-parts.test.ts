/**
 * What pods' subresources `ephemeralcontainers` and `resize` may change.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Pod } from '../../../src/api/core/pod.ts'
import { ephemeralContainersPart, resizePart } from '../../../src/api/core/pod-parts.ts'
import type { PodSpec } from '../../../src/api/core/pod-spec-defaults.ts'
import { deepCopy } from '../../../src/api/equality.ts'
import type { PartStrategy } from '../../../src/api/kind.ts'
import { createPod, NOW, shown } from './pod-samples.ts'

const AMOUNTS = { cpu: '100m', memory: '64Mi' }
const BURSTABLE: Partial<PodSpec> = {
  containers: [{ name: 'web', image: 'web:1', resources: { requests: AMOUNTS } }],
}

/** The pod as a write of the part leaves it, and its faults. */
const through = (part: PartStrategy<Pod>, spec: Partial<PodSpec>, change: (pod: Pod) => void) => {
  const old = createPod(spec)
  const before = deepCopy(old)
  const next = deepCopy(old)
  change(next)
  part.prepareForUpdate(next, old, { now: NOW })
  const faults = shown(part.validateUpdate?.(next, old))
  assert.equal(old, before, 'the old pod is shared')
  return { next, faults }
}

const debug = (name: string) => ({
  name,
  image: 'debug:1',
  imagePullPolicy: 'IfNotPresent',
  terminationMessagePolicy: 'File',
})

test('a debugging container is added and nothing else changes', () => {
  const { next, faults } = through(ephemeralContainersPart, {}, (pod) => {
    pod.spec!.ephemeralContainers = [{ ...debug('look'), targetContainerName: 'web' }]
    pod.spec!.hostname = 'other'
    pod.spec!.containers[0]!.image = 'web:2'
    pod.metadata.labels = { a: 'b' }
    pod.status = { phase: 'Running' }
  })
  assert.equal(faults, [])
  assert.is(next.spec!.ephemeralContainers!.length, 1)
  assert.is(next.spec!.hostname, undefined)
  assert.is(next.spec!.containers[0]!.image, 'web:1')
  assert.is(next.metadata.labels, undefined)
  assert.is(next.status!.phase, 'Pending')
})

test('a debugging container never changes or goes', () => {
  const old = createPod()
  old.spec!.ephemeralContainers = [debug('look'), debug('stay')]
  const next = deepCopy(old)
  next.spec!.ephemeralContainers = [{ ...debug('stay'), image: 'debug:2' }]
  const [removed, changed] = shown(ephemeralContainersPart.validateUpdate!(next, old))
  assert.is(
    removed,
    'spec.ephemeralContainers: Forbidden: existing ephemeral containers "look" may not be removed\n',
  )
  assert.match(
    changed!,
    /^spec.ephemeralContainers: Forbidden: existing ephemeral containers "stay" may not be changed\n@@/,
  )
})

test('a debugging container is checked like any other', () => {
  const { faults } = through(ephemeralContainersPart, {}, (pod) => {
    pod.spec!.ephemeralContainers = [
      {
        ...debug('web'),
        targetContainerName: 'nobody',
        ports: [{ containerPort: 80, protocol: 'TCP' }],
      },
    ]
  })
  assert.equal(faults, [
    'spec.ephemeralContainers[0].name: Duplicate value: "web"',
    'spec.ephemeralContainers[0].targetContainerName: Not found: "nobody"',
    'spec.ephemeralContainers[0].ports: Forbidden: cannot be set for an Ephemeral Container',
  ])
})

test('a pod from a file has no subresources that change it', () => {
  for (const [part, why] of [
    [ephemeralContainersPart, 'static pods do not support ephemeral containers'],
    [resizePart, 'static pods cannot be resized'],
  ] as const) {
    const old = createPod()
    old.metadata.annotations = { 'kubernetes.io/config.mirror': 'x' }
    assert.equal(shown(part.validateUpdate!(deepCopy(old), old)), [`[]: Forbidden: ${why}`])
  }
})

const resize = (change: (pod: Pod) => void, spec = BURSTABLE) => through(resizePart, spec, change)

test('CPU and memory are resized and nothing else changes', () => {
  const { next, faults } = resize((pod) => {
    pod.spec!.containers[0]!.resources = { requests: { cpu: '200m', memory: '64Mi' } }
    pod.spec!.containers[0]!.image = 'web:2'
    pod.spec!.hostname = 'other'
  })
  assert.equal(faults, [])
  assert.is(next.spec!.containers[0]!.resources!.requests!['cpu'], '200m')
  assert.is(next.spec!.containers[0]!.image, 'web:1')
  assert.is(next.spec!.hostname, undefined)
})

test('amounts may be added, but not taken away', () => {
  const limited = resize((pod) => {
    pod.spec!.containers[0]!.resources!.limits = { cpu: '1' }
  })
  assert.equal(limited.faults, [])
  const removed = resize((pod) => {
    pod.spec!.containers[0]!.resources = { requests: { cpu: '100m' } }
  })
  assert.equal(removed.faults, [
    'spec.containers[0].resources.requests: Forbidden: resource requests cannot be removed',
  ])
})

test('other resources, containers and the class of service stay', () => {
  const storage = resize((pod) => {
    pod.spec!.containers[0]!.resources!.requests!['ephemeral-storage'] = '1Gi'
  })
  assert.equal(storage.faults, ['spec: Forbidden: only cpu and memory resources are mutable'])
  const renamed = resize((pod) => {
    pod.spec!.containers[0]!.name = 'other'
  })
  assert.equal(renamed.faults, [
    'spec.containers[0].name: Forbidden: containers may not be renamed or reordered on resize',
  ])
  const added = resize((pod) => {
    pod.spec!.containers.push(deepCopy(pod.spec!.containers[0]!))
    pod.spec!.containers[1]!.name = 'more'
  })
  assert.equal(added.faults, [
    'spec.containers: Forbidden: containers may not be added or removed on resize',
  ])
  const guaranteed = resize((pod) => {
    pod.spec!.containers[0]!.resources = { requests: { ...AMOUNTS }, limits: { ...AMOUNTS } }
  })
  assert.equal(guaranteed.faults, [
    'spec: Invalid value: "Burstable": Pod QOS Class may not change as a result of resizing',
  ])
})

test('an init container that must restart to be resized is not', () => {
  const spec: Partial<PodSpec> = {
    ...BURSTABLE,
    initContainers: [
      {
        name: 'init',
        image: 'web:1',
        resources: { requests: AMOUNTS },
        resizePolicy: [{ resourceName: 'cpu', restartPolicy: 'NotRequired' }],
      },
    ],
  }
  const { faults } = resize((pod) => {
    pod.spec!.initContainers![0]!.resources!.requests!['cpu'] = '1'
    pod.spec!.initContainers![0]!.resizePolicy![0]!.restartPolicy = 'RestartContainer'
  }, spec)
  assert.equal(faults.slice(1), [
    'spec.initContainers[0]: Forbidden: only cpu and memory resources for init or sidecar containers are mutable',
    'spec.initContainers[0]: Forbidden: non-sidecar init containers with a resize policy of RestartContainer cannot be resized',
  ])
})

test('resources of the pod as a whole are resized and never removed', () => {
  const spec: Partial<PodSpec> = {
    ...BURSTABLE,
    resources: { requests: { cpu: '1' }, limits: { cpu: '2' } },
  }
  const more = resize((pod) => {
    pod.spec!.resources!.limits!['cpu'] = '3'
  }, spec)
  assert.equal(more.faults, [])
  const none = resize((pod) => {
    delete pod.spec!.resources
  }, spec)
  assert.ok(
    none.faults.includes('spec.resources: Forbidden: pod-level resources cannot be removed'),
    none.faults.join('\n'),
  )
})

test('a running container without resources in its status is not resized', () => {
  const old = createPod(BURSTABLE)
  old.status!.containerStatuses = [
    {
      name: 'web',
      image: 'web:1',
      imageID: '',
      ready: true,
      restartCount: 0,
      state: { running: {} },
    },
  ]
  assert.equal(shown(resizePart.validateUpdate!(deepCopy(old), old)), [
    'spec: Forbidden: Pod running on node without support for resize',
  ])
})

test.run()
