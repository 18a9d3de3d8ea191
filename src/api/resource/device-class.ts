/**
 * DeviceClass: a name for devices that are alike, with how they are chosen and configured.
 */
import type { V1DeviceClass } from '@kubernetes/client-node'
import { ageColumn, nameColumn } from '../core/columns.ts'
import { isExtendedResource } from '../core/resource-list.ts'
import { deepEqual } from '../equality.ts'
import { defineKind } from '../kind.ts'
import type { WireObject } from '../meta.ts'
import { type FieldError, invalidField } from '../status-error.ts'
import { CLAIM_PARTS_MAX } from './claim-spec.ts'
import { checkSelectors, loadDeviceCompiler } from './device-expressions.ts'
import { checkConfiguration, checkEach, RESOURCE_GROUP } from './device-rules.ts'

export type DeviceClass = WireObject<V1DeviceClass>

const validate = ({ spec = {} }: DeviceClass, old?: DeviceClass): FieldError[] => {
  const errors: FieldError[] = []
  const { selectors, config, extendedResourceName } = spec
  // What is stored was good when it was stored.
  if (!old || !deepEqual(selectors, old.spec?.selectors))
    checkSelectors(errors, 'spec.selectors', selectors)
  const isStored = old !== undefined && deepEqual(config, old.spec?.config)
  checkEach(errors, 'spec.config', config, CLAIM_PARTS_MAX, (at, item) =>
    checkConfiguration(errors, at, item, isStored),
  )
  if (extendedResourceName !== undefined && !isExtendedResource(extendedResourceName)) {
    const why = 'must be a valid extended resource name'
    errors.push(invalidField('spec.extendedResourceName', extendedResourceName, why))
  }
  return errors
}

export const DeviceClass = defineKind<DeviceClass>({
  group: RESOURCE_GROUP,
  version: 'v1',
  kind: 'DeviceClass',
  plural: 'deviceclasses',
  singular: 'deviceclass',
  namespaced: false,
  model: 'V1DeviceClass',
  tracksGeneration: true,
  load: loadDeviceCompiler,
  validate,
  columns: [nameColumn, ageColumn],
})
