/**
 * LimitRange for the test of every kind.
 */
import { LimitRange } from '../../../src/api/core/limit-range.ts'
import type { KindCase } from '../kind-case.ts'

export const cases: KindCase = {
  kind: LimitRange,
  minimal: {
    metadata: { name: 'limits' },
    spec: { limits: [{ type: 'Container', max: { cpu: '2' }, min: { memory: '64Mi' } }] },
  },
  defaults: {
    spec: {
      limits: [
        {
          type: 'Container',
          default: { cpu: '2' },
          defaultRequest: { cpu: '2', memory: '64Mi' },
        },
      ],
    },
  },
  bad: [
    {
      name: 'defaults of pods',
      change: (limits) => {
        limits.spec.limits = [{ type: 'Pod', default: { cpu: '1' } }]
      },
      causes: [
        {
          field: 'spec.limits[0].default',
          reason: 'FieldValueForbidden',
          message: "Forbidden: may not be specified when `type` is 'Pod'",
        },
      ],
    },
    {
      name: 'more at least than at most',
      change: (limits) => {
        limits.spec.limits = [{ type: 'Pod', max: { cpu: '1' }, min: { cpu: '2' } }]
      },
      causes: [
        {
          field: 'spec.limits[0].min[cpu]',
          reason: 'FieldValueInvalid',
          message: 'Invalid value: "2": min value 2 is greater than max value 1',
        },
      ],
    },
    {
      name: 'an unknown type, twice, and a resource that is none',
      change: (limits) => {
        limits.spec.limits = [{ type: 'Job' }, { type: 'Job', max: { gold: '1' } }]
      },
      causes: [
        {
          field: 'spec.limits[0].type',
          reason: 'FieldValueInvalid',
          message: 'Invalid value: "Job": must be a standard limit type or fully qualified',
        },
        { field: 'spec.limits[1].type', reason: 'FieldValueInvalid' },
        { field: 'spec.limits[1].type', reason: 'FieldValueDuplicate' },
        { field: 'spec.limits[1].max[gold]', reason: 'FieldValueInvalid' },
      ],
    },
    {
      name: 'a ratio that the bounds do not allow',
      change: (limits) => {
        limits.spec.limits = [
          {
            type: 'Pod',
            max: { cpu: '2' },
            min: { cpu: '1' },
            maxLimitRequestRatio: { cpu: '3' },
          },
        ]
      },
      causes: [
        {
          field: 'spec.limits[0].maxLimitRequestRatio[cpu]',
          reason: 'FieldValueInvalid',
          message: 'Invalid value: "3": ratio 3 is greater than max/min = 2.000000',
        },
      ],
    },
  ],
  change: (limits) => {
    limits.spec.limits[0].max.cpu = '4'
  },
  cells: ['limits', /^20\d\d-/],
}
