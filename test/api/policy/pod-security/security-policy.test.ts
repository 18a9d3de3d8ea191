/**
 * What the labels of a namespace ask for, after the cases of `pod-security-admission/api`.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  isEquivalent,
  levelText,
  policyOf,
  policyOfDefaults,
} from '../../../../src/api/policy/pod-security/security-policy.ts'

const DEFAULTS = policyOfDefaults({})
const P = 'pod-security.kubernetes.io/'

const run = (labels: Record<string, string>, defaults = DEFAULTS) => {
  const prefixed = Object.entries(labels).map(([key, value]) => [P + key, value])
  const { policy, errors } = policyOf(Object.fromEntries(prefixed), defaults)
  const { enforce, audit, warn } = policy
  return [
    [enforce, audit, warn].map(levelText).join(' '),
    ...errors.map(({ field, message }) => `${field}: ${message}`),
  ]
}

test('every mode has a level and a version, privileged and latest by default', () => {
  assert.equal(run({}), ['privileged:latest privileged:latest privileged:latest'])
  assert.equal(run({ audit: 'baseline', 'audit-version': 'v1.20' }), [
    'privileged:latest baseline:v1.20 privileged:latest',
  ])
  assert.equal(run({ warn: 'restricted', enforce: 'baseline' }), [
    'baseline:latest privileged:latest restricted:latest',
  ])
})

test('what is enforced is warned of, unless the namespace says otherwise', () => {
  assert.equal(run({ enforce: 'restricted', 'enforce-version': 'v1.25' }), [
    'restricted:v1.25 privileged:latest restricted:v1.25',
  ])
  assert.equal(run({ enforce: 'restricted', 'enforce-version': 'v1.25', 'warn-version': 'v1.1' }), [
    'restricted:v1.25 privileged:latest restricted:v1.1',
  ])
  assert.equal(run({ enforce: 'restricted', warn: 'privileged' }), [
    'restricted:latest privileged:latest privileged:latest',
  ])
  const defaults = policyOfDefaults({ warn: 'restricted', enforce: 'restricted' })
  assert.equal(run({ enforce: 'baseline' }, defaults), [
    'baseline:latest privileged:latest restricted:latest',
  ])
})

test('what cannot be read is restricted where it is enforced, and said', () => {
  const LEVEL = 'must be one of privileged, baseline, restricted'
  assert.equal(run({ enforce: 'x', audit: 'y', 'warn-version': '1.2' }), [
    'restricted:latest privileged:latest privileged:latest',
    `metadata.labels[${P}enforce]: Invalid value: "x": ${LEVEL}`,
    `metadata.labels[${P}audit]: Invalid value: "y": ${LEVEL}`,
    `metadata.labels[${P}warn-version]: Invalid value: "1.2": must be "latest" or "v1.x"`,
  ])
  for (const version of ['v1.01', 'v2.1', 'v1', '', 'v1.2.3'])
    assert.is(run({ 'enforce-version': version }).length, 2, version)
})

test('policies are equivalent when they come to the same', () => {
  const other = policyOfDefaults({ 'enforce-version': 'v1.20' })
  assert.ok(isEquivalent(DEFAULTS, other))
  assert.not(isEquivalent(DEFAULTS, policyOfDefaults({ audit: 'baseline' })))
})

test.run()
