/**
 * ServiceCIDR for the test of every kind.
 */
import { ServiceCIDR } from '../../../src/api/networking/service-cidr.ts'
import type { KindCase } from '../kind-case.ts'

export const cases: KindCase = {
  kind: ServiceCIDR,
  minimal: { metadata: { name: 'more' }, spec: { cidrs: ['10.112.0.0/16'] } },
  defaults: { spec: { cidrs: ['10.112.0.0/16'] }, status: {} },
  bad: [
    {
      name: 'no range',
      change: (range) => {
        range.spec = {}
      },
      causes: [
        {
          field: 'spec.cidrs',
          reason: 'FieldValueRequired',
          message: 'Required value: at least one CIDR required',
        },
      ],
    },
    {
      name: 'ranges that are not written as they should be',
      change: (range) => {
        range.spec.cidrs = ['10.1.0.1/16', '2001:DB8:0::/64']
      },
      causes: [
        { field: 'spec.cidrs[0]', reason: 'FieldValueInvalid' },
        {
          field: 'spec.cidrs[1]',
          reason: 'FieldValueInvalid',
          message: 'Invalid value: "2001:DB8:0::/64": must be in canonical form ("2001:db8::/64")',
        },
      ],
    },
    {
      name: 'two ranges of one family',
      change: (range) => {
        range.spec.cidrs = ['10.1.0.0/16', '10.2.0.0/16']
      },
      causes: [{ field: 'spec.cidrs', reason: 'FieldValueInvalid' }],
    },
  ],
  immutable: [
    {
      name: 'its range',
      change: (range) => {
        range.spec.cidrs = ['10.113.0.0/16']
      },
      causes: [
        {
          field: 'spec.cidrs[0]',
          reason: 'FieldValueInvalid',
          message: 'Invalid value: "10.113.0.0/16": field is immutable',
        },
      ],
    },
  ],
  change: (range) => {
    range.spec.cidrs = ['10.112.0.0/16', '2001:db8::/64']
  },
  cells: ['more', '10.112.0.0/16'],
}
