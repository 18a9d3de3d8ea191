/**
 * What services, volume claims and device claims use of quotas.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { PersistentVolumeClaim } from '../../../src/api/core/persistent-volume-claim.ts'
import { Pod } from '../../../src/api/core/pod.ts'
import { Service } from '../../../src/api/core/service.ts'
import type { AnyKind } from '../../../src/api/kind.ts'
import { kindByResource } from '../../../src/api/kinds.ts'
import type { KubernetesObject } from '../../../src/api/meta.ts'
import { listOfAmounts } from '../../../src/api/quota/amounts.ts'
import type { Objects } from '../../../src/api/quota/evaluator.ts'
import { evaluatorOf } from '../../../src/api/quota/evaluators.ts'
import { DeviceClass } from '../../../src/api/resource/device-class.ts'
import { ResourceClaim } from '../../../src/api/resource/resource-claim.ts'

const objectsOf = (...found: KubernetesObject[]): Objects => ({
  get: ((kind: AnyKind, _namespace: string, name: string) =>
    found.find((each) => each.kind === kind.kind && each.metadata.name === name)) as Objects['get'],
  list: ((kind: AnyKind) => found.filter((each) => each.kind === kind.kind)) as Objects['list'],
})
const NOTHING = objectsOf()

const objectOf = (kind: string, spec: object, more: object = {}): KubernetesObject =>
  ({ kind, metadata: { name: 'x', namespace: 'n' }, spec, ...more }) as unknown as KubernetesObject

const used = (kind: AnyKind, object: KubernetesObject, objects = NOTHING) =>
  listOfAmounts(evaluatorOf(kind)!.usage(object, { objects, now: 0 }))

test('a service counts by its type, with the node ports it wants', () => {
  const ports = [{ port: 1, nodePort: 30001 }, { port: 2 }]
  const of = (spec: object) => {
    const amounts = used(Service, objectOf('Service', { ports, ...spec }))
    return [amounts['services'], amounts['services.nodeports'], amounts['services.loadbalancers']]
  }
  assert.equal(of({ type: 'ClusterIP' }), ['1', '0', '0'])
  assert.equal(of({ type: 'NodePort' }), ['1', '2', '0'])
  assert.equal(of({ type: 'LoadBalancer' }), ['1', '2', '1'])
  assert.equal(of({ type: 'LoadBalancer', allocateLoadBalancerNodePorts: false }), ['1', '1', '1'])
})

test('a volume claim counts by its storage class, too, with whole bytes and what was granted', () => {
  const claim = objectOf('PersistentVolumeClaim', {
    storageClassName: 'gold',
    resources: { requests: { storage: '1500m' } },
  })
  assert.equal(used(PersistentVolumeClaim, claim), {
    'count/persistentvolumeclaims': '1',
    persistentvolumeclaims: '1',
    'requests.storage': '2',
    'gold.storageclass.storage.k8s.io/persistentvolumeclaims': '1',
    'gold.storageclass.storage.k8s.io/requests.storage': '2',
  })
  const granted = { ...claim, status: { allocatedResources: { storage: '3Gi' } } }
  assert.is(used(PersistentVolumeClaim, granted)['requests.storage'], '3Gi')
})

test('a volume claim is in the scope of every attributes class it has, had or is to have', () => {
  const { isInScope } = evaluatorOf(PersistentVolumeClaim)!
  const claim = objectOf(
    'PersistentVolumeClaim',
    { volumeAttributesClassName: 'a' },
    { status: { currentVolumeAttributesClassName: 'b' } },
  )
  const scope = (operator: string, values: string[]) =>
    isInScope!({ scopeName: 'VolumeAttributesClass', operator, values }, claim)
  assert.ok(scope('In', ['a']))
  assert.ok(scope('In', ['b']))
  assert.not.ok(scope('In', ['c']))
  assert.ok(scope('Exists', []))
})

test('a device claim counts the most devices it may get of each class', () => {
  const claim = objectOf('ResourceClaim', {
    devices: {
      requests: [
        {
          name: 'r',
          firstAvailable: [
            { deviceClassName: 'big', allocationMode: 'ExactCount', count: 1 },
            { deviceClassName: 'big', allocationMode: 'ExactCount', count: 3 },
            { deviceClassName: 'small', allocationMode: 'All' },
          ],
        },
        {
          name: 's',
          exactly: { deviceClassName: 'big', allocationMode: 'ExactCount', count: 2 },
        },
      ],
    },
  })
  assert.equal(used(ResourceClaim, claim), {
    'count/resourceclaims.resource.k8s.io': '1',
    'big.deviceclass.resource.k8s.io/devices': '5',
    'requests.deviceclass.resource.kubernetes.io/big': '5',
    'requests.deviceclass.resource.kubernetes.io/small': '32',
    'small.deviceclass.resource.k8s.io/devices': '32',
  })
})

test('a device claim made for a pod is charged for what the pod is not charged for already', () => {
  const deviceClass = objectOf('DeviceClass', { extendedResourceName: 'example.com/gpu' })
  const resources = { requests: { 'example.com/gpu': '1' } }
  const pod = objectOf(
    'Pod',
    { containers: [{ name: 'c', resources }] },
    { metadata: { name: 'p', namespace: 'n', uid: 'u' } },
  )
  const claim = objectOf(
    'ResourceClaim',
    {
      devices: {
        requests: [
          { name: 'r', exactly: { deviceClassName: 'x', allocationMode: 'ExactCount', count: 1 } },
        ],
      },
    },
    {
      metadata: {
        name: 'claim',
        namespace: 'n',
        creationTimestamp: '2026-01-01T00:00:00Z',
        annotations: { 'resource.kubernetes.io/extended-resource-claim': 'true' },
        ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'p', uid: 'u', controller: true }],
      },
    },
  )
  const without = used(ResourceClaim, claim, objectsOf(deviceClass))
  assert.is(without['requests.example.com/gpu'], '1')
  const beside = used(ResourceClaim, claim, objectsOf(deviceClass, pod, claim))
  assert.is(beside['requests.example.com/gpu'], undefined)
  assert.is(beside['x.deviceclass.resource.k8s.io/devices'], '1')
  const { matching } = evaluatorOf(ResourceClaim)!
  const asked = ['requests.example.com/gpu', 'requests.example.com/other', 'pods']
  assert.equal(matching(asked, objectsOf(deviceClass)), ['requests.example.com/gpu'])
})

test('other namespaced kinds are counted, some by an older name too; Events and cluster kinds are not', () => {
  const of = (group: string, plural: string) => {
    const evaluator = evaluatorOf(kindByResource(group, plural)!)
    return (
      evaluator && Object.keys(evaluator.usage(objectOf('X', {}), { objects: NOTHING, now: 0 }))
    )
  }
  assert.equal(of('', 'configmaps'), ['count/configmaps', 'configmaps'])
  assert.equal(of('apps', 'deployments'), ['count/deployments.apps'])
  assert.is(of('', 'events'), undefined)
  assert.is(of('events.k8s.io', 'events'), undefined)
  assert.is(of('', 'nodes'), undefined)
  assert.is(evaluatorOf(DeviceClass), undefined)
  assert.ok(evaluatorOf(Pod))
})

test.run()
