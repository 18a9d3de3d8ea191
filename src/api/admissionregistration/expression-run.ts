/**
 * `ExpressionRun`: expressions of one policy or webhook on one request, under one budget.
 *
 * After Kubernetes' `apiserver/pkg/admission/plugin/cel` (activation and composition). Variables of a policy are
 * computed when they are first looked at, once a run. Invariant: the costs of all evaluations together stay within the
 * budget. It decides nothing by what comes out, and asks the authorizer only through `decide`.
 */
import { CelError } from '../cel/cel-error.ts'
import {
  type AccessAnswer,
  type AccessQuestion,
  Authorizer,
  resourceCheck,
} from '../cel/library/authorizer.ts'
import { MapValue, type Value } from '../cel/value.ts'
import type { CompiledExpression } from './admission-expressions.ts'

/** What expressions see; objects are plain JSON and not changed. What is rarely looked at is made when it is. */
export interface ExpressionInput {
  /** Null where there is none. */
  object: object | null
  oldObject: object | null
  /** Of `admission.k8s.io`, without the objects. */
  request(): object
  /** Null for what is in no namespace. */
  namespaceObject(): object | null
  /** Null when the policy has parameters and the binding names none; undefined: they are not declared. */
  params?: object | null | undefined
  decide(question: AccessQuestion): AccessAnswer
  /** What `authorizer.requestResource` asks about. */
  requestResource(): Omit<AccessQuestion, 'verb'>
}

export interface NamedExpression {
  /** As it is quoted in messages. */
  text: string
  expression: CompiledExpression
}

export type Outcome = { value: Value } | { error: string }

/** Units of cost for all expressions of a policy, by binding and parameter. */
export const RUN_BUDGET = 10_000_000
/** … for match conditions. */
export const MATCH_BUDGET = 2_500_000

/** The budget of the run is used up. */
export class RunBudgetError extends Error {
  constructor() {
    super(
      'validation failed due to running out of cost budget, no further validation rules will be run',
    )
  }
}

export type Variables = ReadonlyMap<string, CompiledExpression>

export const NO_VARIABLES: Variables = new Map()

export class ExpressionRun {
  private readonly bindings: Bindings
  private readonly variables: PolicyVariables
  private left: number

  constructor(input: ExpressionInput, variables: Variables, budget: number) {
    this.left = budget
    this.variables = new PolicyVariables(variables)
    this.bindings = new Bindings(input, this.variables)
    this.variables.bindings = this.bindings
  }

  /** Units that are left. */
  get remaining(): number {
    return this.left
  }

  /** Throws RunBudgetError. */
  evaluate({ text, expression }: NamedExpression): Outcome {
    if ('fault' in expression) return { error: `compilation error: ${expression.fault}` }
    let outcome: Outcome
    let cost: number
    try {
      const result = expression.compiled.evaluate(this.bindings.byName)
      cost = result.cost
      outcome = { value: result.value }
    } catch (error) {
      if (!(error instanceof CelError)) throw error
      cost = error.cost
      outcome = { error: `expression '${text}' resulted in error: ${error.message}` }
    }
    this.left -= cost + this.variables.takeCost()
    if (this.left < 0) throw new RunBudgetError()
    return outcome
  }
}

/** `variables` of a policy. */
class PolicyVariables extends MapValue {
  override readonly objectName = 'kubernetes.variables'
  bindings: Bindings | undefined
  private readonly values = new Map<string, Value | CelError>()
  private cost = 0

  constructor(private readonly declared: Variables) {
    super()
  }

  get size(): number {
    return this.declared.size
  }

  get(key: Value): Value | undefined {
    if (typeof key !== 'string') return undefined
    let value = this.values.get(key)
    if (value === undefined) {
      const expression = this.declared.get(key)
      if (!expression) return undefined
      value = this.compute(key, expression)
      this.values.set(key, value)
    }
    if (value instanceof CelError) throw value
    return value
  }

  keys(): Value[] {
    return [...this.declared.keys()]
  }

  /** What was computed since this was asked last. */
  takeCost(): number {
    const { cost } = this
    this.cost = 0
    return cost
  }

  private compute(name: string, expression: CompiledExpression): Value | CelError {
    if ('fault' in expression)
      return new CelError(`composited variable "${name}" fails to compile: ${expression.fault}`)
    try {
      const { value, cost } = expression.compiled.evaluate(this.bindings!.byName)
      this.cost += cost
      return value
    } catch (error) {
      if (!(error instanceof CelError)) throw error
      this.cost += error.cost
      return new CelError(`composited variable "${name}" fails to evaluate: ${error.message}`)
    }
  }
}

/** The variables that expressions name. */
class Bindings {
  constructor(
    private readonly input: ExpressionInput,
    readonly variables: PolicyVariables,
  ) {}

  get byName(): Readonly<Record<string, unknown>> {
    return this as unknown as Readonly<Record<string, unknown>>
  }

  get object(): object | null {
    return this.input.object
  }

  get oldObject(): object | null {
    return this.input.oldObject
  }

  get params(): object | null | undefined {
    return this.input.params
  }

  get request(): object {
    return this.input.request()
  }

  get namespaceObject(): object | null {
    return this.input.namespaceObject()
  }

  get authorizer(): Authorizer {
    return new Authorizer(this.input.decide)
  }

  get ['authorizer.requestResource'](): unknown {
    return resourceCheck(this.input.decide, this.input.requestResource())
  }
}
