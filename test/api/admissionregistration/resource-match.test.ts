import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  type RequestedResource,
  type Rule,
  ruleMatches,
} from '../../../src/api/admissionregistration/resource-match.ts'

const POD: RequestedResource = {
  operation: 'CREATE',
  group: '',
  version: 'v1',
  resource: 'pods',
  subresource: '',
  isNamespaced: true,
}
const RULE: Rule = {
  apiGroups: [''],
  apiVersions: ['v1'],
  operations: ['CREATE'],
  resources: ['pods'],
  scope: '*',
}

const CASES: [string, Partial<Rule>, Partial<RequestedResource>, boolean][] = [
  ['what it names', {}, {}, true],
  ['another operation', {}, { operation: 'DELETE' }, false],
  ['any operation', { operations: ['*'] }, { operation: 'CONNECT' }, true],
  ['another group', {}, { group: 'apps' }, false],
  ['any group', { apiGroups: ['*'] }, { group: 'apps' }, true],
  ['another version', { apiVersions: ['v2'] }, {}, false],
  ['a subresource of a named resource', {}, { subresource: 'status' }, false],
  ['any subresource', { resources: ['pods/*'] }, { subresource: 'status' }, true],
  ['the resource itself among its subresources', { resources: ['pods/*'] }, {}, true],
  ['one subresource of all', { resources: ['*/scale'] }, { subresource: 'scale' }, true],
  ['all resources without subresources', { resources: ['*'] }, { subresource: 'scale' }, false],
  ['everything', { resources: ['*/*'] }, { subresource: 'scale' }, true],
  ['what is in a namespace', { scope: 'Namespaced' }, {}, true],
  ['what is in none', { scope: 'Namespaced' }, { isNamespaced: false }, false],
  ['what is in one', { scope: 'Cluster' }, {}, false],
  ['the cluster’s own', { scope: 'Cluster' }, { isNamespaced: false }, true],
]

for (const [name, rule, requested, expected] of CASES)
  test(`a rule is ${expected ? '' : 'not '}about ${name}`, () => {
    assert.is(ruleMatches({ ...RULE, ...rule }, { ...POD, ...requested }), expected)
  })

test.run()
