/**
 * Endpoints for the test of every kind.
 */
import { Endpoints } from '../../../src/api/core/endpoints.ts'
import type { KindCase } from '../kind-case.ts'

const INVALID = 'FieldValueInvalid'

export const cases: KindCase = {
  kind: Endpoints,
  minimal: {
    metadata: { name: 'web' },
    subsets: [{ addresses: [{ ip: '10.0.0.1' }], ports: [{ port: 80 }] }],
  },
  defaults: { subsets: [{ ports: [{ port: 80, protocol: 'TCP' }] }] },
  bad: [
    {
      name: 'no addresses, ports without names',
      change: ({ subsets }) => {
        subsets[0] = { ports: [{ port: 80 }, { name: 'b', port: 0, protocol: 'XYZ' }] }
      },
      causes: [
        {
          field: 'subsets[0]',
          reason: 'FieldValueRequired',
          message: 'Required value: must specify `addresses` or `notReadyAddresses`',
        },
        { field: 'subsets[0].ports[0].name', reason: 'FieldValueRequired' },
        { field: 'subsets[0].ports[1].port', reason: INVALID },
        {
          field: 'subsets[0].ports[1].protocol',
          reason: 'FieldValueNotSupported',
          message: 'Unsupported value: "XYZ": supported values: "SCTP", "TCP", "UDP"',
        },
      ],
    },
    {
      name: 'addresses traffic must not go to',
      change: ({ subsets }) => {
        subsets[0].addresses = [{ ip: '127.0.0.1' }, { ip: '169.254.1.1', hostname: 'A' }]
      },
      causes: [
        {
          field: 'subsets[0].addresses[0].ip',
          reason: INVALID,
          message:
            'Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
        },
        { field: 'subsets[0].addresses[1].hostname', reason: INVALID },
        { field: 'subsets[0].addresses[1].ip', reason: INVALID },
      ],
    },
  ],
  change: ({ subsets }) => {
    subsets[0].addresses[0].ip = '10.0.0.2'
  },
  cells: ['web', '10.0.0.1:80'],
}
