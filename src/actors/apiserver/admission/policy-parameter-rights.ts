/**
 * Whoever puts a policy in force must be able to read its parameters: expressions could tell what is in them.
 *
 * After Kubernetes 1.36's strategies of policies and bindings (`registry/admissionregistration/<kind>/authz.go`).
 * `system:masters` are not asked, nor is a write that leaves the reference as it was.
 */
import { MutatingAdmissionPolicy } from '../../../api/admissionregistration/mutating-admission-policy.ts'
import { MutatingAdmissionPolicyBinding } from '../../../api/admissionregistration/mutating-admission-policy-binding.ts'
import type {
  BindingSpec,
  PolicySpec,
} from '../../../api/admissionregistration/policy-validation.ts'
import { ValidatingAdmissionPolicy } from '../../../api/admissionregistration/validating-admission-policy.ts'
import { ValidatingAdmissionPolicyBinding } from '../../../api/admissionregistration/validating-admission-policy-binding.ts'
import { deepEqual } from '../../../api/equality.ts'
import type { AnyKind } from '../../../api/kind.ts'
import type { KubernetesObject } from '../../../api/meta.ts'
import { forbiddenField, invalid } from '../../../api/status-error.ts'
import { MASTERS } from '../authorization/authorizer.ts'
import type { User } from '../request.ts'
import type { AdmissionAttributes, AdmissionPlugin } from './plugin.ts'

type Policy = KubernetesObject & { spec?: PolicySpec }
type Binding = KubernetesObject & { spec?: BindingSpec }

const POLICY_KINDS: ReadonlySet<AnyKind> = new Set<AnyKind>([
  ValidatingAdmissionPolicy,
  MutatingAdmissionPolicy,
])
const BINDING_KINDS: ReadonlyMap<AnyKind, AnyKind> = new Map<AnyKind, AnyKind>([
  [ValidatingAdmissionPolicyBinding, ValidatingAdmissionPolicy],
  [MutatingAdmissionPolicyBinding, MutatingAdmissionPolicy],
])

export const policyParameterRights: AdmissionPlugin = {
  name: 'PolicyParameterRights',
  handles: (kind, operation, subresource) =>
    (POLICY_KINDS.has(kind) || BINDING_KINDS.has(kind)) &&
    (operation === 'CREATE' || operation === 'UPDATE') &&
    subresource === undefined,
  validate: (attributes) => {
    const { user, kind } = attributes
    if (user.groups.includes(MASTERS)) return undefined
    return POLICY_KINDS.has(kind) ? checkPolicy(attributes) : checkBinding(attributes)
  },
}

const checkPolicy = async (attributes: AdmissionAttributes): Promise<undefined> => {
  const { services, user, object, old } = attributes
  const paramKind = (object as Policy).spec?.paramKind
  if (!paramKind || deepEqual(paramKind, (old as Policy | undefined)?.spec?.paramKind)) return
  const { apiVersion = '', kind = '' } = paramKind
  const where = resourceOf(attributes, paramKind)
  const asked = { user, verb: 'get', ...where, namespace: '*', name: '*' }
  if ((await services.authorizer.decide(asked)).allowed) return
  throw refused(
    attributes,
    'spec.paramKind',
    `user ${goUser(user)} must have "get" permission on all objects of the referenced paramKind (kind=${kind}, apiVersion=${apiVersion})`,
  )
}

const checkBinding = async (attributes: AdmissionAttributes): Promise<undefined> => {
  const { services, user, kind, object, old } = attributes
  const { paramRef, policyName = '' } = (object as Binding).spec ?? {}
  const before = (old as Binding | undefined)?.spec
  if (!paramRef) return
  if (policyName === before?.policyName && deepEqual(paramRef, before.paramRef)) return
  const policyKind = BINDING_KINDS.get(kind)!
  const policy = services.storage.cache.get(policyKind, undefined, policyName) as Policy | undefined
  const { namespace, name } = paramRef
  const verb = name ? 'get' : 'list'
  const asked = {
    user,
    verb,
    ...resourceOf(attributes, policy?.spec?.paramKind),
    ...(namespace ? { namespace } : {}),
    ...(name ? { name } : {}),
  }
  if ((await services.authorizer.decide(asked)).allowed) return
  const shown = goUser(user)
  const why = policy
    ? `user ${shown} does not have "${verb}" permission on the object referenced by paramRef`
    : `unable to get policy ${policyName} to determine minimum required permissions and user ${shown} does not have "${verb}" permission for all groups, versions and resources`
  throw refused(attributes, 'spec.paramRef', why)
}

/** As narrow as is known of the parameters. */
const resourceOf = (
  { services }: AdmissionAttributes,
  paramKind: PolicySpec['paramKind'],
): { group: string; version: string; resource: string } => {
  if (!paramKind) return { group: '*', version: '*', resource: '*' }
  const { apiVersion = '', kind = '' } = paramKind
  const [version = '', group = ''] = apiVersion.split('/').reverse()
  const found = services.storage.cache.kinds.byName(apiVersion, kind)
  return { group, version, resource: found?.plural ?? '*' }
}

const refused = ({ kind, object }: AdmissionAttributes, field: string, why: string) =>
  invalid(kind, object?.metadata.name ?? '', [forbiddenField(field, why)])

/** As Go prints a user. */
const goUser = ({ name, uid = '', groups, extra = {} }: User): string => {
  const extras = Object.keys(extra)
    .sort()
    .map((key) => `${key}:[${(extra[key] ?? []).join(' ')}]`)
  return `&{${name} ${uid} [${groups.join(' ')}] map[${extras.join(' ')}]}`
}
