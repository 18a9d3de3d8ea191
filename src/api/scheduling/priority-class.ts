/**
 * PriorityClass: a name for a number that says which pods go first and which give way.
 *
 * Values never change. Names with the prefix `system-` belong to the two classes that always exist.
 */
import type { V1PriorityClass } from '@kubernetes/client-node'
import { ageColumn, column, nameColumn } from '../core/columns.ts'
import { checkUnchanged, isOneOf } from '../core/field-rules.ts'
import { defineKind } from '../kind.ts'
import type { Draft, WireObject } from '../meta.ts'
import { type FieldError, forbiddenField, requiredField } from '../status-error.ts'

export type PriorityClass = WireObject<V1PriorityClass>

const SYSTEM_PREFIX = 'system-'
/** User-defined classes stay below what the system's have. */
const HIGHEST_USER_VALUE = 1_000_000_000
const SYSTEM_VALUE = 2 * HIGHEST_USER_VALUE
const PREEMPTION_POLICIES = ['PreemptLowerPriority', 'Never']

/** The classes that exist from the start. */
export const systemPriorityClasses: readonly Draft<PriorityClass>[] = [
  {
    metadata: { name: 'system-node-critical' },
    value: SYSTEM_VALUE + 1000,
    description: 'Used for system critical pods that must not be moved from their current node.',
  },
  {
    metadata: { name: 'system-cluster-critical' },
    value: SYSTEM_VALUE,
    description:
      'Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.',
  },
]

/** Why a class whose name is the system's is not one of the system's. */
const systemFault = ({ metadata: { name }, value, globalDefault }: PriorityClass) => {
  const known = systemPriorityClasses.find(({ metadata }) => metadata.name === name)
  if (!known) return `${name} is not a known system priority class`
  if (known.value !== value) return `value of ${name} PriorityClass must be ${known.value}`
  return globalDefault ? `globalDefault of ${name} PriorityClass must be false` : undefined
}

const validate = (priorityClass: PriorityClass): FieldError[] => {
  const errors: FieldError[] = []
  if (priorityClass.metadata.name?.startsWith(SYSTEM_PREFIX)) {
    const fault = systemFault(priorityClass)
    if (fault) {
      const why = `priority class names with '${SYSTEM_PREFIX}' prefix are reserved for system use only. error: ${fault}`
      errors.push(forbiddenField('metadata.name', why))
    }
  } else if ((priorityClass.value ?? 0) > HIGHEST_USER_VALUE) {
    const why = `maximum allowed value of a user defined priority is ${HIGHEST_USER_VALUE}`
    errors.push(forbiddenField('value', why))
  }
  const policy = priorityClass.preemptionPolicy
  if (policy === '') errors.push(requiredField('preemptionPolicy'))
  else if (policy != null) isOneOf(errors, 'preemptionPolicy', policy, PREEMPTION_POLICIES)
  return errors
}

const validateUpdate = (priorityClass: PriorityClass, old: PriorityClass): FieldError[] => {
  const errors: FieldError[] = []
  if (priorityClass.value !== old.value) {
    errors.push(forbiddenField('value', 'may not be changed in an update.'))
  }
  const { preemptionPolicy } = priorityClass
  checkUnchanged(errors, 'preemptionPolicy', preemptionPolicy, old.preemptionPolicy)
  return errors
}

export const PriorityClass = defineKind<PriorityClass>({
  group: 'scheduling.k8s.io',
  version: 'v1',
  kind: 'PriorityClass',
  plural: 'priorityclasses',
  singular: 'priorityclass',
  shortNames: ['pc'],
  namespaced: false,
  model: 'V1PriorityClass',
  applyDefaults: (priorityClass) => {
    priorityClass.value ??= 0
    priorityClass.preemptionPolicy ??= 'PreemptLowerPriority'
  },
  undeletable: (name) =>
    systemPriorityClasses.some(({ metadata }) => metadata.name === name)
      ? 'this is a system priority class and cannot be deleted'
      : undefined,
  // It has a generation that no change raises.
  prepareForCreate: ({ metadata }) => {
    metadata.generation = 1
  },
  // On create validate the value and names, on update only what may not change.
  validate: (priorityClass, old) => (old ? [] : validate(priorityClass)),
  validateUpdate,
  columns: [
    nameColumn,
    column('Value', 'The higher goes first.', ({ value }) => value ?? 0, 'integer'),
    column(
      'Global-Default',
      'Whether pods without a class have this one.',
      ({ globalDefault }) => {
        return globalDefault ?? false
      },
      'boolean',
    ),
    ageColumn,
    column('PreemptionPolicy', 'Whether its pods push others out.', ({ preemptionPolicy }) => {
      return preemptionPolicy ?? ''
    }),
  ],
})
