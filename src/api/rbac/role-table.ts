/**
 * Roles written as tables: how the roles that every cluster has are kept in little room.
 *
 * A line at the margin names a role: `name > label < selector` also carries the label
 * `aggregate-to-<label>` and gathers the roles with `aggregate-to-<selector>`. An indented line is a rule of it:
 * `<verbs> <groups> <resources> [<names>]`, or `<verbs> <paths>`. `core` is the group without a name; `read`,
 * `write` and `all` are the verbs one thinks of. A binding is a line `<name> <role> <subjects…>`. Pure.
 */
import { assert } from '../../std/assert.ts'
import { type PolicyRule, RBAC_GROUP } from './policy-rule.ts'
import type { Subject } from './role-subject.ts'

export interface RoleDraft {
  name: string
  rules: PolicyRule[]
  labels: Record<string, string>
  aggregationRule?: { clusterRoleSelectors: { matchLabels: Record<string, string> }[] }
}

export interface BindingDraft {
  name: string
  role: string
  subjects: Subject[]
}

export const parseRoles = (table: string): RoleDraft[] => {
  const roles: RoleDraft[] = []
  for (const line of linesOf(table))
    if (line.startsWith(' ')) {
      const last = roles[roles.length - 1]
      assert(last, 'a rule without a role')
      last.rules.push(parseRule(line.trim()))
    } else roles.push(parseHead(line))
  return roles
}

export const parseBindings = (table: string): BindingDraft[] =>
  linesOf(table).map((line) => {
    const [name = '', role = '', ...subjects] = line.split(' ')
    return { name, role, subjects: subjects.map(parseSubject) }
  })

const linesOf = (table: string): string[] => table.split('\n').filter((line) => line !== '')

const aggregateTo = (name: string) => ({ [`${RBAC_GROUP}/aggregate-to-${name}`]: 'true' })

const parseHead = (line: string): RoleDraft => {
  const [name = '', ...more] = line.split(' ')
  const draft: RoleDraft = { name, rules: [], labels: {} }
  for (let index = 0; index < more.length; index += 2) {
    const matchLabels = aggregateTo(more[index + 1] ?? '')
    if (more[index] === '>') draft.labels = matchLabels
    else draft.aggregationRule = { clusterRoleSelectors: [{ matchLabels }] }
  }
  return draft
}

const READ = ['get', 'list', 'watch']
const WRITE = ['create', 'delete', 'deletecollection', 'patch', 'update']
const VERBS: Readonly<Record<string, readonly string[]>> = {
  read: READ,
  write: WRITE,
  all: [...READ, ...WRITE].sort(),
}

const parseRule = (line: string): PolicyRule => {
  const [verbs = '', second = '', resources, names] = line.split(' ')
  const rule = { verbs: [...(VERBS[verbs] ?? verbs.split(','))] }
  if (resources === undefined) return { nonResourceURLs: second.split(','), ...rule }
  return {
    apiGroups: second.split(',').map((group) => (group === 'core' ? '' : group)),
    ...(names ? { resourceNames: names.split(',') } : {}),
    resources: resources.split(','),
    ...rule,
  }
}

const parseSubject = (text: string): Subject => {
  const colon = text.indexOf(':')
  const name = text.slice(colon + 1)
  switch (text.slice(0, colon)) {
    case 'user':
      return { apiGroup: RBAC_GROUP, kind: 'User', name }
    case 'group':
      return { apiGroup: RBAC_GROUP, kind: 'Group', name }
    default: {
      const [namespace = '', account = ''] = name.split('/')
      return { kind: 'ServiceAccount', name: account, namespace }
    }
  }
}
