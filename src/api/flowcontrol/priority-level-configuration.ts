/**
 * PriorityLevelConfiguration: how many requests of one level the apiserver works on at once, and what becomes
 * of the others.
 *
 * Wording follows Kubernetes 1.36 (`pkg/apis/flowcontrol/validation`). It limits nothing by itself.
 */

import type {
  V1ExemptPriorityLevelConfiguration,
  V1LimitedPriorityLevelConfiguration,
  V1LimitResponse,
  V1PriorityLevelConfiguration,
  V1QueuingConfiguration,
} from '@kubernetes/client-node'
import { ageColumn, column, nameColumn } from '../core/columns.ts'
import { isOneOf } from '../core/field-rules.ts'
import { deepEqual } from '../equality.ts'
import { defineKind } from '../kind.ts'
import type { Wire, WireObject } from '../meta.ts'
import { type FieldError, forbiddenField, invalidField, requiredField } from '../status-error.ts'
import { mandatoryLevels } from './bootstrap-objects.ts'
import { checkConditionTypes } from './conditions.ts'
import { statusParts } from './status-parts.ts'

export type PriorityLevelConfiguration = WireObject<V1PriorityLevelConfiguration>

type Spec = NonNullable<PriorityLevelConfiguration['spec']>

const EXEMPT = 'exempt'
const PRESERVE_ZERO = 'flowcontrol.k8s.io/v1beta3-preserve-zero-concurrency-shares'
const MAX_QUEUES = 10_000_000
const MAX_HASH_BITS = 60

const applyDefaults = (level: PriorityLevelConfiguration): void => {
  level.spec ??= { type: '' }
  level.status ??= {}
  const { exempt, limited } = level.spec
  if (exempt) {
    exempt.nominalConcurrencyShares ??= 0
    exempt.lendablePercent ??= 0
  }
  if (!limited) return
  limited.nominalConcurrencyShares ??= 30
  limited.lendablePercent ??= 0
  limited.limitResponse ??= { type: '' }
  const { queuing } = limited.limitResponse
  if (!queuing) return
  queuing.handSize ||= 8
  queuing.queues ||= 64
  queuing.queueLengthLimit ||= 50
}

const validate = (level: PriorityLevelConfiguration): FieldError[] => {
  const errors: FieldError[] = []
  const { metadata, spec = { type: '' }, status } = level
  if (metadata.annotations?.[PRESERVE_ZERO] !== undefined) {
    errors.push(
      forbiddenField('metadata.annotations', `annotation '${PRESERVE_ZERO}' is forbidden`),
    )
  }
  checkSpec(errors, metadata.name, spec)
  checkMandatory(errors, metadata.name, spec)
  checkConditionTypes(errors, status?.conditions)
  return errors
}

const checkMandatory = (errors: FieldError[], name: string, spec: Spec): void => {
  const fixed = Object.hasOwn(mandatoryLevels, name) ? mandatoryLevels[name] : undefined
  if (!fixed) return
  const compared = name === EXEMPT ? { ...spec, exempt: fixed.exempt } : spec
  if (deepEqual(compared, fixed)) return
  const but = name === EXEMPT ? " except the 'spec.exempt' field" : ''
  errors.push(invalidField('spec', spec, `spec of '${name}'${but} must equal the fixed value`))
}

const checkSpec = (errors: FieldError[], name: string, spec: Spec): void => {
  const { type, limited, exempt } = spec
  if ((name === EXEMPT) !== (type === 'Exempt')) {
    const why = "must be 'Exempt' if and only if `name` is 'exempt'"
    errors.push(invalidField('spec.type', type ?? '', why))
  }
  if (type === 'Exempt') {
    if (limited) {
      errors.push(forbiddenField('spec.limited', 'must be nil if the type is not Limited'))
    }
    if (exempt) checkExempt(errors, 'spec.exempt', exempt)
  } else if (type === 'Limited') {
    if (exempt) errors.push(forbiddenField('spec.exempt', 'must be nil if the type is Limited'))
    if (limited) checkLimited(errors, 'spec.limited', limited)
    else errors.push(requiredField('spec.limited', 'must not be empty when type is Limited'))
  } else isOneOf(errors, 'spec.type', type ?? '', ['Exempt', 'Limited'])
}

const checkShares = (errors: FieldError[], path: string, shares = 0): void => {
  if (shares >= 0) return
  const why = 'must be a non-negative integer'
  errors.push(invalidField(`${path}.nominalConcurrencyShares`, shares, why))
}

const checkLendable = (errors: FieldError[], path: string, percent = 0): void => {
  if (percent >= 0 && percent <= 100) return
  const why = 'must be between 0 and 100, inclusive'
  errors.push(invalidField(`${path}.lendablePercent`, percent, why))
}

const checkExempt = (
  errors: FieldError[],
  path: string,
  exempt: Wire<V1ExemptPriorityLevelConfiguration>,
): void => {
  checkShares(errors, path, exempt.nominalConcurrencyShares)
  checkLendable(errors, path, exempt.lendablePercent)
}

const checkLimited = (
  errors: FieldError[],
  path: string,
  limited: Wire<V1LimitedPriorityLevelConfiguration>,
): void => {
  checkShares(errors, path, limited.nominalConcurrencyShares)
  checkResponse(errors, `${path}.limitResponse`, limited.limitResponse)
  checkLendable(errors, path, limited.lendablePercent)
  const borrowed = limited.borrowingLimitPercent
  if (borrowed == null || borrowed >= 0) return
  const why = 'if specified, must be a non-negative integer'
  errors.push(invalidField(`${path}.borrowingLimitPercent`, borrowed, why))
}

const checkResponse = (
  errors: FieldError[],
  path: string,
  { type = '', queuing }: Partial<Wire<V1LimitResponse>> = {},
): void => {
  const at = `${path}.queuing`
  if (type === 'Reject') {
    if (!queuing) return
    const why = 'must be nil if limited.limitResponse.type is not Limited'
    errors.push(forbiddenField(at, why))
  } else if (type === 'Queue') {
    if (queuing) checkQueuing(errors, at, queuing)
    else {
      const why = 'must not be empty if limited.limitResponse.type is Limited'
      errors.push(requiredField(at, why))
    }
  } else isOneOf(errors, `${path}.type`, type, ['Queue', 'Reject'])
}

const checkQueuing = (
  errors: FieldError[],
  path: string,
  { queueLengthLimit = 0, queues = 0, handSize = 0 }: Wire<V1QueuingConfiguration>,
): void => {
  const refuse = (field: string, value: number, why: string) =>
    errors.push(invalidField(`${path}.${field}`, value, why))
  if (queueLengthLimit <= 0) refuse('queueLengthLimit', queueLengthLimit, 'must be positive')
  if (queues <= 0) refuse('queues', queues, 'must be positive')
  else if (queues > MAX_QUEUES) {
    refuse('queues', queues, `must not be greater than ${MAX_QUEUES}`)
  }
  if (handSize <= 0) refuse('handSize', handSize, 'must be positive')
  else if (handSize > queues) {
    refuse('handSize', handSize, `should not be greater than queues (${queues})`)
  } else if (Math.ceil(Math.log2(queues) * handSize) > MAX_HASH_BITS) {
    const why = `required entropy bits of deckSize ${queues} and handSize ${handSize} should not be greater than ${MAX_HASH_BITS}`
    refuse('handSize', handSize, why)
  }
}

const queuingCell =
  (field: keyof V1QueuingConfiguration & string) =>
  ({ spec }: PriorityLevelConfiguration): string | number =>
    (spec?.limited?.limitResponse?.queuing as Record<string, number> | undefined)?.[field] ??
    '<none>'

export const PriorityLevelConfiguration = defineKind<PriorityLevelConfiguration>({
  group: 'flowcontrol.apiserver.k8s.io',
  version: 'v1',
  kind: 'PriorityLevelConfiguration',
  plural: 'prioritylevelconfigurations',
  singular: 'prioritylevelconfiguration',
  namespaced: false,
  model: 'V1PriorityLevelConfiguration',
  statusSubresource: true,
  tracksGeneration: true,
  applyDefaults,
  ...statusParts,
  validate,
  columns: [
    nameColumn,
    column('Type', 'Limited or Exempt.', ({ spec }) => spec?.type ?? ''),
    column('NominalConcurrencyShares', 'Share of the places at work.', ({ spec }) => {
      return spec?.limited ? (spec.limited.nominalConcurrencyShares ?? 0) : '<none>'
    }),
    column('Queues', 'Number of queues.', queuingCell('queues')),
    column('HandSize', 'Queues that one flow may use.', queuingCell('handSize')),
    column('QueueLengthLimit', 'Requests that wait in one queue.', queuingCell('queueLengthLimit')),
    ageColumn,
  ],
})
