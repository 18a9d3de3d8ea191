/**
 * Which policies are to be evaluated on a write: by binding and by parameter, in a fixed order.
 *
 * After Kubernetes' `plugin/policy/generic/policy_dispatcher.go`. Invariant: what cannot be found out is told as a
 * configuration error of the policy or of its binding, never thrown.
 */
import type {
  BindingSpec,
  PolicySpec,
} from '../../../../api/admissionregistration/policy-validation.ts'
import type { AnyKind } from '../../../../api/kind.ts'
import type { KubernetesObject } from '../../../../api/meta.ts'
import { StatusError } from '../../../../api/status-error.ts'
import { type Criteria, formFor, matchesSelectors } from '../matching/criteria.ts'
import type { Candidate } from '../matching/hook-source.ts'
import type { AdmissionAttributes } from '../plugin.ts'
import { ConfigurationError, parameterKind, parametersOf } from './parameters.ts'
import type { PolicyHook } from './policy-hook.ts'

type Policy = KubernetesObject & { spec?: PolicySpec }
type Binding = KubernetesObject & { spec?: BindingSpec }

/** A policy that applies, with one of its bindings. */
export interface Invocation<P, B> {
  policy: P
  binding: B
  /** In which the object is looked at. */
  form: AnyKind
  /** One for each parameter; null: evaluated without. */
  parameters: readonly (KubernetesObject | null)[]
}

/** Why a policy cannot be evaluated; without a binding: with none of them. */
export interface Misconfiguration<P, B> {
  policy: P
  binding: B | undefined
  message: string
}

/** In the order of names. */
export const invocationsOf = async <P extends Policy, B extends Binding>(
  attributes: AdmissionAttributes,
  candidates: readonly Candidate<PolicyHook<P, B>>[],
): Promise<(Invocation<P, B> | Misconfiguration<P, B>)[]> => {
  const { kind, operation, subresource, name } = attributes
  const all: (Invocation<P, B> | Misconfiguration<P, B>)[] = []
  for (const { hook, match } of candidates) {
    const { policy } = hook
    const form = formFor(match, name)
    if (!form) continue
    const fault = faultOf(hook.criteria, attributes)
    if (fault === false) continue
    const parameters = fault ?? kindOrFault(attributes, policy.spec?.paramKind)
    if (parameters instanceof Error) {
      const message = `failed to configure policy: ${parameters.message}`
      all.push({ policy, binding: undefined, message })
      continue
    }
    for (const each of hook.bindings.candidates(kind, operation, subresource)) {
      const { binding, criteria } = each.hook
      if (!formFor(each.match, name)) continue
      const selected = faultOf(criteria, attributes)
      if (selected === false) continue
      const found =
        selected ??
        (parameters.kind ? await listOrFault(attributes, parameters.kind, binding) : NO_PARAMETERS)
      all.push(
        found instanceof Error
          ? { policy, binding, message: `failed to configure binding: ${found.message}` }
          : { policy, binding, form, parameters: found },
      )
    }
  }
  return all
}

const NO_PARAMETERS: readonly null[] = [null]

/** Undefined: labels are as wanted; false: they are not. */
const faultOf = (
  criteria: Criteria,
  attributes: AdmissionAttributes,
): Error | false | undefined => {
  const isSelected = matchesSelectors(criteria, attributes)
  if (isSelected instanceof StatusError) return isSelected
  return isSelected ? undefined : false
}

const kindOrFault = (
  attributes: AdmissionAttributes,
  paramKind: PolicySpec['paramKind'],
): { kind: AnyKind | undefined } | ConfigurationError => {
  try {
    return { kind: parameterKind(attributes, paramKind) }
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error
    return error
  }
}

const listOrFault = async (
  attributes: AdmissionAttributes,
  kind: AnyKind,
  { spec }: Binding,
): Promise<readonly (KubernetesObject | null)[] | Error> => {
  try {
    return await parametersOf(attributes, kind, spec?.paramRef)
  } catch (error) {
    if (error instanceof ConfigurationError || error instanceof StatusError) return error
    throw error
  }
}
