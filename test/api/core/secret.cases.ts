/**
 * Secret for the test of every kind.
 */
import { Secret } from '../../../src/api/core/secret.ts'
import type { KindCase } from '../kind-case.ts'

const REQUIRED = 'FieldValueRequired'

export const cases: KindCase = {
  kind: Secret,
  minimal: { metadata: { name: 'hidden' }, stringData: { password: 'pw' } },
  defaults: { type: 'Opaque', data: { password: 'cHc=' } },
  bad: [
    {
      name: 'a key that is no file name',
      change: (secret) => {
        secret.data = { 'a b': 'Yw==' }
      },
      causes: [{ field: 'data[a b]', reason: 'FieldValueInvalid' }],
    },
    {
      name: 'too much data',
      change: (secret) => {
        secret.data = { a: Buffer.alloc(1024 * 1024 + 1).toString('base64') }
      },
      causes: [
        {
          field: 'data',
          reason: 'FieldValueTooLong',
          message: 'Too long: may not be more than 1048576 bytes',
        },
      ],
    },
    {
      name: 'a certificate without its key',
      change: (secret) => {
        secret.type = 'kubernetes.io/tls'
        secret.data = { 'tls.crt': 'YQ==' }
      },
      causes: [{ field: 'data[tls.key]', reason: REQUIRED }],
    },
    {
      name: 'credentials that name nobody',
      change: (secret) => {
        secret.type = 'kubernetes.io/basic-auth'
        delete secret.stringData
      },
      causes: [
        { field: 'data[username]', reason: REQUIRED },
        { field: 'data[password]', reason: REQUIRED },
      ],
    },
    {
      name: 'credentials of a registry that are no JSON',
      change: (secret) => {
        secret.type = 'kubernetes.io/dockerconfigjson'
        secret.data = { '.dockerconfigjson': 'YQ==' }
      },
      causes: [
        {
          field: 'data[.dockerconfigjson]',
          reason: 'FieldValueInvalid',
          message: /^Invalid value: "<secret contents redacted>": /,
        },
      ],
    },
    {
      name: 'a token of nobody',
      change: (secret) => {
        secret.type = 'kubernetes.io/service-account-token'
      },
      causes: [
        { field: 'metadata.annotations[kubernetes.io/service-account.name]', reason: REQUIRED },
      ],
    },
  ],
  immutable: [
    {
      name: 'the type',
      change: (secret) => {
        secret.type = 'example.com/other'
      },
      causes: [
        {
          field: 'type',
          reason: 'FieldValueInvalid',
          message: 'Invalid value: "example.com/other": field is immutable',
        },
      ],
    },
  ],
  change: (secret) => {
    secret.data.token = 'cHcy'
    secret.immutable = true
  },
  cells: ['hidden', 'Opaque', 1],
}
