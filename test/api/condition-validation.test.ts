/**
 * Conditions in a status: what each must have.
 */
import type { V1Condition } from '@kubernetes/client-node'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { checkConditions } from '../../src/api/condition-validation.ts'
import type { Wire } from '../../src/api/meta.ts'
import type { FieldError } from '../../src/api/status-error.ts'

const good: Wire<V1Condition> = {
  type: 'example.com/Ready',
  status: 'True',
  reason: 'ReasonA:ReasonB',
  message: '',
  lastTransitionTime: '2026-01-01T00:00:00Z',
}

const faults = (...conditions: Wire<V1Condition>[]): string[] => {
  const errors: FieldError[] = []
  checkConditions(errors, 'status.conditions', conditions)
  return errors.map(({ field, message }) => `${field}: ${message}`)
}

test('a complete condition is accepted', () => {
  assert.equal(faults(good, { ...good, type: 'Other' }), [])
})

test('a type appears once', () => {
  assert.equal(faults(good, good), [
    'status.conditions[1].type: Duplicate value: "example.com/Ready"',
  ])
})

test('every field is checked', () => {
  const bad = {
    type: 'Ready',
    status: 'Maybe',
    reason: '',
    message: 'x'.repeat(32 * 1024 + 1),
    observedGeneration: -1,
  } as Wire<V1Condition>
  assert.equal(faults(bad), [
    'status.conditions[0].status: Unsupported value: "Maybe": supported values: "False", "True", "Unknown"',
    'status.conditions[0].observedGeneration: Invalid value: -1: must be greater than or equal to zero',
    'status.conditions[0].lastTransitionTime: Required value: must be set',
    'status.conditions[0].reason: Required value: must be set',
    'status.conditions[0].message: Too long: may not be more than 32768 bytes',
  ])
  const [reason] = faults({ ...good, reason: 'no blanks' })
  assert.match(reason ?? '', /^status\.conditions\[0\]\.reason: Invalid value: "no blanks": a cond/)
})

test.run()
