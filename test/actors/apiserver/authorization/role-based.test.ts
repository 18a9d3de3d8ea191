/**
 * Decisions of roles: the cases of Kubernetes' own tests, and what follows from changes.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type {
  Attributes,
  Decision,
} from '../../../../src/actors/apiserver/authorization/attributes.ts'
import { createAuthorizer } from '../../../../src/actors/apiserver/authorization/authorizer.ts'
import { type MemoryCache, memoryCache } from '../../../support/memory-cache.ts'
import { clusterRole, clusterRoleBinding, role, roleBinding } from '../../../support/policy.ts'

/** `<user> [<group>,…] <verb> <namespace or -> <resource> [<name>]`, or a path in place of a resource. */
const asked = (text: string): Attributes => {
  const [who = '', verb = '', namespace = '', what = '', name] = text.split(' ')
  const [user = '', groups = ''] = who.split('+')
  const base = { user: { name: user, groups: groups.split(',').filter(Boolean) }, verb }
  if (what.startsWith('/')) return { ...base, path: what }
  const [qualified = '', subresource] = what.split('/')
  const [resource = '', ...group] = qualified.split('.')
  return {
    ...base,
    group: group.join('.'),
    resource,
    subresource,
    namespace: namespace === '-' ? undefined : namespace,
    name,
  }
}

const decider = (cache: MemoryCache) => {
  const authorizer = createAuthorizer(cache)
  return (text: string) => authorizer.decide(asked(text)) as Decision
}

const check = (cache: MemoryCache, allowed: string[], refused: string[]) => {
  const decide = decider(cache)
  for (const text of allowed) assert.is(decide(text).allowed, true, text)
  for (const text of refused) assert.is(decide(text).allowed, false, text)
}

test('a ClusterRole that a RoleBinding gives counts in its namespace', () => {
  const cache = memoryCache(
    clusterRole('admin', '* * *'),
    roleBinding('ns1', 'admins', 'ClusterRole/admin', 'User:admin', 'Group:admins'),
  )
  check(
    cache,
    [
      'admin get ns1 Pods',
      'admin watch ns1 Pods',
      'admin+group1 watch ns1 Foobar',
      'joe+admins watch ns1 Foobar',
      'joe+group1,admins watch ns1 Foobar',
    ],
    [
      'admin GET ns2 Pods',
      'admin GET - Nodes',
      'admin+admins GET ns2 Pods',
      'admin+admins GET - Nodes',
      'joe get ns1 pods',
      'admin get - /apis',
    ],
  )
})

test('paths, whole and by their beginning', () => {
  const cache = memoryCache(
    clusterRole('getter', 'get /apis'),
    clusterRole('all', '* /apis'),
    clusterRole('prefix', 'get /apis/*'),
    clusterRole('every', 'get *'),
    clusterRoleBinding('a', 'getter', 'User:foo', 'Group:bar'),
    clusterRoleBinding('b', 'all', 'User:admin', 'Group:admin'),
    clusterRoleBinding('c', 'prefix', 'User:prefixed', 'Group:prefixed'),
    clusterRoleBinding('d', 'every', 'User:every'),
  )
  check(
    cache,
    [
      'foo get - /apis',
      'x+bar get - /apis',
      'admin get - /apis',
      'admin watch - /apis',
      'prefixed get - /apis/v1',
      'x+prefixed get - /apis/v1/foobar',
      'every get - /anything',
    ],
    [
      'foo watch - /apis',
      'x+bar watch - /apis',
      'foo get - /api/v1',
      'admin get - /api/v1',
      'prefixed get - /api/v1',
      'prefixed get - /apis',
      'every post - /anything',
    ],
  )
})

test('a resource does not include its subresources, a star does', () => {
  const bound = roleBinding('ns1', 'b', 'ClusterRole/admin', 'User:admin')
  check(
    memoryCache(clusterRole('admin', '* * pods'), bound),
    ['admin get ns1 pods'],
    ['admin get ns1 pods/status'],
  )
  check(
    memoryCache(clusterRole('admin', '* * pods/status', '* * */scale'), bound),
    [
      'admin get ns1 pods/status',
      'admin get ns1 pods/scale',
      'admin get ns1 deployments/scale',
      'admin get ns1 anything/scale',
    ],
    ['admin get ns1 pods', 'admin get ns1 pods/log', 'admin get ns1 scale'],
  )
  check(
    memoryCache(clusterRole('admin', '* * *'), bound),
    ['admin get ns1 pods/status', 'admin get ns1 deployments.apps/scale'],
    [],
  )
})

test('verbs, groups, resources and names are all required', () => {
  const cache = memoryCache(
    role('ns', 'r', 'get,list apps deployments,replicasets', 'get core configmaps a,b'),
    roleBinding('ns', 'b', 'Role/r', 'User:u'),
  )
  check(
    cache,
    [
      'u get ns deployments.apps x',
      'u list ns replicasets.apps',
      'u get ns configmaps a',
      'u get ns configmaps b',
    ],
    [
      'u watch ns deployments.apps',
      'u get ns deployments x',
      'u get ns deployments.extensions x',
      'u get ns configmaps c',
      'u get ns configmaps',
      'u list ns configmaps a',
      'v get ns configmaps a',
    ],
  )
})

test('a service account is meant by its name and namespace', () => {
  const cache = memoryCache(
    clusterRole('reader', 'get core pods'),
    roleBinding('ns', 'own', 'ClusterRole/reader', 'ServiceAccount:robot'),
    clusterRoleBinding('far', 'reader', 'ServiceAccount:other/robot', 'ServiceAccount:nowhere'),
    roleBinding('ns', 'group', 'ClusterRole/reader', 'Group:system:serviceaccounts:third'),
  )
  check(
    cache,
    [
      'system:serviceaccount:ns:robot get ns pods',
      'system:serviceaccount:other:robot get - pods',
      'system:serviceaccount:other:robot get ns pods',
      'system:serviceaccount:third:x+system:serviceaccounts:third get ns pods',
    ],
    [
      'system:serviceaccount:ns:robot get other pods',
      'robot get ns pods',
      'system:serviceaccount:ns:nowhere get ns pods',
      'system:serviceaccount:third:x get ns pods',
    ],
  )
})

test('system:masters need no role', () => {
  check(memoryCache(), ['x+system:masters delete - nodes', 'x+system:masters put - /x'], [])
})

test('a decision says what it follows from', () => {
  const cache = memoryCache(
    clusterRole('view', 'get core pods'),
    roleBinding('ns', 'viewers', 'ClusterRole/view', 'Group:staff', 'ServiceAccount:robot'),
    clusterRoleBinding('all', 'view', 'User:jane'),
    clusterRoleBinding('lost', 'gone', 'User:joe'),
    roleBinding('ns', 'lost', 'Role/missing', 'User:joe'),
  )
  const decide = decider(cache)
  assert.is(
    decide('jane get ns pods').reason,
    'RBAC: allowed by ClusterRoleBinding "all" of ClusterRole "view" to User "jane"',
  )
  assert.is(
    decide('x+staff get ns pods').reason,
    'RBAC: allowed by RoleBinding "viewers/ns" of ClusterRole "view" to Group "staff"',
  )
  assert.is(
    decide('system:serviceaccount:ns:robot get ns pods').reason,
    'RBAC: allowed by RoleBinding "viewers/ns" of ClusterRole "view" to ServiceAccount "robot/ns"',
  )
  assert.is(
    decide('joe get - pods').reason,
    'RBAC: clusterrole.rbac.authorization.k8s.io "gone" not found',
  )
  assert.is(
    decide('joe get ns pods').reason,
    'RBAC: [clusterrole.rbac.authorization.k8s.io "gone" not found, role.rbac.authorization.k8s.io "missing" not found]',
  )
  assert.equal(decide('jim get ns pods'), { allowed: false })
})

test('a change of a role or a binding counts in the same turn', () => {
  const cache = memoryCache()
  const decide = decider(cache)
  const may = () => decide('jane get ns pods').allowed
  assert.is(may(), false)
  const binding = roleBinding('ns', 'b', 'Role/r', 'User:jane')
  cache.put(binding)
  assert.is(may(), false)
  cache.put(role('ns', 'r', 'get core pods'))
  assert.is(may(), true)
  cache.put(role('ns', 'r', 'list core pods'))
  assert.is(may(), false)
  cache.put(role('ns', 'r', 'get core pods'))
  cache.put(roleBinding('ns', 'b', 'Role/r', 'User:joe'))
  assert.is(may(), false)
  assert.is(decide('joe get ns pods').allowed, true)
  cache.put(binding)
  assert.is(may(), true)
  cache.remove(role('ns', 'r'))
  assert.is(may(), false)
  cache.put(role('ns', 'r', 'get core pods'))
  assert.is(may(), true)
  cache.remove(binding)
  assert.is(may(), false)
})

test('a subject of many roles is judged by all of them, and follows their changes', () => {
  const cache = memoryCache()
  const decide = decider(cache)
  for (let index = 0; index < 100; index++) {
    cache.put(clusterRole(`r${index}`, `get core things${index}`))
    cache.put(clusterRoleBinding(`b${index}`, `r${index}`, 'Group:many'))
  }
  for (let index = 0; index < 100; index++)
    assert.is(decide(`x+many get - things${index} y`).allowed, true)
  assert.is(decide('x+many get - things100 y').allowed, false)
  cache.put(clusterRole('r50', 'get core others'))
  assert.is(decide('x+many get - things50 y').allowed, false)
  assert.match(decide('x+many get - others y').reason ?? '', '"b50"')
  cache.remove(clusterRoleBinding('b50', 'r50', 'Group:many'))
  assert.is(decide('x+many get - others y').allowed, false)
})

test('every right is found however roles are combined, as one by one', () => {
  const verbs = ['get', 'list', '*']
  const groups = ['core', 'apps', '*']
  const resources = ['pods', 'pods/log', '*/log', '*']
  const rules = verbs.flatMap((verb) =>
    groups.flatMap((group) => resources.map((resource) => `${verb} ${group} ${resource}`)),
  )
  const questions = ['get', 'list', 'watch'].flatMap((verb) =>
    ['pods', 'pods/log', 'pods.apps', 'pods.apps/log', 'x/log', 'x.y'].map(
      (what) => `u ${verb} - ${what}`,
    ),
  )
  const alone = new Map(
    rules.map((rule) => {
      const bound = clusterRoleBinding('b', 'r', 'User:u')
      const decide = decider(memoryCache(clusterRole('r', rule), bound))
      return [rule, questions.map((text) => decide(text).allowed)] as const
    }),
  )
  for (let from = 0; from < rules.length; from += 3) {
    const some = rules.slice(from).filter((_, index) => index % 4 === 0)
    const cache = memoryCache(
      ...some.map((rule, index) => clusterRole(`r${index}`, rule)),
      ...some.map((_, index) => clusterRoleBinding(`b${index}`, `r${index}`, 'User:u')),
    )
    const decide = decider(cache)
    for (const [at, text] of questions.entries())
      assert.is(
        decide(text).allowed,
        some.some((rule) => alone.get(rule)![at]),
        `${text} with ${some.join('; ')}`,
      )
  }
})

test('the rules of a user come from the cluster and from the namespace', () => {
  const cache = memoryCache(
    clusterRole('all', 'get core nodes', 'get /version'),
    role('ns', 'own', 'get core pods a'),
    clusterRoleBinding('a', 'all', 'User:jane', 'Group:staff'),
    roleBinding('ns', 'b', 'Role/own', 'Group:staff'),
    roleBinding('ns', 'c', 'Role/none', 'Group:staff'),
  )
  const user = { name: 'jane', groups: ['staff'] }
  const authorizer = createAuthorizer(cache)
  assert.equal(authorizer.rulesFor(user, 'ns'), {
    resourceRules: [
      { verbs: ['get'], apiGroups: [''], resources: ['nodes'] },
      { verbs: ['get'], apiGroups: [''], resources: ['pods'], resourceNames: ['a'] },
    ],
    nonResourceRules: [{ verbs: ['get'], nonResourceURLs: ['/version'] }],
    incomplete: false,
    evaluationError: 'role.rbac.authorization.k8s.io "none" not found',
  })
  const { resourceRules } = authorizer.rulesFor(user, 'elsewhere')
  assert.is(resourceRules.length, 1)
})

test.run()
