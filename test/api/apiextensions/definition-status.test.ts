/**
 * Names and conditions of definitions.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { CustomResourceDefinition } from '../../../src/api/apiextensions/custom-resource-definition.ts'
import {
  approvalOf,
  deletionBegun,
  settledStatus,
} from '../../../src/api/apiextensions/definition-status.ts'

const NOW = '2026-01-01T00:00:00Z'

const definition = (
  plural: string,
  names: Partial<CustomResourceDefinition['spec']['names']> = {},
  group = 'example.com',
): CustomResourceDefinition => ({
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: {
    name: `${plural}.${group}`,
    uid: plural,
    resourceVersion: '1',
    creationTimestamp: NOW,
  },
  spec: {
    group,
    scope: 'Namespaced',
    names: { plural, singular: plural, kind: plural, listKind: `${plural}List`, ...names },
    versions: [{ name: 'v1', served: true, storage: true }],
  },
  status: { storedVersions: ['v1'] } as never,
})

const settled = (it: CustomResourceDefinition, ...others: CustomResourceDefinition[]) => ({
  ...it,
  status: settledStatus(it, others, NOW),
})

const reasons = ({ status }: CustomResourceDefinition) =>
  (status?.conditions ?? []).map(({ type, status: is, reason }) => `${type}=${is} ${reason}`)

test('free names are accepted, and the kind is established', () => {
  const one = settled(definition('widgets'))
  assert.equal(reasons(one), [
    'NamesAccepted=True NoConflicts',
    'Established=True InitialNamesAccepted',
  ])
  assert.equal(one.status?.acceptedNames, one.spec.names)
  assert.is(settledStatus(one, [], '2027-01-01T00:00:00Z'), one.status)
})

test('a name that another one has is refused, the others are accepted', () => {
  const one = settled(definition('widgets', { shortNames: ['w'] }))
  const two = settled(definition('wheels', { kind: 'widgets', shortNames: ['w', 'wh'] }), one)
  assert.equal(reasons(two), ['NamesAccepted=False KindConflict', 'Established=False NotAccepted'])
  assert.is(two.status?.conditions?.[0]?.message, '"widgets" is already in use')
  assert.is(two.status?.acceptedNames?.plural, 'wheels')
  assert.is(two.status?.acceptedNames?.kind, '')
})

test('a definition that was established stays so when it asks for a name that is taken', () => {
  const one = settled(definition('widgets', { shortNames: ['w'] }))
  const two = settled(definition('wheels'), one)
  const greedy = settled(
    { ...two, spec: { ...two.spec, names: { ...two.spec.names, shortNames: ['w'] } } },
    one,
  )
  assert.equal(reasons(greedy), [
    'NamesAccepted=False ShortNamesConflict',
    'Established=True InitialNamesAccepted',
  ])
})

test('groups of the community say whether they were approved', () => {
  const unapproved = settled(definition('widgets', {}, 'x.k8s.io'))
  assert.is(reasons(unapproved)[2], 'KubernetesAPIApprovalPolicyConformant=False MissingAnnotation')
  const annotation = 'api-approved.kubernetes.io'
  assert.is(approvalOf({ [annotation]: 'https://github.com/a/b/pull/1' }).state, 'approved')
  assert.is(approvalOf({ [annotation]: 'unapproved, experimental' }).state, 'bypassed')
  assert.is(approvalOf({ [annotation]: 'yes' }).state, 'invalid')
})

test('a deletion adds the finalizer and says that instances will go', () => {
  const going = deletionBegun(settled(definition('widgets')), NOW)
  assert.equal(going.metadata.finalizers, ['customresourcecleanup.apiextensions.k8s.io'])
  assert.is(reasons(going)[2], 'Terminating=True InstanceDeletionPending')
})

test.run()
