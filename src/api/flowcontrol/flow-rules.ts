/**
 * Validation of a flow schema's rules: whose requests, which verbs, which resources or paths.
 *
 * A `*` stands alone in its list. Wording follows Kubernetes 1.36.
 */
import type {
  FlowcontrolV1Subject,
  V1NonResourcePolicyRule,
  V1PolicyRulesWithSubjects,
  V1ResourcePolicyRule,
} from '@kubernetes/client-node'
import { checkDnsSubdomain } from '../core/field-rules.ts'
import type { Wire } from '../meta.ts'
import { dns1123LabelErrors } from '../names.ts'
import {
  type FieldError,
  forbiddenField,
  invalidField,
  requiredField,
  unsupportedField,
} from '../status-error.ts'

type Subject = Wire<FlowcontrolV1Subject>

const VERBS = [
  'create',
  'delete',
  'deletecollection',
  'get',
  'list',
  'patch',
  'proxy',
  'update',
  'watch',
]
const SUBJECT_KINDS = ['Group', 'ServiceAccount', 'User']
const SUBJECT_FIELDS = { ServiceAccount: 'serviceAccount', User: 'user', Group: 'group' } as const

export const checkFlowRules = (
  errors: FieldError[],
  path: string,
  rule: Wire<V1PolicyRulesWithSubjects>,
): void => {
  const { subjects = [], resourceRules = [], nonResourceRules = [] } = rule
  if (subjects.length === 0) {
    errors.push(requiredField(`${path}.subjects`, 'subjects must contain at least one value'))
  }
  for (const [index, subject] of subjects.entries()) {
    checkSubject(errors, `${path}.subjects[${index}]`, subject)
  }
  if (resourceRules.length === 0 && nonResourceRules.length === 0) {
    const why = 'at least one of resourceRules and nonResourceRules has to be non-empty'
    errors.push(requiredField(path, why))
  }
  for (const [index, resourceRule] of resourceRules.entries()) {
    checkResourceRule(errors, `${path}.resourceRules[${index}]`, resourceRule)
  }
  for (const [index, nonResourceRule] of nonResourceRules.entries()) {
    checkNonResourceRule(errors, `${path}.nonResourceRules[${index}]`, nonResourceRule)
  }
}

const checkSubject = (errors: FieldError[], path: string, subject: Subject): void => {
  if (!Object.hasOwn(SUBJECT_FIELDS, subject.kind)) {
    errors.push(unsupportedField(`${path}.kind`, subject.kind ?? '', SUBJECT_KINDS))
    return
  }
  const kind = subject.kind as keyof typeof SUBJECT_FIELDS
  const field = SUBJECT_FIELDS[kind]
  const given = subject[field]
  const at = `${path}.${field}`
  if (!given) errors.push(requiredField(at, `${field} is required when subject kind is '${kind}'`))
  else if (kind === 'ServiceAccount') checkAccount(errors, at, subject.serviceAccount!)
  else if (!given.name) errors.push(requiredField(`${at}.name`))
  const others =
    kind === 'ServiceAccount'
      ? ['User', 'Group']
      : ['ServiceAccount', kind === 'User' ? 'Group' : 'User']
  for (const other of others as (keyof typeof SUBJECT_FIELDS)[]) {
    const name = SUBJECT_FIELDS[other]
    if (!subject[name]) continue
    const why = `${name} is forbidden when subject kind is not '${other}'`
    errors.push(forbiddenField(`${path}.${name}`, why))
  }
}

const checkAccount = (
  errors: FieldError[],
  path: string,
  { name, namespace }: NonNullable<Subject['serviceAccount']>,
): void => {
  if (!name) errors.push(requiredField(`${path}.name`))
  else if (name !== '*') checkDnsSubdomain(errors, `${path}.name`, name)
  if (!namespace) {
    errors.push(requiredField(`${path}.namespace`, 'must specify namespace for service account'))
    return
  }
  for (const fault of dns1123LabelErrors(namespace)) {
    errors.push(invalidField(`${path}.namespace`, namespace, fault))
  }
}

const checkVerbs = (errors: FieldError[], path: string, verbs: string[] = []): void => {
  const at = `${path}.verbs`
  if (verbs.length === 0) {
    errors.push(requiredField(at, 'verbs must contain at least one value'))
  } else if (verbs.includes('*')) checkAlone(errors, at, verbs, 'verbs')
  else if (verbs.some((verb) => !VERBS.includes(verb))) {
    errors.push(unsupportedField(at, verbs, VERBS))
  }
}

const checkAlone = (errors: FieldError[], path: string, items: string[], what: string): void => {
  if (items.length < 2 || !items.includes('*')) return
  const why = `if '*' is present, must not specify other ${what}`
  errors.push(invalidField(path, items, why))
}

const checkResourceRule = (
  errors: FieldError[],
  path: string,
  rule: Wire<V1ResourcePolicyRule>,
): void => {
  const { apiGroups = [], resources = [], namespaces = [], clusterScope } = rule
  checkVerbs(errors, path, rule.verbs)
  const need = (field: string, items: string[], one: string, what: string) => {
    const at = `${path}.${field}`
    if (items.length > 0) checkAlone(errors, at, items, what)
    else errors.push(requiredField(at, `resource rules must supply at least one ${one}`))
  }
  need('apiGroups', apiGroups, 'api group', 'api groups')
  need('resources', resources, 'resource', 'resources')
  const at = `${path}.namespaces`
  if (namespaces.length === 0 && !clusterScope) {
    const why = 'resource rules that are not cluster scoped must supply at least one namespace'
    errors.push(requiredField(at, why))
  } else if (namespaces.includes('*')) checkAlone(errors, at, namespaces, 'namespaces')
  else {
    for (const [index, namespace] of namespaces.entries()) {
      for (const fault of dns1123LabelErrors(namespace)) {
        const why = `each member of this list must be '*' or a DNS-1123 label; ${fault}`
        errors.push(invalidField(`${at}[${index}]`, namespace, why))
      }
    }
  }
}

const checkNonResourceRule = (
  errors: FieldError[],
  path: string,
  { verbs, nonResourceURLs = [] }: Wire<V1NonResourcePolicyRule>,
): void => {
  checkVerbs(errors, path, verbs)
  const at = `${path}.nonResourceURLs`
  if (nonResourceURLs.length === 0) {
    errors.push(requiredField(at, 'nonResourceURLs must contain at least one value'))
  } else if (nonResourceURLs.includes('*')) {
    checkAlone(errors, at, nonResourceURLs, 'non-resource URLs')
  } else {
    for (const [index, url] of nonResourceURLs.entries()) {
      const fault = urlFault(url)
      if (fault) errors.push(invalidField(`${at}[${index}]`, url, fault))
    }
  }
}

const urlFault = (url: string): string | undefined => {
  if (url === '') return 'must not be empty'
  if (url === '/') return undefined
  if (!url.startsWith('/')) return 'must start with slash'
  if (url.includes(' ')) return 'must not contain white-space'
  if (url.includes('//')) return 'must not contain double slash'
  const stars = url.split('*').length - 1
  const suffix = stars === 0 || (stars === 1 && url.endsWith('/*'))
  return suffix ? undefined : 'wildcard can only do suffix matching'
}
