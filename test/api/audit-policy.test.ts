import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  type AuditAttributes,
  AuditPolicyError,
  parseAuditPolicy,
  ruleFor,
} from '../../src/api/audit-policy.ts'

const policy = (...rules: object[]) =>
  parseAuditPolicy({ apiVersion: 'audit.k8s.io/v1', kind: 'Policy', rules })

const ALICE = { name: 'alice', groups: ['dev', 'system:authenticated'] }
const pods = (more: Partial<AuditAttributes> = {}): AuditAttributes => ({
  user: ALICE,
  verb: 'get',
  path: '/api/v1/namespaces/default/pods/web',
  group: '',
  resource: 'pods',
  namespace: 'default',
  name: 'web',
  ...more,
})
const health: AuditAttributes = { user: ALICE, verb: 'get', path: '/healthz/etcd' }

const decides = (rule: object, request: AuditAttributes): boolean =>
  ruleFor(policy({ level: 'Metadata', ...rule }), request) !== undefined

const refused = (document: unknown): string => {
  try {
    parseAuditPolicy(document)
  } catch (error) {
    if (error instanceof AuditPolicyError) return error.message
    throw error
  }
  return 'accepted'
}

test('a rule without conditions is for everything', () => {
  assert.ok(decides({}, pods()))
  assert.ok(decides({}, health))
  assert.ok(decides({}, { ...pods(), user: undefined }))
})

test('users, groups and verbs restrict a rule', () => {
  assert.ok(decides({ users: ['alice'], userGroups: ['dev'], verbs: ['get', 'list'] }, pods()))
  assert.not(decides({ users: ['bob'] }, pods()))
  assert.not(decides({ userGroups: ['ops'] }, pods()))
  assert.not(decides({ verbs: ['list'] }, pods()))
  assert.not(decides({ users: ['alice'] }, { ...pods(), user: undefined }))
})

test('resources are named by group, subresource and name', () => {
  const names = (resources: string[], resourceNames: string[] = []) => ({
    resources: [{ group: '', resources, resourceNames }],
  })
  const logs = pods({ subresource: 'log' })
  assert.ok(decides(names(['pods']), pods()))
  assert.not(decides(names(['pods']), logs))
  assert.ok(decides(names(['pods/log']), logs))
  assert.ok(decides(names(['pods/*']), logs))
  assert.ok(decides(names(['pods/*']), pods()))
  assert.ok(decides(names(['*/log']), logs))
  assert.not(decides(names(['*/log']), pods()))
  assert.ok(decides(names(['*']), logs))
  assert.ok(decides(names(['pods'], ['web']), pods()))
  assert.not(decides(names(['pods'], ['db']), pods()))
  assert.ok(decides({ resources: [{ group: '*', resources: ['pods'] }] }, pods()))
  assert.ok(decides({ resources: [{ group: '' }] }, pods()))
  assert.not(decides({ resources: [{ group: 'apps' }] }, pods()))
  assert.not(decides({ resources: [{ group: '' }] }, health))
})

test('namespaces are the empty word for what is in none', () => {
  assert.ok(decides({ namespaces: ['default'] }, pods()))
  assert.not(decides({ namespaces: ['kube-system'] }, pods()))
  const nodes = pods({ resource: 'nodes', namespace: undefined })
  assert.ok(decides({ namespaces: [''] }, nodes))
  assert.not(decides({ namespaces: ['default'] }, nodes))
})

test('other paths end in a wildcard or are meant exactly', () => {
  assert.ok(decides({ nonResourceURLs: ['/healthz*'] }, health))
  assert.ok(decides({ nonResourceURLs: ['*'] }, health))
  assert.not(decides({ nonResourceURLs: ['/healthz'] }, health))
  assert.not(decides({ nonResourceURLs: ['*'] }, pods()))
})

test('the first rule that matches decides, with the stages that the policy and it leave out', () => {
  const rules = parseAuditPolicy({
    apiVersion: 'audit.k8s.io/v1',
    kind: 'Policy',
    omitStages: ['RequestReceived'],
    omitManagedFields: true,
    rules: [
      { level: 'None', users: ['bob'] },
      { level: 'Request', verbs: ['get'], omitStages: ['Panic'], omitManagedFields: false },
      { level: 'Metadata' },
    ],
  })
  const first = ruleFor(rules, pods())
  assert.is(first?.level, 'Request')
  assert.equal(first?.omitStages, ['RequestReceived', 'Panic'])
  assert.is(first?.omitManagedFields, false)
  assert.is(ruleFor(rules, pods({ verb: 'list' }))?.omitManagedFields, true)
  assert.is(ruleFor(policy({ level: 'Metadata', users: ['bob'] }), pods()), undefined)
})

test('faults are told with their paths', () => {
  const base = { apiVersion: 'audit.k8s.io/v1', kind: 'Policy' }
  assert.match(refused({}), /it must be a Policy of audit.k8s.io\/v1/)
  assert.match(refused(base), /loaded illegal policy with 0 rules/)
  assert.is(
    refused({ ...base, rules: [{}, { level: 'All' }] }),
    'rules[0].level: Required value, rules[1].level: Unsupported value: "All": supported values: "None", "Metadata", "Request", "RequestResponse"',
  )
  const urls = { level: 'None', nonResourceURLs: ['healthz', '/a*b'], namespaces: ['x'] }
  const said = refused({ ...base, omitStages: ['Later'], rules: [urls] })
  assert.match(said, /omitStages\[0\]: Invalid value: "Later": allowed stages are RequestReceived,/)
  assert.match(said, /nonResourceURLs\[0\]: Invalid value: "healthz": .* begin with a '\/'/)
  assert.match(said, /nonResourceURLs\[1\]: Invalid value: "\/a\*b": .* final character/)
  assert.match(said, /rules cannot apply to both regular resources and non-resource URLs/)
  const named = { level: 'None', resources: [{ group: '', resourceNames: ['a'] }] }
  assert.match(refused({ ...base, rules: [named] }), /requires at least one resource/)
})

test.run()
