/**
 * IPAddress for the test of every kind.
 */
import { IPAddress } from '../../../src/api/networking/ip-address.ts'
import type { KindCase } from '../kind-case.ts'

export const cases: KindCase = {
  kind: IPAddress,
  minimal: {
    metadata: { name: '10.96.0.77' },
    spec: { parentRef: { resource: 'services', namespace: 'default', name: 'web' } },
  },
  defaults: { spec: { parentRef: { resource: 'services', namespace: 'default', name: 'web' } } },
  bad: [
    {
      name: 'a name that is no address',
      change: (address) => {
        address.metadata.name = 'web'
      },
      causes: [
        {
          field: 'metadata.name',
          reason: 'FieldValueInvalid',
          message:
            'Invalid value: "web": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
        },
      ],
    },
    {
      name: 'an address in another form',
      change: (address) => {
        address.metadata.name = '2001:db8:0::1'
      },
      causes: [
        {
          field: 'metadata.name',
          reason: 'FieldValueInvalid',
          message: 'Invalid value: "2001:db8:0::1": must be in canonical form ("2001:db8::1")',
        },
      ],
    },
    {
      name: 'nobody who uses it',
      change: (address) => {
        address.spec = {}
      },
      causes: [{ field: 'spec.parentRef', reason: 'FieldValueRequired' }],
    },
  ],
  immutable: [
    {
      name: 'who uses it',
      change: (address) => {
        address.spec.parentRef.name = 'other'
      },
      causes: [
        { field: 'spec.parentRef', reason: 'FieldValueInvalid', message: /: field is immutable$/ },
      ],
    },
  ],
  change: (address) => {
    address.metadata.labels = { 'ipaddress.kubernetes.io/ip-family': 'IPv4' }
  },
  cells: ['10.96.0.77', 'services/default/web'],
}
