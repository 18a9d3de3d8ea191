/**
 * Secret: small confidential data by key, base64 on the wire.
 *
 * `stringData` is a convenience of writers: it is merged into `data` and never stored. Some types must carry
 * certain keys. One MiB at most.
 */
import type { V1Secret } from '@kubernetes/client-node'
import { deepEqual } from '../equality.ts'
import { jsonSyntaxFault, jsonTypeOf } from '../json-syntax.ts'
import { defineKind } from '../kind.ts'
import type { WireObject } from '../meta.ts'
import { configKeyErrors } from '../names.ts'
import {
  type FieldError,
  forbiddenField,
  invalidField,
  requiredField,
  tooLongField,
} from '../status-error.ts'
import { ageColumn, column, nameColumn } from './columns.ts'
import { FIELD_IMMUTABLE } from './field-rules.ts'
import { keyPairWarnings } from './key-pair-warnings.ts'

export type Secret = WireObject<V1Secret>

const MAX_BYTES = 1024 * 1024
const TLS = 'kubernetes.io/tls'
const IMMUTABLE = 'field is immutable when `immutable` is set'
const ACCOUNT_ANNOTATION = 'kubernetes.io/service-account.name'

/** Bytes behind a base64 text. */
export const base64Length = (text: string): number => {
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0
  return Math.floor((text.length * 3) / 4) - padding
}

const applyDefaults = (secret: Secret): void => {
  if (secret.stringData) {
    for (const [key, text] of Object.entries(secret.stringData)) {
      secret.data ??= {}
      secret.data[key] = Buffer.from(text).toString('base64')
    }
    delete secret.stringData
  }
  secret.type ||= 'Opaque'
}

const validate = (secret: Secret): FieldError[] => {
  const errors: FieldError[] = []
  let bytes = 0
  for (const key in secret.data) {
    for (const fault of configKeyErrors(key)) {
      errors.push(invalidField(`data[${key}]`, key, fault))
    }
    bytes += base64Length(secret.data[key]!)
  }
  if (bytes > MAX_BYTES) errors.push(tooLongField('data', MAX_BYTES))
  checkType(errors, secret)
  return errors
}

const checkType = (errors: FieldError[], { type, data = {}, metadata }: Secret): void => {
  const require = (key: string) => errors.push(requiredField(`data[${key}]`))
  switch (type) {
    case 'kubernetes.io/service-account-token':
      if (!metadata.annotations?.[ACCOUNT_ANNOTATION]) {
        errors.push(requiredField(`metadata.annotations[${ACCOUNT_ANNOTATION}]`))
      }
      break
    case 'kubernetes.io/dockercfg':
      checkJson(errors, '.dockercfg', data)
      break
    case 'kubernetes.io/dockerconfigjson':
      checkJson(errors, '.dockerconfigjson', data)
      break
    case 'kubernetes.io/basic-auth':
      if (data['username'] !== undefined || data['password'] !== undefined) break
      require('username')
      require('password')
      break
    case 'kubernetes.io/ssh-auth':
      if (!data['ssh-privatekey']) require('ssh-privatekey')
      break
    case TLS:
      if (data['tls.crt'] === undefined) require('tls.crt')
      if (data['tls.key'] === undefined) require('tls.key')
      break
    default:
  }
}

/** The content never enters the message, but for a character at which it is no JSON. */
const checkJson = (errors: FieldError[], key: string, data: { [key: string]: string }): void => {
  const text = data[key]
  if (text === undefined) {
    errors.push(requiredField(`data[${key}]`))
    return
  }
  const json = textOf(text)
  const redacted = '<secret contents redacted>'
  try {
    const value: unknown = JSON.parse(json)
    if (typeof value === 'object' && !Array.isArray(value)) return
    const why = `json: cannot unmarshal ${jsonTypeOf(value)} into Go value of type map[string]interface {}`
    errors.push(invalidField(`data[${key}]`, redacted, why))
  } catch {
    errors.push(invalidField(`data[${key}]`, redacted, jsonSyntaxFault(json) ?? 'invalid JSON'))
  }
}

const validateUpdate = (secret: Secret, old: Secret): FieldError[] => {
  const errors: FieldError[] = []
  if (secret.type !== old.type) errors.push(invalidField('type', secret.type, FIELD_IMMUTABLE))
  if (!old.immutable) return errors
  if (!secret.immutable) errors.push(forbiddenField('immutable', IMMUTABLE))
  if (!deepEqual(secret.data ?? {}, old.data ?? {})) errors.push(forbiddenField('data', IMMUTABLE))
  return errors
}

const textOf = (base64 = ''): string => Buffer.from(base64, 'base64').toString()

export const Secret = defineKind<Secret>({
  group: '',
  version: 'v1',
  kind: 'Secret',
  plural: 'secrets',
  singular: 'secret',
  namespaced: true,
  model: 'V1Secret',
  applyDefaults,
  validate,
  validateUpdate,
  warnings: ({ type, data = {} }) =>
    type === TLS ? keyPairWarnings(textOf(data['tls.crt']), textOf(data['tls.key'])) : [],
  selectableFields: { type: ({ type }) => type ?? '' },
  columns: [
    nameColumn,
    column('Type', 'What the keys mean.', ({ type }) => type ?? ''),
    column('Data', 'Number of keys.', ({ data }) => Object.keys(data ?? {}).length),
    ageColumn,
  ],
})
