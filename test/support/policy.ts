/**
 * Roles and bindings in short: for caches of tests.
 */

import type { KubernetesObject } from '../../src/api/meta.ts'
import { parseRoles } from '../../src/api/rbac/role-table.ts'

const GROUP = 'rbac.authorization.k8s.io'
const apiVersion = `${GROUP}/v1`

/** Rules as in `role-table.ts`, one a line. */
const rulesOf = (lines: readonly string[]) =>
  parseRoles(['x', ...lines.map((line) => `  ${line}`)].join('\n'))[0]!.rules

const object = (kind: string, name: string, namespace: string | undefined, rest: object) =>
  ({
    apiVersion,
    kind,
    metadata: {
      name,
      ...(namespace ? { namespace } : {}),
      uid: `${kind}/${namespace}/${name}`,
      creationTimestamp: '2026-01-01T00:00:00Z',
    },
    ...rest,
  }) as KubernetesObject

export const clusterRole = (name: string, ...rules: string[]): KubernetesObject =>
  object('ClusterRole', name, undefined, { rules: rulesOf(rules) })

export const role = (namespace: string, name: string, ...rules: string[]): KubernetesObject =>
  object('Role', name, namespace, { rules: rulesOf(rules) })

/** `User:jane`, `Group:staff`, `ServiceAccount:robot`, `ServiceAccount:ns/robot`. */
const subjectOf = (text: string) => {
  const [kind = '', name = ''] = text.split(/:(.*)/s)
  if (kind !== 'ServiceAccount') return { apiGroup: GROUP, kind, name }
  const [first = '', second] = name.split('/')
  return second ? { kind, name: second, namespace: first } : { kind, name: first }
}

export const clusterRoleBinding = (
  name: string,
  roleName: string,
  ...subjects: string[]
): KubernetesObject =>
  object('ClusterRoleBinding', name, undefined, {
    roleRef: { apiGroup: GROUP, kind: 'ClusterRole', name: roleName },
    subjects: subjects.map(subjectOf),
  })

/** `roleName` is `Role/x` or `ClusterRole/x`. */
export const roleBinding = (
  namespace: string,
  name: string,
  roleName: string,
  ...subjects: string[]
): KubernetesObject => {
  const [kind, own] = roleName.split('/')
  return object('RoleBinding', name, namespace, {
    roleRef: { apiGroup: GROUP, kind, name: own },
    subjects: subjects.map(subjectOf),
  })
}
