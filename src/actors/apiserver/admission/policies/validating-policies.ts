/**
 * Enforces the validating policies that are about a write.
 *
 * After Kubernetes' `plugin/policy/validating/dispatcher.go`. Invariant: every policy is evaluated, and warnings and
 * annotations are given, before the first refusal ends the write.
 */
import { loadCompiler } from '../../../../api/admissionregistration/admission-expressions.ts'
import type { ValidatingAdmissionPolicy } from '../../../../api/admissionregistration/validating-admission-policy.ts'
import type { ValidatingAdmissionPolicyBinding } from '../../../../api/admissionregistration/validating-admission-policy-binding.ts'
import {
  compileValidations,
  type Decision,
  evaluateValidations,
  type ValidationProgram,
  type ValidationResult,
} from '../../../../api/admissionregistration/validation-program.ts'
import type { KubernetesObject } from '../../../../api/meta.ts'
import { StatusError } from '../../../../api/status-error.ts'
import { annotate, warn } from '../../request.ts'
import { errorTypeOf } from '../admission-metrics.ts'
import { refusedBy } from '../chain.ts'
import type { ValidatingPolicyHook } from '../dynamic-admission.ts'
import type { Candidate } from '../matching/hook-source.ts'
import { shownIn } from '../matching/versioned-object.ts'
import type { AdmissionAttributes } from '../plugin.ts'
import { withDecisions } from './authorizer-answers.ts'
import { expressionInput, namespaceObject } from './expression-input.ts'
import { type Invocation, invocationsOf } from './invocations.ts'

type Policy = ValidatingAdmissionPolicy
type Binding = ValidatingAdmissionPolicyBinding

interface Denial {
  policy: Policy
  binding: Binding | undefined
  message: string
  reason: string
}

const programs = new WeakMap<Policy, ValidationProgram>()

/** Throws StatusError. */
export const enforceValidatingPolicies = async (
  attributes: AdmissionAttributes,
  candidates: readonly Candidate<ValidatingPolicyHook>[],
): Promise<void> => {
  await loadCompiler()
  const denials: Denial[] = []
  const published = new Published()
  for (const each of await invocationsOf(attributes, candidates)) {
    if ('message' in each) {
      if (each.policy.spec?.failurePolicy !== 'Ignore') denials.push({ ...each, reason: '' })
      continue
    }
    for (const parameter of each.parameters) {
      const startedAt = attributes.services.clock.monotonic()
      const evaluated = evaluate(attributes, each, parameter)
      const result = evaluated instanceof Promise ? await evaluated : evaluated
      const seconds = (attributes.services.clock.monotonic() - startedAt) / 1000
      denials.push(...carryOut(attributes, each, result, published, seconds))
    }
  }
  published.publish(attributes)
  if (denials[0]) throw refusalOf(attributes, denials[0])
}

const programOf = (policy: Policy): ValidationProgram => {
  let program = programs.get(policy)
  if (!program) {
    program = compileValidations(policy)
    programs.set(policy, program)
  }
  return program
}

const evaluate = (
  attributes: AdmissionAttributes,
  { policy, form }: Invocation<Policy, Binding>,
  parameter: KubernetesObject | null,
): ValidationResult | Promise<ValidationResult> => {
  const program = programOf(policy)
  const object = shownIn(form, attributes, attributes.object)
  const old = shownIn(form, attributes, attributes.old)
  if (object instanceof Promise || old instanceof Promise)
    return Promise.all([object, old]).then(([one, other]) =>
      judge(attributes, program, { form, object: one, old: other }, parameter),
    )
  return judge(attributes, program, { form, object, old }, parameter)
}

const judge = (
  attributes: AdmissionAttributes,
  program: ValidationProgram,
  shown: Parameters<typeof expressionInput>[1],
  parameter: KubernetesObject | null,
): ValidationResult | Promise<ValidationResult> =>
  withDecisions(attributes, (decide) =>
    evaluateValidations(program, {
      ...expressionInput(attributes, shown, decide),
      namespaceObject: () => namespaceObject(attributes),
      ...(program.scope.hasParams ? { params: parameter } : {}),
    }),
  )

/** Warns, annotates and counts; the result are the refusals. */
const carryOut = (
  attributes: AdmissionAttributes,
  { policy, binding }: Invocation<Policy, Binding>,
  { decisions, annotations }: ValidationResult,
  published: Published,
  seconds: number,
): Denial[] => {
  const denials: Denial[] = []
  const deny = ({ message, reason }: { message: string; reason: string }) =>
    denials.push({ policy, binding, message, reason })
  for (const [index, decision] of decisions.entries())
    if (decision.isDenied)
      for (const action of binding.spec?.validationActions ?? [])
        act(attributes, policy, binding, action, decision, index, deny, seconds)
    else if (decision.isError) check(attributes, policy, binding, decision, 'allow', seconds)
  for (const annotation of annotations)
    if ('value' in annotation) published.add(policy, annotation.key, annotation.value)
    else deny({ message: annotation.error, reason: '' })
  return denials
}

const act = (
  attributes: AdmissionAttributes,
  policy: Policy,
  binding: Binding,
  action: string,
  decision: Decision,
  index: number,
  deny: (decision: Decision) => void,
  seconds: number,
): void => {
  const { request } = attributes
  if (action === 'Deny') {
    deny(decision)
    check(attributes, policy, binding, decision, 'deny', seconds)
  } else if (action === 'Warn') {
    warn(
      request,
      `Validation failed for ValidatingAdmissionPolicy '${policy.metadata.name}' with binding '${binding.metadata.name}': ${decision.message}`,
    )
    check(attributes, policy, binding, decision, 'warn', seconds)
  } else if (action === 'Audit') {
    const failure = {
      message: decision.message,
      policy: binding.spec?.policyName,
      binding: binding.metadata.name,
      expressionIndex: index,
      validationActions: binding.spec?.validationActions,
    }
    const key = 'validation.policy.admission.k8s.io/validation_failure'
    annotate(request, key, JSON.stringify([failure]))
    check(attributes, policy, binding, decision, 'audit', seconds)
  }
}

const check = (
  { services }: AdmissionAttributes,
  policy: Policy,
  binding: Binding,
  { isError, message }: Decision,
  action: 'allow' | 'deny' | 'audit' | 'warn',
  seconds: number,
): void => {
  const error = isError ? errorTypeOf(message) : 'invalid_error'
  const { name } = policy.metadata
  services.dynamicAdmission.metrics.check(name, binding.metadata.name, error, action, seconds)
}

const ANNOTATION_BYTES_MAX = 10 * 1024

/** Annotations of policies: what several bindings or parameters give for one key is joined. */
class Published {
  private readonly values = new Map<string, string[]>()

  add({ metadata: { name } }: Policy, key: string, value: string): void {
    const full = `${name}/${key}`
    const shown = Buffer.from(value).subarray(0, ANNOTATION_BYTES_MAX).toString()
    const known = this.values.get(full)
    if (!known) this.values.set(full, [shown])
    else if (!known.includes(shown)) known.push(shown)
  }

  publish({ request }: AdmissionAttributes): void {
    for (const [key, values] of this.values) annotate(request, key, values.join(', '))
  }
}

const CODES: Readonly<Record<string, number>> = {
  Forbidden: 403,
  Unauthorized: 401,
  RequestEntityTooLarge: 413,
}

const refusalOf = (
  attributes: AdmissionAttributes,
  { policy, binding, message, reason }: Denial,
): StatusError => {
  const by = binding ? ` with binding '${binding.metadata.name}'` : ''
  const text = `ValidatingAdmissionPolicy '${policy.metadata.name}'${by} denied request: ${message}`
  const { status } = refusedBy(attributes, text)
  const shown = reason || 'Invalid'
  return new StatusError(CODES[shown] ?? 422, shown, status.message ?? '', {
    ...status.details,
    causes: [{ message: text }],
  })
}
