import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { ObjectMeta } from '../../src/api/meta.ts'
import {
  carryMetadata,
  generatedNameBase,
  validateObjectMeta,
  validateObjectMetaUpdate,
} from '../../src/api/object-meta.ts'

const namespaced = { namespaced: true }
const metadata = (more: Partial<ObjectMeta> = {}): ObjectMeta => ({
  name: 'a',
  namespace: 'default',
  uid: 'u',
  resourceVersion: '1',
  creationTimestamp: '2026-01-01T00:00:00Z',
  ...more,
})
const faults = (
  more: Partial<ObjectMeta>,
  kind: Parameters<typeof validateObjectMeta>[0] = namespaced,
) =>
  validateObjectMeta(kind, { metadata: metadata(more) }).map(
    ({ field, message }) => `${field}: ${message}`,
  )
const updateFaults = (next: Partial<ObjectMeta>, last: Partial<ObjectMeta> = {}) =>
  validateObjectMetaUpdate({ metadata: metadata(next) }, { metadata: metadata(last) }).map(
    ({ field, message }) => `${field}: ${message}`,
  )

const owner = (more = {}) => ({
  apiVersion: 'apps/v1',
  kind: 'ReplicaSet',
  name: 'rs',
  uid: '1',
  controller: true,
  ...more,
})

test('good metadata has no faults', () => {
  assert.equal(
    faults({ labels: { 'a/b': 'c' }, finalizers: ['a/b'], ownerReferences: [owner()] }),
    [],
  )
})

test('faults on create', () => {
  assert.equal(faults({ name: '' }), [
    'metadata.name: Required value: name or generateName is required',
  ])
  assert.equal(faults({ namespace: '' }), ['metadata.namespace: Required value'])
  assert.equal(faults({}, { namespaced: false }), [
    'metadata.namespace: Forbidden: not allowed on this type',
  ])
  assert.equal(faults({ name: 'a.b' }, { namespaced: true, nameRule: 'dns1123Label' }), [
    'metadata.name: Invalid value: "a.b": must not contain dots',
  ])
  assert.equal(faults({ generateName: 'web-', name: 'web-x' }), [])
  assert.equal(faults({ generation: -1 }), [
    'metadata.generation: Invalid value: -1: must be greater than or equal to 0',
  ])
  assert.equal(faults({ annotations: { a: 'x'.repeat(262145) } }), [
    'metadata.annotations: Too long: may not be more than 262144 bytes',
  ])
  assert.equal(faults({ finalizers: ['orphan', 'foregroundDeletion'] }), [
    'metadata.finalizers: Invalid value: ["orphan","foregroundDeletion"]: finalizer orphan and foregroundDeletion cannot be both set',
  ])
  assert.equal(faults({ finalizers: ['mine'] }), [
    'metadata.finalizers[0]: Invalid value: "mine": name is neither a standard finalizer name nor is it fully qualified',
  ])
  assert.match(
    faults({ ownerReferences: [owner(), owner({ name: 'other' })] })[0] ?? '',
    /Only one reference can have Controller set to true\. Found "true" in references for ReplicaSet\/rs and ReplicaSet\/other$/,
  )
  assert.equal(faults({ ownerReferences: [owner({ uid: '' })] }), [
    'metadata.ownerReferences.uid: Invalid value: "": must not be empty',
  ])
})

test('faults on update', () => {
  assert.equal(updateFaults({}), [])
  assert.equal(updateFaults({ uid: 'v' }), ['metadata.uid: Invalid value: "v": field is immutable'])
  assert.equal(updateFaults({ resourceVersion: '' }), [
    'metadata.resourceVersion: Invalid value: "": must be specified for an update',
  ])
  const deleting = { deletionTimestamp: '2026-01-01T00:00:00Z', finalizers: ['a/a'] }
  assert.equal(updateFaults({ ...deleting, finalizers: ['a/a', 'b/b'] }, deleting), [
    'metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{"b/b"}',
  ])
  assert.equal(updateFaults({ ...deleting, finalizers: [] }, deleting), [])
})

test('an update keeps what it may leave out', () => {
  const next: Partial<ObjectMeta> = { name: 'a', generation: 9 }
  carryMetadata(
    next,
    metadata({ generation: 3, deletionTimestamp: 't', deletionGracePeriodSeconds: 30 }),
  )
  assert.equal(next, {
    name: 'a',
    generation: 3,
    uid: 'u',
    creationTimestamp: '2026-01-01T00:00:00Z',
    deletionTimestamp: 't',
    deletionGracePeriodSeconds: 30,
  })
})

test('a generated name leaves room for its suffix', () => {
  assert.is(generatedNameBase('a'.repeat(80)).length, 58)
  assert.is(generatedNameBase('web-'), 'web-')
})

test.run()
