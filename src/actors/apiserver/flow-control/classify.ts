/**
 * Which flow schema a request belongs to.
 *
 * Pure: schemas are tried in the order of their precedence, then name; the first that has a rule for the
 * request wins. Rules match as in Kubernetes' `util/flowcontrol/rule.go`. It limits nothing.
 */
import type {
  FlowcontrolV1Subject,
  V1FlowSchemaSpec,
  V1NonResourcePolicyRule,
  V1ResourcePolicyRule,
} from '@kubernetes/client-node'
import type { Wire } from '../../../api/meta.ts'
import type { User } from '../request.ts'

/** What is looked at; `resource` is absent for a path outside the resources. */
export interface FlowAttributes {
  user: User
  verb: string
  group: string
  /** With its subresource, as in `nodes/status`. */
  resource: string | undefined
  /** `''` at cluster scope. */
  namespace: string
  path: string
}

export interface Schema {
  name: string
  uid: string
  spec: Wire<V1FlowSchemaSpec>
}

/** The first of `schemas`, which are in their order, that `request` belongs to. */
export const schemaFor = <T extends Schema>(
  schemas: readonly T[],
  request: FlowAttributes,
): T | undefined =>
  schemas.find(({ spec }) =>
    (spec.rules ?? []).some(
      ({ subjects, resourceRules = [], nonResourceRules = [] }) =>
        subjects.some((subject) => matchesSubject(subject, request.user)) &&
        (request.resource === undefined
          ? nonResourceRules.some((rule) => matchesPath(rule, request))
          : resourceRules.some((rule) => matchesResource(rule, request))),
    ),
  )

export const inOrder = (one: Schema, other: Schema): number =>
  one.spec.matchingPrecedence! - other.spec.matchingPrecedence! || (one.name < other.name ? -1 : 1)

/** Who shares a flow's fate within a schema. */
export const distinguisherOf = ({ spec }: Schema, { user, namespace }: FlowAttributes): string => {
  const method = spec.distinguisherMethod?.type
  return method === 'ByUser' ? user.name : method === 'ByNamespace' ? namespace : ''
}

const includes = (list: readonly string[] | undefined, value: string): boolean =>
  list !== undefined && (list.includes('*') || list.includes(value))

const ACCOUNT = 'system:serviceaccount:'

const matchesSubject = (subject: Wire<FlowcontrolV1Subject>, user: User): boolean => {
  if (subject.kind === 'User') {
    const name = subject.user?.name
    return name === '*' || name === user.name
  }
  if (subject.kind === 'Group') {
    const name = subject.group?.name
    return name === '*' || (name !== undefined && user.groups.includes(name))
  }
  const { namespace, name } = subject.serviceAccount ?? {}
  if (name === '*') return user.name.startsWith(`${ACCOUNT}${namespace}:`)
  return user.name === `${ACCOUNT}${namespace}:${name}`
}

const matchesResource = (
  rule: Wire<V1ResourcePolicyRule>,
  { verb, group, resource, namespace }: FlowAttributes,
): boolean =>
  includes(rule.verbs, verb) &&
  includes(rule.apiGroups, group) &&
  includes(rule.resources, resource!) &&
  (namespace === '' ? (rule.clusterScope ?? false) : includes(rule.namespaces, namespace))

const matchesPath = (
  { verbs, nonResourceURLs }: Wire<V1NonResourcePolicyRule>,
  { verb, path }: FlowAttributes,
): boolean =>
  includes(verbs, verb) &&
  nonResourceURLs.some(
    (url) =>
      url === '*' ||
      url === path ||
      (url.endsWith('*') && path.startsWith(url.replace(/\*+$/, ''))),
  )
