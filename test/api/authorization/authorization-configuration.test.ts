/**
 * What an AuthorizationConfiguration may say.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readAuthorizationConfiguration } from '../../../src/api/authorization/authorization-configuration.ts'
import { checkExpressions } from '../../../src/api/authorization/match-conditions.ts'
import type { FieldError } from '../../../src/api/status-error.ts'

const document = (...authorizers: object[]) => ({
  apiVersion: 'apiserver.config.k8s.io/v1',
  kind: 'AuthorizationConfiguration',
  authorizers,
})
const webhook = {
  timeout: '3s',
  subjectAccessReviewVersion: 'v1',
  failurePolicy: 'NoOpinion',
  connectionInfo: { type: 'KubeConfigFile', kubeConfigFile: '/etc/webhook' },
}
const faults = (...authorizers: object[]) =>
  readAuthorizationConfiguration(document(...authorizers)).errors.map(
    ({ field, message }) => `${field}: ${message}`,
  )

test('authorizers in their order, with defaults', () => {
  const { authorizers, errors } = readAuthorizationConfiguration(
    document(
      { type: 'Webhook', name: 'ours', webhook: { ...webhook, authorizedTTL: '1m30s' } },
      { type: 'Node', name: 'node' },
      { type: 'RBAC', name: 'rbac' },
    ),
  )
  assert.equal(errors, [])
  assert.equal(authorizers, [
    {
      type: 'Webhook',
      name: 'ours',
      webhook: {
        timeoutMs: 3_000,
        authorizedTtlMs: 90_000,
        unauthorizedTtlMs: 30_000,
        cacheAuthorizedRequests: true,
        cacheUnauthorizedRequests: true,
        subjectAccessReviewVersion: 'v1',
        failurePolicy: 'NoOpinion',
        kubeConfigFile: '/etc/webhook',
        matchConditions: [],
      },
    },
    { type: 'Node', name: 'node' },
    { type: 'RBAC', name: 'rbac' },
  ])
})

test('faults are told as Kubernetes tells them', () => {
  assert.equal(faults(), [
    'authorizers: Required value: at least one authorization mode must be defined',
  ])
  assert.equal(
    faults(
      { name: 'a' },
      { type: 'Magic', name: 'b' },
      { type: 'RBAC', name: 'c', webhook },
      { type: 'RBAC', name: 'd' },
      { type: 'Node', name: 'c' },
      { type: 'Webhook', name: 'e' },
    ),
    [
      'authorizers[0].type: Required value',
      'authorizers[1].type: Unsupported value: "Magic": supported values: "ABAC", "AlwaysAllow", "AlwaysDeny", "Node", "RBAC", "Webhook"',
      'authorizers[2].webhook: Invalid value: "non-null": may only be specified when type=Webhook',
      'authorizers[3].type: Duplicate value: "RBAC"',
      'authorizers[4].name: Duplicate value: "c"',
      'authorizers[5].webhook: Required value: required when type=Webhook',
    ],
  )
  assert.equal(
    faults({
      type: 'Webhook',
      name: 'x',
      webhook: {
        timeout: '31s',
        failurePolicy: 'Maybe',
        connectionInfo: { type: 'KubeConfigFile', kubeConfigFile: 'here' },
        matchConditions: [{ expression: 'true' }, { expression: ' ' }, { expression: 'true' }],
      },
    }),
    [
      'authorizers[0].timeout: Invalid value: "31s": must be > 0s and <= 30s',
      'authorizers[0].subjectAccessReviewVersion: Required value',
      'authorizers[0].matchConditionSubjectAccessReviewVersion: Required value: required if match conditions are specified',
      'authorizers[0].matchConditions[1].expression: Required value',
      'authorizers[0].matchConditions[2].expression: Duplicate value: "true"',
      'authorizers[0].failurePolicy: Unsupported value: "Maybe": supported values: "NoOpinion", "Deny"',
      'authorizers[0].connectionInfo.kubeConfigFile: Invalid value: "here": must be an absolute path',
    ],
  )
  assert.throws(
    () => readAuthorizationConfiguration({ kind: 'Pod', apiVersion: 'v1' }),
    /expected an AuthorizationConfiguration/,
  )
})

test('expressions see the spec of a review and give a bool', () => {
  const errors: FieldError[] = []
  checkExpressions(errors, 'm', [
    "request.user == 'jane' && request.resourceAttributes.fieldSelector.requirements.size() > 0",
    'request.none',
    'request.user',
  ])
  assert.equal(
    errors.map(({ field }) => field),
    ['m[1].expression', 'm[2].expression'],
  )
})

test.run()
