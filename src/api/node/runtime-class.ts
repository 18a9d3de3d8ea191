/**
 * RuntimeClass: a way of running containers that nodes may offer, its cost and where it is found.
 *
 * The handler is the name a node's runtime knows it by and never changes.
 */
import type { V1RuntimeClass, V1Toleration } from '@kubernetes/client-node'
import { ageColumn, column, nameColumn } from '../core/columns.ts'
import { checkDnsLabel, checkLabels, checkUnchanged } from '../core/field-rules.ts'
import { canonicalizeQuantities } from '../core/resource-list.ts'
import { checkOverhead } from '../core/resource-validation.ts'
import { checkTolerations } from '../core/scheduling-validation.ts'
import { labelDeprecation } from '../core/warning-rules.ts'
import { defineKind } from '../kind.ts'
import type { Wire, WireObject } from '../meta.ts'
import { duplicateField, type FieldError, requiredField } from '../status-error.ts'

export type RuntimeClass = WireObject<V1RuntimeClass>

const validate = ({ handler, overhead, scheduling }: RuntimeClass): FieldError[] => {
  const errors: FieldError[] = []
  if (!handler) errors.push(requiredField('handler'))
  else checkDnsLabel(errors, 'handler', handler)
  if (overhead) checkOverhead(errors, 'overhead', overhead.podFixed ?? {})
  if (!scheduling) return errors
  checkLabels(errors, 'scheduling.nodeSelector', scheduling.nodeSelector)
  checkTolerations(errors, 'scheduling.tolerations', scheduling.tolerations)
  checkUniqueTolerations(errors, 'scheduling.tolerations', scheduling.tolerations)
  return errors
}

const checkUniqueTolerations = (
  errors: FieldError[],
  path: string,
  tolerations: Wire<V1Toleration>[] = [],
): void => {
  const seen = new Set<string>()
  for (const [index, toleration] of tolerations.entries()) {
    const { key = '', operator = '', value = '', effect = '', tolerationSeconds } = toleration
    const identity = JSON.stringify([key, operator, value, effect])
    if (seen.has(identity)) {
      const shown = {
        Key: key,
        Operator: operator,
        Value: value,
        Effect: effect,
        TolerationSeconds: tolerationSeconds ?? null,
      }
      errors.push(duplicateField(`${path}[${index}]`, shown))
    }
    seen.add(identity)
  }
}

export const RuntimeClass = defineKind<RuntimeClass>({
  group: 'node.k8s.io',
  version: 'v1',
  kind: 'RuntimeClass',
  plural: 'runtimeclasses',
  singular: 'runtimeclass',
  namespaced: false,
  model: 'V1RuntimeClass',
  applyDefaults: ({ overhead }) => {
    if (overhead?.podFixed) canonicalizeQuantities(overhead.podFixed)
  },
  validate,
  validateUpdate: ({ handler }, old) => {
    const errors: FieldError[] = []
    checkUnchanged(errors, 'handler', handler, old.handler)
    return errors
  },
  warnings: ({ scheduling }) =>
    Object.keys(scheduling?.nodeSelector ?? {}).flatMap((label) => {
      const why = labelDeprecation(label)
      return why ? [`scheduling.nodeSelector: ${why}`] : []
    }),
  columns: [
    nameColumn,
    column('Handler', 'What nodes call it.', ({ handler }) => handler),
    ageColumn,
  ],
})
