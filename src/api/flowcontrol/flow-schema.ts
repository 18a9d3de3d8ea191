/**
 * FlowSchema: which requests belong together and to which priority level they go.
 *
 * The schema with the lowest matching precedence wins. Wording follows Kubernetes 1.36
 * (`pkg/apis/flowcontrol/validation`). What the apiserver does with it is not here.
 */

import type { V1FlowSchema } from '@kubernetes/client-node'
import { ageColumn, column, nameColumn } from '../core/columns.ts'
import { checkDnsSubdomain } from '../core/field-rules.ts'
import { deepEqual } from '../equality.ts'
import { defineKind } from '../kind.ts'
import type { WireObject } from '../meta.ts'
import { type FieldError, invalidField, requiredField, unsupportedField } from '../status-error.ts'
import { mandatorySchemas } from './bootstrap-objects.ts'
import { checkConditionTypes } from './conditions.ts'
import { checkFlowRules } from './flow-rules.ts'
import { statusParts } from './status-parts.ts'

export type FlowSchema = WireObject<V1FlowSchema>

type Spec = NonNullable<FlowSchema['spec']>

const DEFAULT_PRECEDENCE = 1000
const MAX_PRECEDENCE = 10_000
const EXEMPT = 'exempt'
const DISTINGUISHERS = ['ByNamespace', 'ByUser']

const validate = ({ metadata: { name }, spec, status }: FlowSchema): FieldError[] => {
  const errors: FieldError[] = []
  checkSpec(errors, name, spec ?? ({} as Spec))
  const fixed = Object.hasOwn(mandatorySchemas, name) ? mandatorySchemas[name] : undefined
  if (fixed && !deepEqual(spec, fixed)) {
    errors.push(invalidField('spec', spec, `spec of '${name}' must equal the fixed value`))
  }
  checkConditionTypes(errors, status?.conditions)
  return errors
}

const checkSpec = (errors: FieldError[], name: string, spec: Spec): void => {
  const precedence = spec.matchingPrecedence ?? 0
  const refuse = (why: string) =>
    errors.push(invalidField('spec.matchingPrecedence', precedence, why))
  if (precedence <= 0) refuse('must be a positive value')
  if (precedence > MAX_PRECEDENCE) refuse(`must not be greater than ${MAX_PRECEDENCE}`)
  if (precedence === 1 && name !== EXEMPT) {
    refuse("only the schema named 'exempt' may have matchingPrecedence 1")
  }
  const method = spec.distinguisherMethod
  if (method && !DISTINGUISHERS.includes(method.type)) {
    const path = 'spec.distinguisherMethod.type'
    errors.push(unsupportedField(path, { Type: method.type ?? '' }, DISTINGUISHERS))
  }
  const level = spec.priorityLevelConfiguration?.name
  const path = 'spec.priorityLevelConfiguration.name'
  if (level) checkDnsSubdomain(errors, path, level)
  else errors.push(requiredField(path, 'must reference a priority level'))
  for (const [index, rule] of (spec.rules ?? []).entries()) {
    checkFlowRules(errors, `spec.rules[${index}]`, rule)
  }
}

export const FlowSchema = defineKind<FlowSchema>({
  group: 'flowcontrol.apiserver.k8s.io',
  version: 'v1',
  kind: 'FlowSchema',
  plural: 'flowschemas',
  singular: 'flowschema',
  namespaced: false,
  model: 'V1FlowSchema',
  statusSubresource: true,
  tracksGeneration: true,
  applyDefaults: (schema) => {
    schema.spec ??= { priorityLevelConfiguration: { name: '' } }
    schema.spec.matchingPrecedence ||= DEFAULT_PRECEDENCE
    schema.status ??= {}
  },
  ...statusParts,
  validate,
  columns: [
    nameColumn,
    column('PriorityLevel', 'Where its requests go.', ({ spec }) => {
      return spec?.priorityLevelConfiguration.name ?? ''
    }),
    column('MatchingPrecedence', 'The lowest one that matches counts.', ({ spec }) => {
      return spec?.matchingPrecedence ?? 0
    }),
    column('DistinguisherMethod', 'What makes two requests of one flow.', ({ spec }) => {
      return spec?.distinguisherMethod?.type ?? '<none>'
    }),
    ageColumn,
    column('MissingPL', 'Whether its priority level is missing.', ({ status }) => {
      return status?.conditions?.find(({ type }) => type === 'Dangling')?.status ?? '?'
    }),
  ],
})
