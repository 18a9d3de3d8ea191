/**
 * ResourceQuota: how much all objects of a namespace together may ask for.
 *
 * Users write `hard`, a controller the status. The scopes, which narrow what counts, never change. Wording
 * follows Kubernetes 1.36 (`ValidateResourceQuota`).
 */
import type { V1ResourceQuota, V1ResourceQuotaSpec } from '@kubernetes/client-node'
import { carryField } from '../carry-field.ts'
import { type Column, defineKind } from '../kind.ts'
import type { Wire, WireObject } from '../meta.ts'
import { type FieldError, invalidField, requiredField } from '../status-error.ts'
import { ageColumn, column, nameColumn } from './columns.ts'
import { FIELD_IMMUTABLE } from './field-rules.ts'
import { canonicalizeQuantities, isQuotaResource, type ResourceList } from './resource-list.ts'
import { checkAmount, checkResourceName } from './resource-validation.ts'

export type ResourceQuota = WireObject<V1ResourceQuota>

type Spec = Wire<V1ResourceQuotaSpec>

const COMPUTE = ['cpu', 'memory', 'limits.cpu', 'limits.memory', 'requests.cpu', 'requests.memory']
const POD_RESOURCES = new Set(['pods', ...COMPUTE])
const CLAIM_RESOURCES = new Set(['persistentvolumeclaims', 'requests.storage'])
/** Which resources each scope can narrow. */
const SCOPES: Readonly<Record<string, ReadonlySet<string>>> = {
  Terminating: POD_RESOURCES,
  NotTerminating: POD_RESOURCES,
  BestEffort: new Set(['pods']),
  NotBestEffort: POD_RESOURCES,
  PriorityClass: POD_RESOURCES,
  CrossNamespacePodAffinity: POD_RESOURCES,
  VolumeAttributesClass: CLAIM_RESOURCES,
}
/** Scopes that hold or do not; they have no values. */
const PLAIN_SCOPES = new Set([
  'BestEffort',
  'NotBestEffort',
  'Terminating',
  'NotTerminating',
  'CrossNamespacePodAffinity',
])
const OPPOSITES = [
  ['BestEffort', 'NotBestEffort'],
  ['Terminating', 'NotTerminating'],
] as const

const applyDefaults = (quota: ResourceQuota): void => {
  quota.spec ??= {}
  quota.status ??= {}
  if (quota.spec.hard) canonicalizeQuantities(quota.spec.hard)
  if (quota.status.hard) canonicalizeQuantities(quota.status.hard)
  if (quota.status.used) canonicalizeQuantities(quota.status.used)
}

const validate = (quota: ResourceQuota, old?: ResourceQuota): FieldError[] => {
  const errors: FieldError[] = []
  const spec = quota.spec ?? {}
  checkList(errors, 'spec.hard', spec.hard)
  checkScopes(errors, spec)
  checkSelector(errors, spec)
  if (!old) errors.push(...validateStatus(quota))
  return errors
}

const validateStatus = ({ status }: ResourceQuota): FieldError[] => {
  const errors: FieldError[] = []
  checkList(errors, 'status.hard', status?.hard)
  checkList(errors, 'status.used', status?.used)
  return errors
}

const checkList = (errors: FieldError[], path: string, list: ResourceList = {}): void => {
  for (const [name, amount] of Object.entries(list)) {
    const at = `${path}[${name}]`
    checkResourceName(errors, at, name)
    if (!name.includes('/') && !isQuotaResource(name)) {
      errors.push(invalidField(at, name, 'must be a standard resource for quota'))
    }
    checkAmount(errors, at, name, amount)
  }
}

const checkScopes = (errors: FieldError[], spec: Spec): void => {
  const scopes = spec.scopes ?? []
  if (scopes.length === 0) return
  const refuse = (why: string) => errors.push(invalidField('spec.scopes', scopes, why))
  for (const scope of scopes) {
    if (!Object.hasOwn(SCOPES, scope)) refuse('unsupported scope')
    for (const _ of unfitting(scope, spec)) refuse('unsupported scope applied to resource')
  }
  checkOpposites(scopes, refuse)
}

/** Resources of the quota that the scope cannot narrow. */
const unfitting = (scope: string, { hard = {} }: Spec): string[] => {
  const fitting = SCOPES[scope]
  if (!fitting) return []
  return Object.keys(hard).filter((name) => isQuotaResource(name) && !fitting.has(name))
}

const checkOpposites = (scopes: readonly string[], refuse: (why: string) => void): void => {
  for (const [one, other] of OPPOSITES) {
    if (scopes.includes(one) && scopes.includes(other)) refuse('conflicting scopes')
  }
}

const checkSelector = (errors: FieldError[], spec: Spec): void => {
  const requirements = spec.scopeSelector?.matchExpressions ?? []
  const path = 'spec.scopeSelector.matchExpressions'
  for (const { scopeName, operator, values = [] } of requirements) {
    if (!Object.hasOwn(SCOPES, scopeName)) {
      errors.push(invalidField(`${path}.scopeName`, scopeName, 'unsupported scope'))
    }
    for (const _ of unfitting(scopeName, spec)) {
      const why = 'unsupported scope applied to resource'
      errors.push(invalidField(path, spec.scopeSelector, why))
    }
    if (PLAIN_SCOPES.has(scopeName) && operator !== 'Exists') {
      const why =
        "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity"
      errors.push(invalidField(`${path}.operator`, operator, why))
    }
    if (operator === 'In' || operator === 'NotIn') {
      if (values.length > 0) continue
      const why = "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector"
      errors.push(requiredField(`${path}.values`, why))
    } else if (operator === 'Exists' || operator === 'DoesNotExist') {
      if (values.length === 0) continue
      const why = "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector"
      errors.push(invalidField(`${path}.values`, values, why))
    } else {
      errors.push(invalidField(`${path}.operator`, operator, 'not a valid selector operator'))
    }
  }
  checkOpposites(
    requirements.map(({ scopeName }) => scopeName),
    (why) => errors.push(invalidField('spec.scopeSelector.scopes', spec.scopes ?? null, why)),
  )
}

const validateUpdate = ({ spec }: ResourceQuota, old: ResourceQuota): FieldError[] => {
  const scopes = new Set(spec?.scopes)
  const before = new Set(old.spec?.scopes)
  const isSame = scopes.size === before.size && [...scopes].every((scope) => before.has(scope))
  return isSame ? [] : [invalidField('spec.scopes', spec?.scopes ?? null, FIELD_IMMUTABLE)]
}

/** `pods: 3/10, requests.cpu: 1/4`: those whose name starts with `limits.`, or the others. */
const usageCell =
  (ofLimits: boolean) =>
  ({ status }: ResourceQuota): string =>
    Object.keys(status?.hard ?? {})
      .filter((name) => name.startsWith('limits.') === ofLimits)
      .sort()
      .map((name) => `${name}: ${status?.used?.[name] ?? '0'}/${status!.hard![name]}`)
      .join(', ')

const columns: readonly Column<ResourceQuota>[] = [
  nameColumn,
  column('Request', 'What is used and allowed.', usageCell(false)),
  column('Limit', 'What limits add up to, and may.', usageCell(true)),
  ageColumn,
]

export const ResourceQuota = defineKind<ResourceQuota>({
  group: '',
  version: 'v1',
  kind: 'ResourceQuota',
  plural: 'resourcequotas',
  singular: 'resourcequota',
  shortNames: ['quota'],
  namespaced: true,
  model: 'V1ResourceQuota',
  statusSubresource: true,
  applyDefaults,
  prepareForCreate: (quota) => {
    quota.status = {}
  },
  prepareForUpdate: (quota, old) => {
    carryField(quota, old, 'status')
  },
  prepareForStatusUpdate: (quota, old) => {
    carryField(quota, old, 'spec')
  },
  validate,
  validateUpdate,
  validateStatusUpdate: validateStatus,
  columns,
})
