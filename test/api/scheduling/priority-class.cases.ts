/**
 * PriorityClass for the test of every kind.
 */
import { PriorityClass } from '../../../src/api/scheduling/priority-class.ts'
import type { KindCase } from '../kind-case.ts'

export const cases: KindCase = {
  kind: PriorityClass,
  minimal: { metadata: { name: 'urgent' }, value: 1000 },
  defaults: { metadata: { generation: 1 }, value: 1000, preemptionPolicy: 'PreemptLowerPriority' },
  bad: [
    {
      name: 'a value above what users may have',
      change: (priorityClass) => {
        priorityClass.value = 1_000_000_001
        priorityClass.preemptionPolicy = 'Maybe'
      },
      causes: [
        {
          field: 'value',
          reason: 'FieldValueForbidden',
          message: 'Forbidden: maximum allowed value of a user defined priority is 1000000000',
        },
        {
          field: 'preemptionPolicy',
          reason: 'FieldValueNotSupported',
          message: 'Unsupported value: "Maybe": supported values: "PreemptLowerPriority", "Never"',
        },
      ],
    },
    {
      name: "a name of the system's",
      change: (priorityClass) => {
        priorityClass.metadata.name = 'system-urgent'
      },
      causes: [
        {
          field: 'metadata.name',
          reason: 'FieldValueForbidden',
          message:
            "Forbidden: priority class names with 'system-' prefix are reserved for system use only. error: system-urgent is not a known system priority class",
        },
      ],
    },
  ],
  immutable: [
    {
      name: 'its value',
      change: (priorityClass) => {
        priorityClass.value = 2000
        priorityClass.preemptionPolicy = 'Never'
      },
      causes: [
        {
          field: 'value',
          reason: 'FieldValueForbidden',
          message: 'Forbidden: may not be changed in an update.',
        },
        {
          field: 'preemptionPolicy',
          reason: 'FieldValueInvalid',
          message: 'Invalid value: "Never": field is immutable',
        },
      ],
    },
  ],
  change: (priorityClass) => {
    priorityClass.description = 'goes first'
  },
  cells: ['urgent', 1000, false, 'PreemptLowerPriority'],
}
