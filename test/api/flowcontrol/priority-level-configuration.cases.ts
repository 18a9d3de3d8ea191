/**
 * PriorityLevelConfiguration for the test of every kind.
 */
import { PriorityLevelConfiguration } from '../../../src/api/flowcontrol/priority-level-configuration.ts'
import type { KindCase } from '../kind-case.ts'

export const cases: KindCase = {
  kind: PriorityLevelConfiguration,
  minimal: {
    metadata: { name: 'mine' },
    spec: { type: 'Limited', limited: { limitResponse: { type: 'Queue', queuing: {} } } },
  },
  defaults: {
    spec: {
      limited: {
        nominalConcurrencyShares: 30,
        lendablePercent: 0,
        limitResponse: { queuing: { queues: 64, handSize: 8, queueLengthLimit: 50 } },
      },
    },
    status: {},
  },
  bad: [
    {
      name: 'an exempt level of another name',
      change: (level) => {
        level.spec = { type: 'Exempt' }
      },
      causes: [
        {
          field: 'spec.type',
          reason: 'FieldValueInvalid',
          message: "Invalid value: \"Exempt\": must be 'Exempt' if and only if `name` is 'exempt'",
        },
      ],
    },
    {
      name: 'a limited level without limits',
      change: (level) => {
        level.spec = { type: 'Limited', exempt: {} }
      },
      causes: [
        {
          field: 'spec.exempt',
          reason: 'FieldValueForbidden',
          message: 'Forbidden: must be nil if the type is Limited',
        },
        { field: 'spec.limited', reason: 'FieldValueRequired' },
      ],
    },
    {
      name: 'hands larger than the deck, and shares below nothing',
      change: (level) => {
        level.spec.limited.nominalConcurrencyShares = -1
        level.spec.limited.lendablePercent = 101
        level.spec.limited.limitResponse.queuing = { queues: 4, handSize: 5, queueLengthLimit: -1 }
      },
      causes: [
        { field: 'spec.limited.nominalConcurrencyShares', reason: 'FieldValueInvalid' },
        {
          field: 'spec.limited.limitResponse.queuing.queueLengthLimit',
          reason: 'FieldValueInvalid',
          message: 'Invalid value: -1: must be positive',
        },
        {
          field: 'spec.limited.limitResponse.queuing.handSize',
          reason: 'FieldValueInvalid',
          message: 'Invalid value: 5: should not be greater than queues (4)',
        },
        { field: 'spec.limited.lendablePercent', reason: 'FieldValueInvalid' },
      ],
    },
  ],
  change: (level) => {
    level.spec.limited.nominalConcurrencyShares = 10
  },
  cells: ['mine', 'Limited', 30, 64, 8, 50],
}
