/**
 * What nodes may do, as their pods refer to it.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type {
  Attributes,
  Decision,
} from '../../../../src/actors/apiserver/authorization/attributes.ts'
import { createAuthorizer } from '../../../../src/actors/apiserver/authorization/authorizer.ts'
import type { KubernetesObject } from '../../../../src/api/meta.ts'
import { type MemoryCache, memoryCache } from '../../../support/memory-cache.ts'

const object = (apiVersion: string, kind: string, name: string, rest: object, namespace?: string) =>
  ({
    apiVersion,
    kind,
    metadata: { name, uid: name, creationTimestamp: '', ...(namespace ? { namespace } : {}) },
    ...rest,
  }) as KubernetesObject

const SPEC = {
  serviceAccountName: 'robot',
  imagePullSecrets: [{ name: 'pull' }],
  containers: [
    {
      name: 'c',
      envFrom: [{ configMapRef: { name: 'env' } }, { secretRef: { name: 'env' } }],
      env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 'key', key: 'a' } } }],
    },
  ],
  volumes: [
    { name: 's', secret: { secretName: 'mounted' } },
    { name: 'p', projected: { sources: [{ configMap: { name: 'kube-root-ca.crt' } }] } },
    { name: 'd', persistentVolumeClaim: { claimName: 'data' } },
    { name: 'e', ephemeral: { volumeClaimTemplate: { spec: {} } } },
  ],
  resourceClaims: [{ name: 'gpu', resourceClaimName: 'gpu' }],
}
const pod = (name: string, nodeName: string, more: object = {}) => {
  const made = object('v1', 'Pod', name, { spec: { ...SPEC, nodeName } }, 'ns')
  return { ...made, metadata: { ...made.metadata, ...more } } as KubernetesObject
}
const volume = object('v1', 'PersistentVolume', 'pv', {
  spec: {
    claimRef: { namespace: 'ns', name: 'data' },
    csi: {
      driver: 'd',
      volumeHandle: 'h',
      nodePublishSecretRef: { name: 'publish', namespace: 'storage' },
      controllerPublishSecretRef: { name: 'controller', namespace: 'storage' },
    },
  },
})
const claim = object('v1', 'PersistentVolumeClaim', 'data', { spec: { volumeName: 'pv' } }, 'ns')

/** `<verb> <namespace or -> <resource>[.<group>][/<subresource>] [<name>] [?<field selector>]` */
const asked = (node: string, text: string): Attributes => {
  const [plain = '', fieldSelector] = text.split(' ?')
  const [verb = '', namespace = '', what = '', name] = plain.split(' ')
  const [qualified = '', subresource] = what.split('/')
  const [resource = '', ...group] = qualified.split('.')
  return {
    user: { name: `system:node:${node}`, groups: ['system:nodes', 'system:authenticated'] },
    verb,
    group: group.join('.'),
    resource,
    subresource,
    namespace: namespace === '-' ? undefined : namespace,
    name,
    fieldSelector,
  }
}

const decider = (cache: MemoryCache) => {
  const authorizer = createAuthorizer(cache)
  return (node: string, text: string) => authorizer.decide(asked(node, text)) as Decision
}

test('what its pods refer to, and no more', () => {
  const decide = decider(memoryCache(pod('a', 'n1'), pod('b', 'n2'), volume, claim))
  const related = [
    'get ns secrets pull',
    'get ns secrets env',
    'watch ns secrets key',
    'list ns secrets mounted',
    'get storage secrets publish',
    'get ns configmaps env',
    'get ns configmaps kube-root-ca.crt',
    'get ns persistentvolumeclaims data',
    'get ns persistentvolumeclaims a-e',
    'patch ns persistentvolumeclaims/status data',
    'get - persistentvolumes pv',
    'get ns resourceclaims.resource.k8s.io gpu',
    'create ns serviceaccounts/token robot',
    'get ns serviceaccounts robot',
    'get ns pods a',
  ]
  for (const text of related) {
    assert.is(decide('n1', text).allowed, true, text)
    assert.equal(
      decide('n3', text),
      {
        allowed: false,
        reason: `no relationship found between node 'n3' and this object`,
      },
      text,
    )
  }
  const refused: [string, string][] = [
    ['get ns secrets other', `no relationship found between node 'n1' and this object`],
    ['get other secrets pull', `no relationship found between node 'n1' and this object`],
    ['get storage secrets controller', `no relationship found between node 'n1' and this object`],
    ['list ns secrets', 'No Object name found'],
    ['list - secrets', 'can only read namespaced object of this type'],
    ['update ns secrets pull', 'can only read resources of this type'],
    ['list ns persistentvolumeclaims', 'can only get individual resources of this type'],
    ['get ns persistentvolumeclaims/x data', 'cannot get subresource'],
    ['delete ns persistentvolumeclaims/status data', 'can only get/update/patch this type'],
    ['create ns serviceaccounts/token', 'can only create tokens for individual service accounts'],
    ['create ns serviceaccounts other', 'can only create token subresource of serviceaccount'],
    ['get ns pods b', `no relationship found between node 'n1' and this object`],
  ]
  for (const [text, reason] of refused)
    assert.equal(decide('n1', text), { allowed: false, reason }, text)
})

test('its own node, lease and CSINode', () => {
  const decide = decider(memoryCache())
  const allowed = [
    'get - nodes n1',
    'watch - nodes n1',
    'create - nodes',
    'patch - nodes/status n1',
    'update kube-node-lease leases.coordination.k8s.io n1',
    'create kube-node-lease leases.coordination.k8s.io',
    'get - csinodes.storage.k8s.io n1',
    'create - certificatesigningrequests.certificates.k8s.io',
    'list - services',
    'get - runtimeclasses.node.k8s.io gvisor',
    'create ns events',
    'patch ns pods/status x',
    'create ns pods/eviction x',
  ]
  for (const text of allowed) assert.is(decide('n1', text).allowed, true, text)
  const refused: [string, string?][] = [
    ['get - nodes n2', "node 'n1' cannot read 'n2', only its own Node object"],
    ['list - nodes', "node 'n1' cannot read all nodes, only its own Node object"],
    ['delete - nodes n1'],
    ['get - nodes/proxy n1'],
    [
      'update kube-node-lease leases.coordination.k8s.io n2',
      'can only access node lease with the same name as the requesting node',
    ],
    [
      'get ns leases.coordination.k8s.io n1',
      'can only access leases in the "kube-node-lease" system namespace',
    ],
    [
      'get - csinodes.storage.k8s.io n2',
      'can only access CSINode with the same name as the requesting node',
    ],
    ['create - clusterrolebindings.rbac.authorization.k8s.io'],
    ['update ns pods x'],
    ['create ns pods/exec x'],
  ]
  for (const [text, reason] of refused)
    assert.equal(
      decide('n1', text),
      reason === undefined ? { allowed: false } : { allowed: false, reason },
      text,
    )
})

test('pods and slices are listed only as its own', () => {
  const decide = decider(memoryCache(pod('a', 'n1')))
  assert.is(decide('n1', 'list - pods ?spec.nodeName=n1').allowed, true)
  assert.is(decide('n1', 'watch - pods ?status.phase!=Failed,spec.nodeName=n1').allowed, true)
  assert.is(decide('n1', 'watch ns pods a').allowed, true)
  for (const selector of ['', ' ?spec.nodeName=n2', ' ?spec.nodeName!=n1', ' ?spec.nodeName'])
    assert.is(
      decide('n1', `list - pods${selector}`).reason,
      'can only list/watch pods with spec.nodeName field selector',
    )
  assert.is(decide('n1', 'list - resourceslices.resource.k8s.io ?spec.nodeName=n1').allowed, true)
  assert.is(decide('n1', 'list - resourceslices.resource.k8s.io').allowed, false)
})

test('what a pod refers to follows the pod', () => {
  const cache = memoryCache()
  const decide = decider(cache)
  const may = (node: string) => decide(node, 'get ns secrets mounted').allowed
  assert.is(may('n1'), false)
  cache.put(pod('a', 'n1'))
  assert.is(may('n1'), true)
  cache.put(pod('b', 'n1'))
  cache.remove(pod('a', 'n1'))
  assert.is(may('n1'), true)
  cache.remove(pod('b', 'n1'))
  assert.is(may('n1'), false)
  cache.put(pod('c', ''))
  assert.is(may('n1'), false)
  cache.put(pod('c', 'n2'))
  assert.equal([may('n1'), may('n2')], [false, true])
})

test('a mirror pod opens nothing', () => {
  const mirror = pod('m', 'n1', { annotations: { 'kubernetes.io/config.mirror': 'x' } })
  const decide = decider(memoryCache(mirror))
  assert.is(decide('n1', 'get ns secrets mounted').allowed, false)
  assert.is(decide('n1', 'get ns pods m').allowed, true)
})

test('only members of system:nodes are nodes', () => {
  const authorizer = createAuthorizer(memoryCache(pod('a', 'n1')))
  const secret = { verb: 'get', group: '', resource: 'secrets', namespace: 'ns', name: 'pull' }
  const decide = (name: string, groups: string[]) =>
    authorizer.decide({ user: { name, groups }, ...secret })
  assert.equal(decide('system:node:n1', []), { allowed: false })
  assert.equal(decide('n1', ['system:nodes']), { allowed: false })
  assert.equal(decide('system:node:', ['system:nodes']), {
    allowed: false,
    reason: 'unknown node for user "system:node:"',
  })
  assert.equal(authorizer.rulesFor({ name: 'system:node:n1', groups: ['system:nodes'] }, 'ns'), {
    resourceRules: [],
    nonResourceRules: [],
    incomplete: true,
    evaluationError: 'node authorizer does not support user rule resolution',
  })
})

test.run()
