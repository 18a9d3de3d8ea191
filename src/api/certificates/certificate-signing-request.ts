/**
 * CertificateSigningRequest: asks a signer for a certificate; somebody approves or denies it.
 *
 * The spec is written once and says who asked. Conditions Approved and Denied change only through
 * `approval`, the certificate only through `status`, once. Rules and wording follow Kubernetes 1.36
 * (`pkg/apis/certificates/validation`, `pkg/registry/certificates`).
 */
import type {
  V1CertificateSigningRequest,
  V1CertificateSigningRequestCondition,
} from '@kubernetes/client-node'
import { timestamp } from '../../std/clock.ts'
import { carryField } from '../carry-field.ts'
import { ageColumn, column, nameColumn } from '../core/columns.ts'
import { deepCopy, deepEqual } from '../equality.ts'
import { defineKind, type StrategyContext, type UserInfo } from '../kind.ts'
import type { Wire, WireObject } from '../meta.ts'
import {
  duplicateField,
  type FieldError,
  forbiddenField,
  invalidField,
  requiredField,
  unsupportedField,
} from '../status-error.ts'
import { humanDuration } from '../table.ts'
import { certificateFault, loadParser, parseRequest } from './certificate-request.ts'
import { checkSignerName } from './signer-name.ts'

export type CertificateSigningRequest = WireObject<V1CertificateSigningRequest>

type Condition = Wire<V1CertificateSigningRequestCondition>

const USAGES = [
  'any',
  'cert sign',
  'client auth',
  'code signing',
  'content commitment',
  'crl sign',
  'data encipherment',
  'decipher only',
  'digital signature',
  'email protection',
  'encipher only',
  'ipsec end system',
  'ipsec tunnel',
  'ipsec user',
  'key agreement',
  'key encipherment',
  'microsoft sgc',
  'netscape sgc',
  'ocsp signing',
  's/mime',
  'server auth',
  'signing',
  'timestamping',
]
const LEGACY_SIGNER = 'kubernetes.io/legacy-unknown'
const MIN_SECONDS = 600
/** Conditions that are there or not, never false. */
const TRUE_ONLY = ['Approved', 'Denied', 'Failed']
const STATUSES = ['False', 'True', 'Unknown']

const conditionsOf = (request: CertificateSigningRequest): readonly Condition[] =>
  request.status?.conditions ?? []

const setRequester = (request: CertificateSigningRequest, user: UserInfo | undefined): void => {
  const { username: _, uid: __, groups: ___, extra: ____, ...asked } = request.spec ?? {}
  const spec = asked as CertificateSigningRequest['spec']
  if (user) {
    spec.username = user.name
    if (user.uid) spec.uid = user.uid
    spec.groups = [...user.groups]
    const extra = Object.entries(user.extra ?? {}).map(([key, values]) => [key, [...values]])
    if (extra.length > 0) spec.extra = Object.fromEntries(extra) as Record<string, string[]>
  }
  request.spec = spec
}

/** Gives conditions of a type back what they were, in place, unless some came or went. */
const keepConditions = (
  request: CertificateSigningRequest,
  old: CertificateSigningRequest,
  wanted: string,
): void => {
  const before = conditionsOf(old).filter(({ type }) => type === wanted)
  const conditions = request.status?.conditions ?? []
  if (conditions.filter(({ type }) => type === wanted).length !== before.length) return
  for (const [index, { type }] of conditions.entries())
    if (type === wanted) conditions[index] = deepCopy(before.shift()!)
}

/** Conditions that are new get the times they lack, in place. */
const stampConditions = (
  request: CertificateSigningRequest,
  old: CertificateSigningRequest,
  { now }: StrategyContext,
): void => {
  for (const condition of request.status?.conditions ?? []) {
    condition.lastUpdateTime ||= timestamp(now)
    if (condition.lastTransitionTime) continue
    const before = conditionsOf(old).find(
      ({ type, status, lastTransitionTime }) =>
        type === condition.type && status === condition.status && lastTransitionTime,
    )
    condition.lastTransitionTime = before?.lastTransitionTime ?? timestamp(now)
  }
}

const validate = (
  request: CertificateSigningRequest,
  old?: CertificateSigningRequest,
): FieldError[] => {
  const errors: FieldError[] = []
  const { spec, status } = request
  checkRequest(errors, spec?.request ?? '')
  checkUsages(errors, spec?.usages ?? [], old?.spec.usages)
  const signer = spec?.signerName ?? ''
  if (signer === LEGACY_SIGNER && old?.spec.signerName !== LEGACY_SIGNER) {
    const why = 'the legacy signerName is not allowed via this API version'
    errors.push(invalidField('spec.signerName', signer, why))
  } else checkSignerName(errors, 'spec.signerName', signer)
  const seconds = spec?.expirationSeconds
  if (seconds !== undefined && seconds < MIN_SECONDS) {
    const why = 'may not specify a duration less than 600 seconds (10 minutes)'
    errors.push(invalidField('spec.expirationSeconds', seconds, why))
  }
  checkConditions(errors, conditionsOf(request), old)
  const certificate = status?.certificate ?? ''
  const before = old?.status?.certificate ?? ''
  const isTolerated = old && (certificate === before || certificateFault(before) !== undefined)
  const fault = isTolerated ? undefined : certificateFault(certificate)
  if (fault) errors.push(invalidField('status.certificate', '<certificate data>', fault))
  return errors
}

const checkRequest = (errors: FieldError[], base64: string): void => {
  try {
    parseRequest(base64)
  } catch (error) {
    errors.push(invalidField('spec.request', base64, (error as Error).message))
  }
}

const checkUsages = (
  errors: FieldError[],
  usages: readonly string[],
  before: readonly string[] = [],
): void => {
  if (usages.length === 0) errors.push(requiredField('spec.usages'))
  if (before.every((usage) => USAGES.includes(usage)))
    for (const [index, usage] of usages.entries())
      if (!USAGES.includes(usage))
        errors.push(unsupportedField(`spec.usages[${index}]`, usage, USAGES))
  if (new Set(before).size < before.length) return
  for (const [index, usage] of usages.entries())
    if (usages.indexOf(usage) < index) errors.push(duplicateField(`spec.usages[${index}]`, usage))
}

/** What was wrong in the old object already is let through. */
const checkConditions = (
  errors: FieldError[],
  conditions: readonly Condition[],
  old: CertificateSigningRequest | undefined,
): void => {
  const before = (old ? conditionsOf(old) : []).map(({ type }) => type)
  const mayRepeat = new Set(before).size < before.length
  const mayContradict = before.includes('Approved') && before.includes('Denied')
  const seen = new Set<string>()
  for (const [index, { type, status }] of conditions.entries()) {
    const at = `status.conditions[${index}]`
    if (!type && !before.includes('')) errors.push(requiredField(`${at}.type`))
    const allowed = TRUE_ONLY.includes(type) ? ['True'] : STATUSES
    if (!status) errors.push(requiredField(`${at}.status`))
    else if (!allowed.includes(status))
      errors.push(unsupportedField(`${at}.status`, status, allowed))
    const opposite = type === 'Approved' ? 'Denied' : type === 'Denied' ? 'Approved' : ''
    if (!mayContradict && opposite && seen.has(opposite)) {
      const why = 'Approved and Denied conditions are mutually exclusive'
      errors.push(invalidField(`${at}.type`, type, why))
    }
    if (!mayRepeat && seen.has(type)) errors.push(duplicateField(`${at}.type`, type))
    seen.add(type)
  }
}

/** What may change where: approval through `approval`, the certificate through `status`. */
const changeErrors = (
  request: CertificateSigningRequest,
  old: CertificateSigningRequest,
  may: { approve?: boolean; issue?: boolean },
): FieldError[] => {
  const errors = validate(request, old)
  const refuse = (field: string, why: string) => errors.push(forbiddenField(field, why))
  const of = (object: CertificateSigningRequest, wanted: string) =>
    conditionsOf(object).filter(({ type }) => type === wanted)
  const path = 'status.conditions'
  for (const type of TRUE_ONLY)
    if (of(request, type).length < of(old, type).length)
      refuse(path, `updates may not remove a condition of type "${type}"`)
  for (const type of may.approve ? [] : ['Approved', 'Denied']) {
    const before = of(old, type)
    const now = of(request, type)
    if (now.length > before.length)
      refuse(path, `updates may not add a condition of type "${type}"`)
    else if (now.length === before.length && !deepEqual(now, before))
      refuse(path, `updates may not modify a condition of type "${type}"`)
  }
  const before = old.status?.certificate ?? ''
  if ((request.status?.certificate ?? '') !== before) {
    if (!may.issue) refuse('status.certificate', 'updates may not set certificate content')
    else if (before)
      refuse('status.certificate', 'updates may not modify existing certificate content')
  }
  return errors
}

const conditionCell = (request: CertificateSigningRequest): string => {
  const has = (wanted: string) => conditionsOf(request).some(({ type }) => type === wanted)
  const verdict = has('Denied') ? 'Denied' : has('Approved') ? 'Approved' : 'Pending'
  const failed = has('Failed') ? ',Failed' : ''
  return `${verdict}${failed}${request.status?.certificate ? ',Issued' : ''}`
}

export const CertificateSigningRequest = defineKind<CertificateSigningRequest>({
  group: 'certificates.k8s.io',
  version: 'v1',
  kind: 'CertificateSigningRequest',
  plural: 'certificatesigningrequests',
  singular: 'certificatesigningrequest',
  shortNames: ['csr'],
  namespaced: false,
  model: 'V1CertificateSigningRequest',
  nameRule: 'pathSegment',
  statusSubresource: true,
  load: loadParser,
  prepareForCreate: (request, { user }) => {
    setRequester(request, user)
    request.status = {}
  },
  prepareForUpdate: (request, old) => {
    request.spec = deepCopy(old.spec)
    carryField(request, old, 'status')
  },
  prepareForStatusUpdate: (request, old, context) => {
    request.spec = deepCopy(old.spec)
    for (const type of ['Approved', 'Denied']) keepConditions(request, old, type)
    stampConditions(request, old, context)
  },
  parts: {
    approval: {
      prepareForUpdate: (request, old, context) => {
        stampConditions(request, old, context)
        const { conditions: _, ...kept } = old.status ?? {}
        const conditions = request.status?.conditions
        request.spec = deepCopy(old.spec)
        request.status = { ...kept, ...(conditions ? { conditions } : {}) }
      },
      validateUpdate: (request, old) => changeErrors(request, old, { approve: true }),
    },
  },
  validate: (request, old) => (old ? changeErrors(request, old, {}) : validate(request)),
  validateStatusUpdate: (request, old) => changeErrors(request, old, { issue: true }),
  selectableFields: { 'spec.signerName': ({ spec }) => spec?.signerName ?? '' },
  columns: [
    nameColumn,
    ageColumn,
    column('SignerName', 'Who is asked to sign.', ({ spec }) => spec?.signerName || '<none>'),
    column('Requestor', 'Who asks.', ({ spec }) => spec?.username ?? ''),
    column('RequestedDuration', 'How long the certificate shall be good.', ({ spec }) =>
      spec?.expirationSeconds === undefined
        ? '<none>'
        : humanDuration(spec.expirationSeconds * 1000),
    ),
    column('Condition', 'What became of it.', conditionCell),
  ],
})
