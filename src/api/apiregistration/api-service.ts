/**
 * APIService: who serves one version of one group: this API itself, or another server behind a Service.
 *
 * Its name is version and group. Rules and wording follow Kubernetes 1.36
 * (`kube-aggregator/pkg/apis/apiregistration/validation`). Whether a server is there is found out elsewhere.
 */
import type { V1APIService } from '@kubernetes/client-node'
import { timestamp } from '../../std/clock.ts'
import { carryField } from '../carry-field.ts'
import { ageColumn, column, nameColumn } from '../core/columns.ts'
import { isOneOf } from '../core/field-rules.ts'
import { defineKind } from '../kind.ts'
import type { WireObject } from '../meta.ts'
import {
  dns1035LabelErrors,
  dns1123SubdomainErrors,
  pathSegmentErrors,
  portNumberErrors,
} from '../names.ts'
import { type FieldError, invalidField, requiredField } from '../status-error.ts'

export type APIService = WireObject<V1APIService>

type Spec = NonNullable<APIService['spec']>

const HTTPS_PORT = 443
const GROUP_PRIORITY_MAX = 20_000
const VERSION_PRIORITY_MAX = 1000
const STATUSES = ['True', 'False', 'Unknown']
const NO_SPEC: Spec = { groupPriorityMinimum: 0, versionPriority: 0 }

const validate = ({ metadata, spec = NO_SPEC }: APIService): FieldError[] => {
  const errors: FieldError[] = []
  const { group = '', version = '' } = spec
  const name = `${version}.${group}`
  if (metadata.name !== name && pathSegmentErrors(metadata.name ?? '').length === 0) {
    const why = `must be \`spec.version+"."+spec.group\`: ${JSON.stringify(name)}`
    errors.push(invalidField('metadata.name', metadata.name, why))
  }
  if (!group && version !== 'v1') {
    const why = 'only v1 may have an empty group and it better be legacy kube'
    errors.push(requiredField('spec.group', why))
  }
  for (const fault of group ? dns1123SubdomainErrors(group) : [])
    errors.push(invalidField('spec.group', group, fault))
  for (const fault of dns1035LabelErrors(version))
    errors.push(invalidField('spec.version', version, fault))
  checkPriority(errors, 'groupPriorityMinimum', spec, GROUP_PRIORITY_MAX)
  checkPriority(errors, 'versionPriority', spec, VERSION_PRIORITY_MAX)
  checkServer(errors, spec)
  return errors
}

const checkPriority = (
  errors: FieldError[],
  field: 'groupPriorityMinimum' | 'versionPriority',
  spec: Spec,
  max: number,
): void => {
  const value = spec[field] ?? 0
  if (value > 0 && value <= max) return
  errors.push(invalidField(`spec.${field}`, value, `must be positive and less than ${max}`))
}

const checkServer = (errors: FieldError[], spec: Spec): void => {
  const { service, caBundle, insecureSkipTLSVerify } = spec
  const skips = 'spec.insecureSkipTLSVerify'
  if (!service) {
    if (caBundle) {
      const bytes = `${Buffer.from(caBundle, 'base64').length} bytes`
      errors.push(invalidField('spec.caBundle', bytes, 'local APIServices may not have a caBundle'))
    }
    if (insecureSkipTLSVerify) {
      const why = 'local APIServices may not have insecureSkipTLSVerify'
      errors.push(invalidField(skips, true, why))
    }
    return
  }
  if (!service.namespace) errors.push(requiredField('spec.service.namespace'))
  if (!service.name) errors.push(requiredField('spec.service.name'))
  const port = service.port ?? HTTPS_PORT
  const faults = portNumberErrors(port)
  if (faults.length > 0) {
    const why = `port is not valid: ${faults.join('; ')}`
    errors.push(invalidField('spec.service.port', port, why))
  }
  if (insecureSkipTLSVerify && caBundle)
    errors.push(invalidField(skips, true, 'may not be true if caBundle is present'))
}

/** What this API serves itself is available as soon as it is said. */
const localCondition = (now: number) => ({
  type: 'Available',
  status: 'True',
  lastTransitionTime: timestamp(now),
  reason: 'Local',
  message: 'Local APIServices are always available',
})

const availableCell = ({ status }: APIService): string => {
  const condition = status?.conditions?.find(({ type }) => type === 'Available')
  if (!condition) return 'Unknown'
  const { status: word, reason } = condition
  return word !== 'True' && reason ? `${word} (${reason})` : word
}

export const APIService = defineKind<APIService>({
  group: 'apiregistration.k8s.io',
  version: 'v1',
  kind: 'APIService',
  plural: 'apiservices',
  singular: 'apiservice',
  categories: ['api-extensions'],
  namespaced: false,
  model: 'V1APIService',
  nameRule: 'pathSegment',
  statusSubresource: true,
  applyDefaults: ({ spec }) => {
    if (spec?.service) spec.service.port ??= HTTPS_PORT
  },
  prepareForCreate: (apiService, { now }) => {
    apiService.status = apiService.spec?.service ? {} : { conditions: [localCondition(now)] }
  },
  prepareForUpdate: (apiService, old) => carryField(apiService, old, 'status'),
  prepareForStatusUpdate: (apiService, old) => carryField(apiService, old, 'spec'),
  validate,
  validateStatusUpdate: ({ status }) => {
    const errors: FieldError[] = []
    for (const [index, condition] of (status?.conditions ?? []).entries())
      isOneOf(errors, `status.conditions[${index}].status`, condition.status ?? '', STATUSES)
    return errors
  },
  columns: [
    nameColumn,
    column('Service', 'Who serves it.', ({ spec }) =>
      spec?.service ? `${spec.service.namespace}/${spec.service.name}` : 'Local',
    ),
    column('Available', 'Whether it is served.', availableCell),
    ageColumn,
  ],
})
