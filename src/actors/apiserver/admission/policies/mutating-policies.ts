/**
 * Applies the mutating policies that are about a write, one after the other.
 *
 * After Kubernetes' `plugin/policy/mutating/dispatcher.go`. Invariant: each mutation sees what those before it made;
 * one that fails leaves the object as it was, and refuses the write at the end if its policy says so.
 */
import { loadCompiler } from '../../../../api/admissionregistration/admission-expressions.ts'
import { evaluateConditions } from '../../../../api/admissionregistration/match-conditions.ts'
import type { MutatingAdmissionPolicy } from '../../../../api/admissionregistration/mutating-admission-policy.ts'
import type { MutatingAdmissionPolicyBinding } from '../../../../api/admissionregistration/mutating-admission-policy-binding.ts'
import {
  compileMutations,
  evaluateMutation,
  type Mutation,
  type MutationProgram,
  type MutationResult,
} from '../../../../api/admissionregistration/mutation-program.ts'
import { deepEqual } from '../../../../api/equality.ts'
import type { UncheckedObject } from '../../../../api/kind.ts'
import {
  type FieldShape,
  type StructShape,
  shapeOfModel,
} from '../../../../api/managed-fields/field-shape.ts'
import type { KubernetesObject } from '../../../../api/meta.ts'
import { StatusError } from '../../../../api/status-error.ts'
import { shapeOf } from '../../field-managers.ts'
import { errorTypeOf } from '../admission-metrics.ts'
import { refusedBy } from '../chain.ts'
import type { MutatingPolicyHook } from '../dynamic-admission.ts'
import type { Candidate } from '../matching/hook-source.ts'
import { documentOf } from '../matching/reviewed-kind.ts'
import { putBack, settled, shownIn } from '../matching/versioned-object.ts'
import type { AdmissionAttributes } from '../plugin.ts'
import { Reinvocation } from '../reinvocation.ts'
import { withDecisions } from './authorizer-answers.ts'
import { expressionInput, namespaceObject } from './expression-input.ts'
import { type Invocation, invocationsOf } from './invocations.ts'

type Policy = MutatingAdmissionPolicy
type Binding = MutatingAdmissionPolicyBinding

interface Fault {
  policy: Policy
  binding: Binding | undefined
  message: string
  reason: string
}

const programs = new WeakMap<Policy, MutationProgram>()
const rounds = new WeakMap<AdmissionAttributes, Reinvocation>()

/** Throws StatusError. */
export const applyMutatingPolicies = async (
  attributes: AdmissionAttributes,
  candidates: readonly Candidate<MutatingPolicyHook>[],
): Promise<void> => {
  await loadCompiler()
  const faults: Fault[] = []
  const invocations: Invocation<Policy, Binding>[] = []
  // All are found before the first changes what others go by.
  for (const each of await invocationsOf(attributes, candidates))
    if ('message' in each) faults.push({ ...each, reason: '' })
    else invocations.push(each)
  if (invocations.length > 0) {
    const round = Reinvocation.of(rounds, attributes)
    for (const invocation of invocations)
      for (const parameter of invocation.parameters)
        faults.push(...(await invoke(attributes, invocation, parameter, round)))
    round.end(attributes)
  }
  const counted = faults.filter(({ policy }) => policy.spec?.failurePolicy !== 'Ignore')
  if (counted.length > 0) throw refusalOf(attributes, counted)
}

const programOf = (policy: Policy): MutationProgram => {
  let program = programs.get(policy)
  if (!program) {
    program = compileMutations(policy)
    programs.set(policy, program)
  }
  return program
}

/** What went wrong. */
const invoke = async (
  attributes: AdmissionAttributes,
  { policy, binding, form }: Invocation<Policy, Binding>,
  parameter: KubernetesObject | null,
  round: Reinvocation,
): Promise<Fault[]> => {
  const program = programOf(policy)
  const call = { attributes, program, form, parameter }
  const matched = await conditionsOf(call)
  if (matched === false) return []
  if (matched !== true) return [{ policy, binding, message: matched, reason: 'Invalid' }]
  const id = invocationId(policy, binding, parameter)
  if (!round.isDue(id)) return []
  const faults: Fault[] = []
  let isChanged = false
  for (const mutation of program.mutations) {
    if (!attributes.object) break
    const result = await mutate(call, mutation, binding.metadata.name, policy.metadata.name)
    if (typeof result === 'string')
      faults.push({ policy, binding, message: result, reason: 'Invalid' })
    else isChanged ||= result
  }
  if (isChanged) round.changed(attributes)
  if (policy.spec?.reinvocationPolicy === 'IfNeeded') round.invoked(id)
  return faults
}

const invocationId = (
  policy: Policy,
  binding: Binding,
  parameter: KubernetesObject | null,
): string => {
  const { namespace = '', name = '' } = parameter?.metadata ?? {}
  return `${policy.metadata.name}/${binding.metadata.name}/${namespace}/${name}`
}

interface Call {
  attributes: AdmissionAttributes
  program: MutationProgram
  form: Invocation<Policy, Binding>['form']
  parameter: KubernetesObject | null
}

const inputOf = async ({ attributes, program, form, parameter }: Call) => {
  const shown = {
    form,
    object: await shownIn(form, attributes, attributes.object),
    old: await shownIn(form, attributes, attributes.old),
  }
  return (decide: Parameters<typeof expressionInput>[2]) => ({
    ...expressionInput(attributes, shown, decide),
    namespaceObject: () => namespaceObject(attributes),
    ...(program.scope.hasParams ? { params: parameter } : {}),
  })
}

/** A text: why they could not be evaluated. */
const conditionsOf = async (call: Call): Promise<boolean | string> => {
  const { attributes, program } = call
  const { conditions, scope } = program
  if (!conditions) return true
  const input = await inputOf(call)
  const result = await withDecisions(attributes, (decide) =>
    evaluateConditions(
      conditions,
      { ...input(decide), namespaceObject: () => null },
      scope.variables,
    ),
  )
  return 'error' in result ? result.error : result.matches
}

/** Whether the object was changed, or what went wrong. */
const mutate = async (
  call: Call,
  mutation: Mutation,
  binding: string,
  policy: string,
): Promise<boolean | string> => {
  const { attributes, program, form } = call
  const { services, subresource } = attributes
  const startedAt = services.clock.monotonic()
  const input = await inputOf(call)
  const result = await withDecisions(attributes, (decide): MutationResult => {
    const given = input(decide)
    const object = given.object as UncheckedObject
    return evaluateMutation(program, mutation, given, object, shapeFor(form, subresource))
  })
  const seconds = (services.clock.monotonic() - startedAt) / 1000
  const error = 'error' in result ? result.error : undefined
  services.dynamicAdmission.metrics.mutation(policy, binding, errorTypeOf(error), seconds)
  if ('error' in result) return result.error
  const changed = settled(form, subresource, result.object)
  const before = await shownIn(form, attributes, attributes.object)
  if (deepEqual(before, changed)) return false
  await putBack(attributes, form, changed)
  return true
}

const shapeFor = (form: Call['form'], subresource: string | undefined): StructShape => {
  const document = documentOf(form, subresource)
  if (!document) return shapeOf(form)
  return document.model ? shapeOfModel(document.model) : ANYTHING
}

const UNTYPED: FieldShape = { is: 'untyped', atomic: false }
const ANYTHING: StructShape = {
  is: 'struct',
  atomic: false,
  field: () => undefined,
  present: () => [],
  rest: UNTYPED,
}

const refusalOf = (attributes: AdmissionAttributes, faults: readonly Fault[]): StatusError => {
  const messages = faults.map(({ policy, binding, message }) =>
    binding
      ? `policy '${policy.metadata.name}' with binding '${binding.metadata.name}' denied request: ${message}`
      : `policy ${JSON.stringify(policy.metadata.name)} denied request: ${message}`,
  )
  const { status } = refusedBy(attributes, 'admission request denied by policy')
  return new StatusError(403, faults[0]?.reason || 'Forbidden', messages[0]!, {
    ...status.details,
    causes: messages.map((message) => ({ message })),
  })
}
