/**
 * The roles that every cluster has, and how existing ones are completed.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  type AnyBinding,
  type AnyRole,
  completedBinding,
  completedRole,
  defaultBindings,
  defaultRoles,
} from '../../../src/api/rbac/default-policy.ts'

const roleNamed = (name: string) =>
  defaultRoles().find(({ object }) => object.metadata.name === name)!.object
const bindingNamed = (name: string) =>
  defaultBindings().find(({ object }) => object.metadata.name === name)!.object
const copy = <T>(value: T): T => structuredClone(value)

test('there are as many as in Kubernetes, and ones for all controllers and simulated nodes, all marked', () => {
  const count = (each: { kind: { kind: string } }[], kind: string) =>
    each.filter((one) => one.kind.kind === kind).length
  const [roles, bindings] = [defaultRoles(), defaultBindings()]
  assert.equal(
    [
      count(roles, 'ClusterRole'),
      count(roles, 'Role'),
      count(bindings, 'ClusterRoleBinding'),
      count(bindings, 'RoleBinding'),
    ],
    [70, 7, 52, 7],
  )
  for (const { kind, object } of [...roles, ...bindings]) {
    const { labels, annotations } = object.metadata
    assert.is(labels?.['kubernetes.io/bootstrapping'], 'rbac-defaults')
    assert.is(annotations?.['rbac.authorization.kubernetes.io/autoupdate'], 'true')
    assert.equal(kind.validate?.(object), [], `${kind.kind} ${object.metadata.name}`)
  }
})

test('every binding gives a role that there is', () => {
  const known = new Set(
    defaultRoles().map(({ object }) => `${object.metadata.namespace}/${object.metadata.name}`),
  )
  for (const { object } of defaultBindings())
    assert.ok(known.has(`${object.metadata.namespace}/${object.roleRef.name}`))
})

test('admin, edit and view gather what belongs to them', () => {
  assert.equal(roleNamed('edit'), {
    metadata: {
      name: 'edit',
      labels: {
        'kubernetes.io/bootstrapping': 'rbac-defaults',
        'rbac.authorization.k8s.io/aggregate-to-admin': 'true',
      },
      annotations: { 'rbac.authorization.kubernetes.io/autoupdate': 'true' },
    },
    aggregationRule: {
      clusterRoleSelectors: [
        { matchLabels: { 'rbac.authorization.k8s.io/aggregate-to-edit': 'true' } },
      ],
    },
  })
})

test('what is complete is left alone, also with more in it', () => {
  for (const { object } of defaultRoles()) assert.is(completedRole(object, object), undefined)
  for (const { object } of defaultBindings()) assert.is(completedBinding(object, object), undefined)
  const more = copy(roleNamed('system:basic-user'))
  more.rules!.push({ verbs: ['get'], apiGroups: [''], resources: ['pods'] })
  more.metadata.labels!['mine'] = 'yes'
  assert.is(completedRole(more, roleNamed('system:basic-user')), undefined)
})

test('what is missing is added: rules, labels, selectors, subjects', () => {
  const expected = roleNamed('system:basic-user')
  const poor = copy(expected)
  poor.rules = [{ verbs: ['get'], apiGroups: [''], resources: ['pods'] }, poor.rules![1]!]
  delete poor.metadata.labels
  const rich = completedRole(poor, expected)!
  assert.is(rich.rules!.length, 4)
  assert.equal(rich.rules![2], {
    verbs: ['create'],
    apiGroups: ['authorization.k8s.io'],
    resources: ['selfsubjectaccessreviews'],
  })
  assert.equal(rich.metadata.labels, expected.metadata.labels)
  const plain = { ...copy(roleNamed('view')), rules: [], aggregationRule: undefined } as AnyRole
  const gathering = completedRole(plain, roleNamed('view')) as { aggregationRule?: object }
  assert.equal(gathering.aggregationRule, {
    clusterRoleSelectors: [
      { matchLabels: { 'rbac.authorization.k8s.io/aggregate-to-view': 'true' } },
    ],
  })
  const info = bindingNamed('system:public-info-viewer')
  const [first, second] = info.subjects!
  const half: AnyBinding = { ...copy(info), subjects: [second!, { kind: 'User', name: 'jane' }] }
  assert.equal((completedBinding(half, info) as AnyBinding).subjects, [...half.subjects!, first])
})

test('a binding of another role is made anew; what is protected stays', () => {
  const expected = bindingNamed('system:discovery')
  const other = copy(expected)
  other.roleRef.name = 'cluster-admin'
  assert.is(completedBinding(other, expected), 'recreate')
  other.metadata.annotations = { 'rbac.authorization.kubernetes.io/autoupdate': 'false' }
  assert.is(completedBinding(other, expected), undefined)
  const role = { ...copy(roleNamed('system:discovery')), rules: [] }
  role.metadata.annotations = { 'rbac.authorization.kubernetes.io/autoupdate': 'false' }
  assert.is(completedRole(role, roleNamed('system:discovery')), undefined)
})

test.run()
