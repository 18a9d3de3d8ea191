import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Namespace } from '../../../src/api/core/namespace.ts'
import { deepCopy } from '../../../src/api/equality.ts'
import { NOW, shown } from './pod-samples.ts'

const metadata = {
  name: 'one',
  uid: 'uid',
  resourceVersion: '1',
  creationTimestamp: '2026-01-01T00:00:00Z',
}
const namespace = (fields: Partial<Namespace> = {}): Namespace => {
  const object = { apiVersion: 'v1', kind: 'Namespace', ...deepCopy({ metadata, ...fields }) }
  Namespace.prepareForCreate!(object, { now: NOW })
  Namespace.applyDefaults!(object)
  return object
}

test('a namespace starts active, with its finalizer and its name as a label', () => {
  const { spec, status, metadata: meta } = namespace({ spec: { finalizers: ['example.com/x'] } })
  assert.equal(spec, { finalizers: ['example.com/x', 'kubernetes'] })
  assert.equal(status, { phase: 'Active' })
  assert.equal(meta.labels, { 'kubernetes.io/metadata.name': 'one' })
})

test('an update cannot take away the finalizer of a namespace', () => {
  const old = namespace()
  const next = deepCopy(old)
  next.spec = {}
  Namespace.prepareForUpdate!(next, old, { now: NOW })
  assert.equal(next.spec, { finalizers: ['kubernetes'] })
})

test('a namespace names unknown finalizers', () => {
  assert.equal(shown(Namespace.validate!(namespace({ spec: { finalizers: ['mine'] } }))), [
    'spec.finalizers: Invalid value: "mine": name is neither a standard finalizer name nor is it fully qualified',
  ])
})

test('the phase of a namespace follows its deletion', () => {
  const old = namespace()
  const next = { ...deepCopy(old), status: { phase: 'Terminating' } }
  assert.equal(shown(Namespace.validateStatusUpdate!(next, old)), [
    `status.Phase: Invalid value: "Terminating": may only be 'Active' if \`deletionTimestamp\` is empty`,
  ])
  next.metadata.deletionTimestamp = '2026-01-01T00:00:00Z'
  assert.equal(Namespace.validateStatusUpdate!(next, old), [])
})

test.run()
