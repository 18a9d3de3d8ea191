/**
 * IngressClass: which controller takes care of the Ingresses that name the class, with which parameters.
 *
 * The controller never changes. An annotation makes one class the default.
 */
import type { V1IngressClass, V1IngressClassParametersReference } from '@kubernetes/client-node'
import { ageColumn, column } from '../core/columns.ts'
import {
  checkDnsLabel,
  checkDnsSubdomain,
  checkPathSegment,
  checkUnchanged,
  isOneOf,
} from '../core/field-rules.ts'
import { defineKind } from '../kind.ts'
import type { ObjectMeta, Wire, WireObject } from '../meta.ts'
import { domainPrefixedPathErrors } from '../names.ts'
import {
  type FieldError,
  forbiddenField,
  invalidField,
  requiredField,
  tooLongField,
} from '../status-error.ts'

export type IngressClass = WireObject<V1IngressClass>

const CONTROLLER_MAX = 250
const SCOPES = ['Cluster', 'Namespace']
const DEFAULT_MARK = 'ingressclass.kubernetes.io/is-default-class'

/** Whether ingresses that name no class get this one. */
export const isDefaultIngressClass = ({ annotations }: Pick<ObjectMeta, 'annotations'>): boolean =>
  annotations?.[DEFAULT_MARK] === 'true'

const validate = ({ spec }: IngressClass): FieldError[] => {
  const errors: FieldError[] = []
  const controller = spec?.controller ?? ''
  const path = 'spec.controller'
  if (controller.length > CONTROLLER_MAX) errors.push(tooLongField(path, CONTROLLER_MAX))
  if (!controller) errors.push(requiredField(path))
  for (const { value, fault } of domainPrefixedPathErrors(controller)) {
    errors.push(invalidField(path, value, fault))
  }
  if (spec?.parameters) checkParameters(errors, 'spec.parameters', spec.parameters)
  return errors
}

const checkParameters = (
  errors: FieldError[],
  path: string,
  { apiGroup, kind, name, namespace, scope }: Wire<V1IngressClassParametersReference>,
): void => {
  if (apiGroup != null) checkDnsSubdomain(errors, `${path}.apiGroup`, apiGroup)
  for (const [field, value] of Object.entries({ kind, name })) {
    if (!value) errors.push(requiredField(`${path}.${field}`))
    else checkPathSegment(errors, `${path}.${field}`, value)
  }
  const at = `${path}.namespace`
  if (scope == null) errors.push(requiredField(`${path}.scope`))
  else if (!SCOPES.includes(scope)) isOneOf(errors, `${path}.scope`, scope, SCOPES)
  else if (scope === 'Namespace') {
    if (namespace == null) {
      errors.push(requiredField(at, "`parameters.scope` is set to 'Namespace'"))
    } else checkDnsLabel(errors, at, namespace)
  } else if (namespace != null) {
    errors.push(forbiddenField(at, "`parameters.scope` is set to 'Cluster'"))
  }
}

const parametersCell = ({ spec }: IngressClass): string => {
  const parameters = spec?.parameters
  if (!parameters) return '<none>'
  const { kind, apiGroup, name } = parameters
  return `${kind}${apiGroup == null ? '' : `.${apiGroup}`}/${name}`
}

export const IngressClass = defineKind<IngressClass>({
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'IngressClass',
  plural: 'ingressclasses',
  singular: 'ingressclass',
  namespaced: false,
  model: 'V1IngressClass',
  tracksGeneration: true,
  applyDefaults: (ingressClass) => {
    ingressClass.spec ??= {}
    if (ingressClass.spec.parameters) ingressClass.spec.parameters.scope ??= 'Cluster'
  },
  validate,
  validateUpdate: ({ spec }, old) => {
    const errors: FieldError[] = []
    checkUnchanged(errors, 'spec.controller', spec?.controller ?? '', old.spec?.controller ?? '')
    return errors
  },
  columns: [
    {
      name: 'Name',
      type: 'string',
      format: 'name',
      description: 'Name of the class, and whether it is the default one.',
      priority: 0,
      value: ({ metadata }) =>
        isDefaultIngressClass(metadata) ? `${metadata.name} (default)` : metadata.name,
    },
    column('Controller', 'Who takes care of the class.', ({ spec }) => spec?.controller ?? ''),
    column('Parameters', 'Object with further settings.', parametersCell),
    ageColumn,
  ],
})
