/**
 * Whether rights cover others, and how what is missing is told.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { PolicyRule } from '../../../src/api/rbac/policy-rule.ts'
import { parseRoles } from '../../../src/api/rbac/role-table.ts'
import { describeRules, uncovered } from '../../../src/api/rbac/rule-cover.ts'

const rules = (...lines: string[]): PolicyRule[] =>
  parseRoles(['x', ...lines.map((line) => `  ${line}`)].join('\n'))[0]!.rules
const missing = (owned: string[], wanted: string[]) =>
  describeRules(uncovered(rules(...owned), rules(...wanted)))

const CASES: [owned: string[], wanted: string[], missing: string][] = [
  [['* * *'], ['get,list core pods', 'get apps deployments/scale x'], ''],
  [['get core pods'], ['get core pods a,b'], ''],
  [['get core pods a'], ['get core pods'], '{APIGroups:[""], Resources:["pods"], Verbs:["get"]}'],
  [
    ['get core pods a'],
    ['get core pods a,b'],
    '{APIGroups:[""], Resources:["pods"], ResourceNames:["b"], Verbs:["get"]}',
  ],
  [['get core */scale'], ['get core deployments/scale'], ''],
  [
    ['get core pods'],
    ['get,list,watch core pods'],
    '{APIGroups:[""], Resources:["pods"], Verbs:["list" "watch"]}',
  ],
  [
    ['get core pods', 'get core secrets'],
    ['get core,apps pods,secrets'],
    '{APIGroups:["apps"], Resources:["pods"], Verbs:["get"]}\n{APIGroups:["apps"], Resources:["secrets"], Verbs:["get"]}',
  ],
  [['get /apis/*'], ['get /apis/v1,/apis/*'], ''],
  [
    ['get /apis'],
    ['get,post /apis,/x'],
    '{NonResourceURLs:["/apis"], Verbs:["post"]}\n{NonResourceURLs:["/x"], Verbs:["get"]}\n{NonResourceURLs:["/x"], Verbs:["post"]}',
  ],
  [['get core *'], ['get core pods/log', 'get core *'], ''],
  [['get * pods'], ['get * pods', 'get core pods'], ''],
  [['get core pods'], ['* core pods'], '{APIGroups:[""], Resources:["pods"], Verbs:["*"]}'],
]

for (const [owned, wanted, expected] of CASES)
  test(`${owned.join('; ')} of ${wanted.join('; ')}`, () =>
    assert.is(missing(owned, wanted), expected))

test.run()
