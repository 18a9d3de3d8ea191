/**
 * Webhooks of both configurations: defaults and rules.
 *
 * What an old configuration was allowed stays allowed in its updates. Wording and order follow Kubernetes 1.36
 * (`pkg/apis/admissionregistration/validation`). Nothing is called here.
 */
import type { V1MutatingWebhook, V1ValidatingWebhook } from '@kubernetes/client-node'
import { checkLabelSelector, isOneOf } from '../core/field-rules.ts'
import { deepEqual } from '../equality.ts'
import type { Wire } from '../meta.ts'
import { dns1035LabelErrors, dns1123SubdomainErrors } from '../names.ts'
import { duplicateField, type FieldError, invalidField, requiredField } from '../status-error.ts'
import { applyClientConfigDefaults, checkClientConfig } from './client-config-validation.ts'
import {
  checkMatchConditions,
  FAILURE_POLICIES,
  MATCH_POLICIES,
  REINVOCATION_POLICIES,
} from './match-validation.ts'
import { applyRuleDefaults, checkRule } from './rule-validation.ts'

type MutatingWebhook = Wire<V1MutatingWebhook>
export type Webhook = Wire<V1ValidatingWebhook> & Pick<MutatingWebhook, 'reinvocationPolicy'>

const DEFAULT_TIMEOUT_SECONDS = 10
const TIMEOUT_MAX_SECONDS = 30
const SIDE_EFFECTS = ['None', 'NoneOnDryRun', 'Some', 'Unknown']
const NO_SIDE_EFFECTS = ['None', 'NoneOnDryRun']
/** Versions of AdmissionReview that are spoken. */
const REVIEW_VERSIONS = ['v1', 'v1beta1']

export const applyWebhookDefaults = (webhooks: readonly Webhook[] | undefined): void => {
  for (const webhook of webhooks ?? []) {
    webhook.failurePolicy ??= 'Fail'
    webhook.matchPolicy ??= 'Equivalent'
    webhook.namespaceSelector ??= {}
    webhook.objectSelector ??= {}
    webhook.timeoutSeconds ??= DEFAULT_TIMEOUT_SECONDS
    applyRuleDefaults(webhook.rules)
    applyClientConfigDefaults(webhook.clientConfig)
  }
}

interface Tolerance {
  conditionsUnchanged: boolean
  sideEffects: boolean
  reviewVersions: boolean
  repeatedNames: boolean
}

/** Faults of `webhooks`; `old` are those they replace. */
export const webhookErrors = (
  webhooks: readonly Webhook[] = [],
  old?: readonly Webhook[],
): FieldError[] => {
  const errors: FieldError[] = []
  const tolerance: Tolerance = {
    conditionsUnchanged: old !== undefined && sameConditions(webhooks, old),
    sideEffects: !(old ?? []).every(({ sideEffects }) => NO_SIDE_EFFECTS.includes(sideEffects)),
    reviewVersions: (old ?? []).some(
      ({ admissionReviewVersions: versions = [] }) => versions.length > 0 && !isSpoken(versions),
    ),
    repeatedNames: new Set(old?.map(({ name }) => name)).size < (old?.length ?? 0),
  }
  const names = new Set<string>()
  for (const [index, webhook] of webhooks.entries()) {
    const at = `webhooks[${index}]`
    checkWebhook(errors, at, webhook, tolerance)
    checkReviewVersions(errors, `${at}.admissionReviewVersions`, webhook, tolerance)
    if (!webhook.name || tolerance.repeatedNames) continue
    if (names.has(webhook.name)) errors.push(duplicateField(`${at}.name`, webhook.name))
    names.add(webhook.name)
  }
  return errors
}

const sameConditions = (webhooks: readonly Webhook[], old: readonly Webhook[]): boolean =>
  webhooks.length === old.length &&
  webhooks.every(({ matchConditions }, index) =>
    deepEqual(matchConditions ?? [], old[index]?.matchConditions ?? []),
  )

const isSpoken = (versions: readonly string[]): boolean =>
  versions.some((version) => REVIEW_VERSIONS.includes(version))

const checkWebhook = (
  errors: FieldError[],
  at: string,
  webhook: Webhook,
  tolerance: Tolerance,
): void => {
  checkFullName(errors, `${at}.name`, webhook.name ?? '')
  for (const [index, rule] of (webhook.rules ?? []).entries())
    checkRule(errors, `${at}.rules[${index}]`, rule)
  const { failurePolicy, matchPolicy, sideEffects, timeoutSeconds, reinvocationPolicy } = webhook
  if (failurePolicy !== undefined)
    isOneOf(errors, `${at}.failurePolicy`, failurePolicy, FAILURE_POLICIES)
  if (matchPolicy !== undefined) isOneOf(errors, `${at}.matchPolicy`, matchPolicy, MATCH_POLICIES)
  const allowed = tolerance.sideEffects ? SIDE_EFFECTS : NO_SIDE_EFFECTS
  if (sideEffects === undefined)
    errors.push(requiredField(`${at}.sideEffects`, `must specify one of ${allowed.join(', ')}`))
  else isOneOf(errors, `${at}.sideEffects`, sideEffects, allowed)
  const seconds = timeoutSeconds ?? DEFAULT_TIMEOUT_SECONDS
  if (seconds < 1 || seconds > TIMEOUT_MAX_SECONDS) {
    const why = 'the timeout value must be between 1 and 30 seconds'
    errors.push(invalidField(`${at}.timeoutSeconds`, seconds, why))
  }
  checkLabelSelector(errors, `${at}.namespaceSelector`, webhook.namespaceSelector)
  checkLabelSelector(errors, `${at}.objectSelector`, webhook.objectSelector)
  if (reinvocationPolicy !== undefined)
    isOneOf(errors, `${at}.reinvocationPolicy`, reinvocationPolicy, REINVOCATION_POLICIES)
  checkClientConfig(errors, `${at}.clientConfig`, webhook.clientConfig)
  if (!tolerance.conditionsUnchanged)
    checkMatchConditions(errors, `${at}.matchConditions`, webhook.matchConditions)
}

const checkFullName = (errors: FieldError[], path: string, name: string): void => {
  if (!name) {
    errors.push(requiredField(path))
    return
  }
  const faults = dns1123SubdomainErrors(name)
  if (faults.length > 0) errors.push(invalidField(path, name, faults.join(',')))
  else if (name.split('.').length < 3) {
    const why = 'should be a domain with at least three segments separated by dots'
    errors.push(invalidField(path, name, why))
  }
}

const checkReviewVersions = (
  errors: FieldError[],
  path: string,
  { admissionReviewVersions: versions = [] }: Webhook,
  tolerance: Tolerance,
): void => {
  const spoken = REVIEW_VERSIONS.join(', ')
  if (versions.length === 0) {
    errors.push(requiredField(path, `must specify one of ${spoken}`))
    return
  }
  for (const [index, version] of versions.entries()) {
    const at = `${path}[${index}]`
    if (versions.indexOf(version) < index)
      errors.push(invalidField(at, version, 'duplicate version'))
    else
      for (const fault of dns1035LabelErrors(version)) errors.push(invalidField(at, version, fault))
  }
  if (!tolerance.reviewVersions && !isSpoken(versions))
    errors.push(invalidField(path, versions, `must include at least one of ${spoken}`))
}
