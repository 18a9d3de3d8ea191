/**
 * CertificateSigningRequest for the test of every kind.
 */
import { CertificateSigningRequest } from '../../../src/api/certificates/certificate-signing-request.ts'
import type { KindCase } from '../kind-case.ts'
import { FORGED, JANE } from './requests.ts'

const REQUIRED = 'FieldValueRequired'
const INVALID = 'FieldValueInvalid'

export const cases: KindCase = {
  kind: CertificateSigningRequest,
  minimal: {
    metadata: { name: 'Jane:1' },
    spec: {
      request: JANE,
      signerName: 'kubernetes.io/kube-apiserver-client',
      usages: ['client auth'],
    },
  },
  defaults: {
    spec: { username: 'admin', groups: ['system:masters', 'system:authenticated'] },
    status: {},
  },
  bad: [
    {
      name: 'nothing',
      change: (request) => {
        request.spec = { request: '', signerName: '', usages: [] }
      },
      causes: [
        {
          field: 'spec.request',
          reason: INVALID,
          message: 'Invalid value: "": PEM block type must be CERTIFICATE REQUEST',
        },
        { field: 'spec.usages', reason: REQUIRED, message: 'Required value' },
        { field: 'spec.signerName', reason: REQUIRED, message: 'Required value' },
      ],
    },
    {
      name: 'a request that somebody else signed',
      change: (request) => {
        request.spec.request = FORGED
      },
      causes: [{ field: 'spec.request', reason: INVALID, message: /signature/ }],
    },
    {
      name: 'usages that are unknown and doubled',
      change: (request) => {
        request.spec.usages = ['client auth', 'fun', 'client auth']
      },
      causes: [
        {
          field: 'spec.usages[1]',
          reason: 'FieldValueNotSupported',
          message: /^Unsupported value: "fun": supported values: "any", "cert sign", "client auth"/,
        },
        {
          field: 'spec.usages[2]',
          reason: 'FieldValueDuplicate',
          message: 'Duplicate value: "client auth"',
        },
      ],
    },
    {
      name: 'a signer without a domain, for a minute',
      change: (request) => {
        request.spec.signerName = 'signer/x'
        request.spec.expirationSeconds = 60
      },
      causes: [
        {
          field: 'spec.signerName',
          reason: INVALID,
          message:
            'Invalid value: "signer": should be a domain with at least two segments separated by dots',
        },
        {
          field: 'spec.expirationSeconds',
          reason: INVALID,
          message:
            'Invalid value: 60: may not specify a duration less than 600 seconds (10 minutes)',
        },
      ],
    },
    {
      name: 'the legacy signer',
      change: (request) => {
        request.spec.signerName = 'kubernetes.io/legacy-unknown'
      },
      causes: [
        {
          field: 'spec.signerName',
          reason: INVALID,
          message: /the legacy signerName is not allowed via this API version$/,
        },
      ],
    },
  ],
  change: (request) => {
    request.metadata.labels = { a: 'b' }
  },
  cells: ['Jane:1', 'kubernetes.io/kube-apiserver-client', 'admin', '<none>', 'Pending'],
}
