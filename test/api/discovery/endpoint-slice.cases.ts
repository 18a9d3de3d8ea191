/**
 * EndpointSlice for the test of every kind.
 */
import { EndpointSlice } from '../../../src/api/discovery/endpoint-slice.ts'
import type { KindCase } from '../kind-case.ts'

const INVALID = 'FieldValueInvalid'

export const cases: KindCase = {
  kind: EndpointSlice,
  minimal: {
    metadata: { name: 'web-1' },
    addressType: 'IPv4',
    endpoints: [{ addresses: ['10.0.0.1'] }],
    ports: [{ port: 80 }],
  },
  defaults: { ports: [{ name: '', port: 80, protocol: 'TCP' }] },
  bad: [
    {
      name: 'no type of addresses, two ports of one name',
      change: (slice) => {
        delete slice.addressType
        slice.ports = [{ port: 80 }, { port: 81, protocol: 'XYZ', appProtocol: 'a b' }]
      },
      causes: [
        { field: 'addressType', reason: 'FieldValueRequired' },
        { field: 'ports[1].name', reason: 'FieldValueDuplicate', message: 'Duplicate value: ""' },
        { field: 'ports[1].protocol', reason: 'FieldValueNotSupported' },
        { field: 'ports[1].appProtocol', reason: INVALID },
      ],
    },
    {
      name: 'no address, one of another family, one that leads nowhere',
      change: (slice) => {
        slice.endpoints = [
          { addresses: [] },
          { addresses: ['2001:db8::1'] },
          { addresses: ['0.0.0.0'], hints: { forZones: [{ name: 'a' }, { name: 'a' }] } },
        ]
      },
      causes: [
        {
          field: 'endpoints[0].addresses',
          reason: 'FieldValueRequired',
          message: 'Required value: must contain at least 1 address',
        },
        {
          field: 'endpoints[1].addresses',
          reason: INVALID,
          message: 'Invalid value: "2001:db8::1": must be an IPv4 address',
        },
        {
          field: 'endpoints[2].addresses[0]',
          reason: INVALID,
          message: 'Invalid value: "0.0.0.0": may not be unspecified (0.0.0.0)',
        },
        { field: 'endpoints[2].hints.forZones[1].name', reason: 'FieldValueDuplicate' },
      ],
    },
  ],
  immutable: [
    {
      name: 'the type of addresses',
      change: (slice) => {
        slice.addressType = 'FQDN'
        slice.endpoints[0].addresses = ['example.com']
      },
      causes: [
        {
          field: 'addressType',
          reason: INVALID,
          message: 'Invalid value: "FQDN": field is immutable',
        },
      ],
    },
  ],
  change: ({ endpoints }) => {
    endpoints[0].conditions = { ready: false }
  },
  cells: ['web-1', 'IPv4', '80', '10.0.0.1'],
}
