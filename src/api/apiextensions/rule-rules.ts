/**
 * What `x-kubernetes-validations` of a schema must satisfy: they compile, their paths exist, their estimated
 * cost is bounded, each and together.
 *
 * After Kubernetes' `apiextensions/validation/{validation,cel_validation}.go`. Costs are those of an object as
 * large as its schema allows; where the schema sets no bound, as large as a request may be.
 */

import { compile, RULE_ESTIMATE_MAX, RULES_ESTIMATE_MAX } from '../cel/cel.ts'
import { BOOL, STRING } from '../cel/cel-type.ts'
import { type SchemaShape, typeOfSchema } from '../cel/schema-type.ts'
import type { Json } from '../meta.ts'
import {
  type FieldError,
  forbiddenField,
  invalidField,
  requiredField,
  unsupportedField,
} from '../status-error.ts'
import { findField } from './field-path.ts'
import { ruleVariables } from './rule-check.ts'
import type { Schema } from './structural-rules.ts'
import type { ValidationRule } from './structural-schema.ts'

export interface CelContext {
  schema: Schema
  /** How often the part can occur in one object; undefined: without a bound. */
  cardinality: number | undefined
  /** Root or embedded resource: it has a name and a kind. */
  isResource: boolean
  costs: RuleCosts
}

/** The context of a part; `times`: how often it occurs in its parent, undefined where nothing says. */
export const childContext = (
  parent: CelContext | undefined,
  schema: Schema,
  times: Json | 'same' | undefined,
): CelContext | undefined => {
  if (!parent) return undefined
  const { cardinality, costs } = parent
  const bounded =
    times === 'same'
      ? cardinality
      : typeof times === 'number' && cardinality !== undefined
        ? cardinality * times
        : undefined
  const isResource = schema['x-kubernetes-embedded-resource'] === true
  return { schema, cardinality: bounded, isResource, costs }
}

const EXPENSIVE_TOLD = 4

/** The costs of all rules of a schema. */
export class RuleCosts {
  private total = 0
  private readonly all: { path: string; cost: number }[] = []

  add(path: string, cost: number): void {
    this.total += cost
    this.all.push({ path, cost })
  }

  faults(path: string): FieldError[] {
    if (this.total <= RULES_ESTIMATE_MAX) return []
    const most = this.all.sort((a, b) => b.cost - a.cost).slice(0, EXPENSIVE_TOLD)
    return [
      ...most.map((each) =>
        forbiddenField(
          each.path,
          'contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema',
        ),
      ),
      forbiddenField(
        path,
        costText(
          'x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema',
          this.total,
          RULES_ESTIMATE_MAX,
        ),
      ),
    ]
  }
}

const costText = (what: string, cost: number, limit: number): string => {
  const times = cost / limit
  const factor =
    times > 100 ? 'more than 100x' : `${times < 1.5 ? times.toFixed(6) : times.toFixed(1)}x`
  return `${what} exceeds budget by factor of ${factor} (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)`
}

const REASONS = [
  'FieldValueDuplicate',
  'FieldValueForbidden',
  'FieldValueInvalid',
  'FieldValueRequired',
]

const REQUEST_MAX = 3 * 1024 * 1024

/** `cel`: undefined where the schema has faults, or types cannot be made of it. */
export const validateRules = (
  schema: Schema,
  path: string,
  uncorrelatable: string | undefined,
  cel: CelContext | undefined,
): { schema: FieldError[]; rules: FieldError[] } => {
  const rules = (schema['x-kubernetes-validations'] as unknown as ValidationRule[]) ?? []
  const errors: FieldError[] = []
  for (const [at, rule] of rules.entries())
    errors.push(...textFaults(rule, schema, `${path}.x-kubernetes-validations[${at}]`))
  if (rules.length === 0 || errors.length > 0 || !cel) return { schema: errors, rules: [] }
  const type = typeOfSchema(schema as SchemaShape, cel.isResource)
  if (!type) return { schema: errors, rules: [] }
  const times = cel.cardinality ?? Math.floor(REQUEST_MAX / ((type.minSize ?? 1) + 1))
  return {
    schema: errors,
    rules: rules.flatMap((rule, at) =>
      expressionFaults(rule, `${path}.x-kubernetes-validations[${at}]`, {
        type,
        times,
        uncorrelatable,
        costs: cel.costs,
      }),
    ),
  }
}

const hasLineBreak = (text: string): boolean => /[\n\r]/.test(text)

const textFaults = (rule: ValidationRule, schema: Schema, path: string): FieldError[] => {
  const errors: FieldError[] = []
  const { message = '', messageExpression = '', fieldPath = '', reason } = rule
  const text = (rule.rule ?? '').trim()
  const trimmed = message.trim()
  if (!text) errors.push(requiredField(`${path}.rule`, 'rule is not specified'))
  else if (message && !trimmed)
    errors.push(invalidField(`${path}.message`, message, 'message must be non-empty if specified'))
  else if (hasLineBreak(trimmed))
    errors.push(invalidField(`${path}.message`, message, 'message must not contain line breaks'))
  else if (hasLineBreak(text) && !trimmed)
    errors.push(
      requiredField(`${path}.message`, 'message must be specified if rule contains line breaks'),
    )
  if (messageExpression && !messageExpression.trim())
    errors.push(
      requiredField(
        `${path}.messageExpression`,
        'messageExpression must be non-empty if specified',
      ),
    )
  if (reason !== undefined && !REASONS.includes(reason))
    errors.push(unsupportedField(`${path}.reason`, reason, REASONS))
  if (!fieldPath) return errors
  const refuse = (detail: string) =>
    errors.push(invalidField(`${path}.fieldPath`, fieldPath, detail))
  if (!fieldPath.trim()) refuse('fieldPath must be non-empty if specified')
  if (hasLineBreak(fieldPath)) refuse('fieldPath must not contain line breaks')
  if (typeof findField(fieldPath, schema) === 'string') refuse('fieldPath must be a valid path')
  return errors
}

interface Typing {
  type: NonNullable<ReturnType<typeof typeOfSchema>>
  times: number
  uncorrelatable: string | undefined
  costs: RuleCosts
}

const expressionFaults = (
  rule: ValidationRule,
  path: string,
  { type, times, uncorrelatable, costs }: Typing,
): FieldError[] => {
  const errors: FieldError[] = []
  const variables = ruleVariables(type, rule)
  const priced = (place: string, word: string, cost: number) => {
    const whole = cost * times
    if (whole > RULE_ESTIMATE_MAX)
      errors.push(forbiddenField(place, costText(word, whole, RULE_ESTIMATE_MAX)))
    costs.add(place, whole)
  }
  const at = `${path}.rule`
  let usesOld = false
  try {
    const program = compile(rule.rule, { variables }, BOOL)
    usesOld = program.mentions('oldSelf')
    priced(at, 'estimated rule cost', program.cost.max)
  } catch (error) {
    errors.push(invalidField(at, shown(rule), textOf(error)))
    return errors
  }
  if (rule.messageExpression) {
    const place = `${path}.messageExpression`
    try {
      const program = compile(rule.messageExpression, { variables }, STRING)
      priced(place, 'estimated messageExpression cost', program.cost.max)
    } catch (error) {
      const text = textOf(error).replace(/^cel expression must/, 'messageExpression must')
      errors.push(invalidField(place, shown(rule), text))
    }
  }
  if (usesOld && uncorrelatable !== undefined)
    errors.push(
      invalidField(
        at,
        rule.rule,
        `oldSelf cannot be used on the uncorrelatable portion of the schema within ${uncorrelatable}`,
      ),
    )
  if (!usesOld && rule.optionalOldSelf !== undefined)
    errors.push(
      invalidField(
        `${path}.optionalOldSelf`,
        rule.optionalOldSelf,
        'may not be set if oldSelf is not used in rule',
      ),
    )
  return errors
}

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** A rule as messages show it: with the names of Kubernetes' own fields. */
const shown = (rule: ValidationRule): Json => ({
  Rule: rule.rule,
  Message: rule.message ?? '',
  MessageExpression: rule.messageExpression ?? '',
  Reason: rule.reason ?? null,
  FieldPath: rule.fieldPath ?? '',
  OptionalOldSelf: rule.optionalOldSelf ?? null,
})
