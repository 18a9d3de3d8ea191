/**
 * ResourceClaimTemplate: what the claims are like that are made for pods which name it. It never changes.
 */
import type { V1ResourceClaimTemplate } from '@kubernetes/client-node'
import { ageColumn, nameColumn } from '../core/columns.ts'
import { FIELD_IMMUTABLE } from '../core/field-rules.ts'
import { deepEqual } from '../equality.ts'
import { defineKind } from '../kind.ts'
import type { WireObject } from '../meta.ts'
import { validateAnnotations, validateLabels } from '../object-meta.ts'
import { type FieldError, invalidField } from '../status-error.ts'
import { applyClaimSpecDefaults, checkClaimSpec } from './claim-spec.ts'
import { loadDeviceCompiler } from './device-expressions.ts'
import { RESOURCE_GROUP } from './device-rules.ts'

export type ResourceClaimTemplate = WireObject<V1ResourceClaimTemplate>

const validate = ({ spec }: ResourceClaimTemplate, old?: ResourceClaimTemplate): FieldError[] => {
  const errors: FieldError[] = []
  if (!old) {
    const { labels, annotations } = spec?.metadata ?? {}
    errors.push(...validateAnnotations(annotations, 'spec.metadata.annotations'))
    errors.push(...validateLabels(labels, 'spec.metadata.labels'))
    checkClaimSpec(errors, 'spec.spec', spec?.spec ?? {})
  } else if (!deepEqual(spec, old.spec)) errors.push(invalidField('spec', spec, FIELD_IMMUTABLE))
  return errors
}

export const ResourceClaimTemplate = defineKind<ResourceClaimTemplate>({
  group: RESOURCE_GROUP,
  version: 'v1',
  kind: 'ResourceClaimTemplate',
  plural: 'resourceclaimtemplates',
  singular: 'resourceclaimtemplate',
  namespaced: true,
  model: 'V1ResourceClaimTemplate',
  load: loadDeviceCompiler,
  applyDefaults: ({ spec }) => applyClaimSpecDefaults(spec?.spec),
  validate,
  columns: [nameColumn, ageColumn],
})
