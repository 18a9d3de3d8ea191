/**
 * `x-kubernetes-validations`: rules in CEL on parts of a custom object, compiled once for each version.
 *
 * After Kubernetes' `apiextensions-apiserver/pkg/apiserver/schema/cel/validation.go`. A rule that mentions `oldSelf`
 * runs where there is an old value to compare with; any other is not held against what has not changed.
 * Invariant: all rules on one object share a budget, so a definition cannot stop the server.
 */

import { CALL_COST_MAX, type Compiled, compile, OBJECT_COST_MAX } from '../cel/cel.ts'
import { BudgetError } from '../cel/cel-error.ts'
import { BOOL, optionalOf, STRING } from '../cel/cel-type.ts'
import { type SchemaShape, typeOfSchema } from '../cel/schema-type.ts'
import { type Adapter, adapterOf, Optional } from '../cel/value.ts'
import { deepEqual } from '../equality.ts'
import type { CustomSchema } from '../kind.ts'
import type { Json } from '../meta.ts'
import {
  duplicateField,
  type FieldError,
  forbiddenField,
  invalidField,
  requiredField,
} from '../status-error.ts'
import type { RuleCheck } from './custom-rules.ts'
import { findField } from './field-path.ts'
import { oldItems } from './schema-validation.ts'
import type { SchemaNode, ValidationRule } from './structural-schema.ts'

type JsonObject = { [key: string]: Json }

interface Rule {
  source: ValidationRule
  program: Compiled | undefined
  messageProgram: Compiled | undefined
  usesOld: boolean
  /** What field errors append to the path of the object. */
  fieldPath: string
  /** A rule that was stored and does not compile is a fault of every object. */
  fault: string
}

interface RuleNode {
  node: SchemaNode
  type: string
  /** Makes a value of an old part, for rules that take it as optional. */
  adapt: Adapter | undefined
  rules: readonly Rule[]
  properties: ReadonlyMap<string, RuleNode>
  additional: RuleNode | undefined
  items: RuleNode | undefined
}

export const compileRules = (schema: CustomSchema, root: SchemaNode): RuleCheck => {
  const tree = compileNode(schema, root, true)
  return (object, old) => {
    const run: Run = { errors: [], budget: OBJECT_COST_MAX }
    if (tree) check(run, tree, object, old, '', old !== undefined && deepEqual(object, old))
    return run.errors
  }
}

const compileNode = (
  schema: CustomSchema,
  node: SchemaNode,
  isRoot: boolean,
): RuleNode | undefined => {
  if (!node.hasRules) return undefined
  const child = (raw: Json | undefined, each: SchemaNode | boolean | undefined) =>
    typeof each === 'object' && typeof raw === 'object' && raw !== null && !Array.isArray(raw)
      ? compileNode(raw, each, each.embeddedResource)
      : undefined
  const properties = new Map<string, RuleNode>()
  const raw = (schema['properties'] ?? {}) as JsonObject
  for (const [name, each] of node.properties ?? []) {
    const compiled = child(raw[name], each)
    if (compiled) properties.set(name, compiled)
  }
  const type = node.rules.length > 0 ? typeOfSchema(schema as SchemaShape, isRoot) : undefined
  return {
    node,
    type: (schema['type'] as string | undefined) ?? '',
    adapt: type && adapterOf(type),
    rules: type ? node.rules.map((rule) => compileRule(rule, schema, type)) : [],
    properties,
    additional: child(schema['additionalProperties'], node.additionalProperties),
    items: child(schema['items'], node.items),
  }
}

type SelfType = NonNullable<ReturnType<typeof typeOfSchema>>

/** The types that a rule sees; its own part and, where it is compared, the former one. */
export const ruleVariables = (self: SelfType, rule: ValidationRule) => ({
  self,
  oldSelf: rule.optionalOldSelf ? optionalOf(self) : self,
})

const compileRule = (source: ValidationRule, schema: CustomSchema, self: SelfType): Rule => {
  const found = source.fieldPath ? findField(source.fieldPath, schema) : ''
  const rule: Rule = {
    source,
    program: undefined,
    messageProgram: undefined,
    usesOld: false,
    fieldPath: typeof found === 'object' ? found.text : '',
    fault: '',
  }
  const variables = ruleVariables(self, source)
  try {
    rule.program = compile(source.rule, { variables }, BOOL)
    rule.usesOld = rule.program.mentions('oldSelf')
    if (source.messageExpression)
      rule.messageProgram = compile(source.messageExpression, { variables }, STRING)
  } catch (error) {
    rule.fault = error instanceof Error ? error.message : String(error)
  }
  return rule
}

interface Run {
  errors: FieldError[]
  /** Below zero: nothing is checked any more. */
  budget: number
}

const check = (
  run: Run,
  tree: RuleNode,
  value: Json,
  old: Json | undefined,
  path: string,
  isUnchanged: boolean,
): void => {
  if (value === null || run.budget < 0) return
  for (const rule of tree.rules) {
    checkRule(run, tree, rule, value, old ?? undefined, path, isUnchanged)
    if (run.budget < 0) return
  }
  if (Array.isArray(value)) {
    const { items, node } = tree
    if (!items) return
    const former = oldItems(node, old)
    for (const [at, item] of value.entries()) {
      const before = former?.(item)
      const isSame = before === undefined ? isUnchanged : deepEqual(item, before)
      check(run, items, item, before, `${path}[${at}]`, isSame)
    }
  } else if (typeof value === 'object') checkFields(run, tree, value, old, path, isUnchanged)
}

const checkFields = (
  run: Run,
  tree: RuleNode,
  value: JsonObject,
  old: Json | undefined,
  path: string,
  isUnchanged: boolean,
): void => {
  const isComparable =
    tree.node.mapType !== 'atomic' && typeof old === 'object' && old !== null && !Array.isArray(old)
  for (const key of Object.keys(value)) {
    const own = tree.properties.get(key)
    const each = own ?? (tree.node.properties?.has(key) ? undefined : tree.additional)
    if (!each) continue
    const before = isComparable ? old[key] : undefined
    const isSame = before === undefined ? isUnchanged : deepEqual(value[key], before)
    const place = own ? (path ? `${path}.${key}` : key) : `${path}[${key}]`
    check(run, each, value[key]!, before, place, isSame)
  }
}

const OUT_OF_BUDGET =
  'validation failed due to running out of cost budget, no further validation rules will be run'

const checkRule = (
  run: Run,
  { type, adapt }: RuleNode,
  rule: Rule,
  value: Json,
  old: Json | undefined,
  path: string,
  isUnchanged: boolean,
): void => {
  const field = path || '<nil>'
  const { source, program, usesOld } = rule
  const refuse = (detail: string) => run.errors.push(invalidField(field, type, detail))
  if (!program) {
    refuse(`rule compile error: ${rule.fault}`)
    return
  }
  if (usesOld && old === undefined && !source.optionalOldSelf) return
  const optional = () => (old === undefined || !adapt ? Optional.none : new Optional(adapt(old)))
  const oldSelf = source.optionalOldSelf ? optional() : old
  const bindings = { self: value, ...(usesOld ? { oldSelf } : {}) }
  let outcome: unknown
  try {
    const { value: result, cost } = program.evaluate(bindings, CALL_COST_MAX)
    outcome = result
    run.budget -= cost
  } catch (error) {
    const detail = failureText(error, source)
    if (error instanceof BudgetError) run.budget = -1
    refuse(detail)
    return
  }
  if (run.budget < 0) refuse(OUT_OF_BUDGET)
  else if (outcome !== true && (usesOld || !isUnchanged))
    run.errors.push(ruleError(run, rule, type, path, bindings))
}

const ruleText = ({ message, rule }: ValidationRule): string => (message || rule).trim()

const failureText = (error: unknown, source: ValidationRule): string => {
  const text = error instanceof Error ? error.message : String(error)
  if (error instanceof BudgetError)
    return `'${text}': no further validation rules will be run due to call cost exceeds limit for rule: ${ruleText(source)}`
  if (text.startsWith('no such overload'))
    return `'${text}': call arguments did not match a supported operator, function or macro signature for rule: ${ruleText(source)}`
  return `${text} evaluating rule: ${ruleText(source)}`
}

const ruleError = (
  run: Run,
  rule: Rule,
  type: string,
  path: string,
  bindings: Readonly<Record<string, unknown>>,
): FieldError => {
  const { source, fieldPath } = rule
  const field = fieldPath ? (path ? `${path}.${fieldPath}` : fieldPath) : path || '<nil>'
  const detail =
    computedMessage(run, rule, bindings) ??
    (source.message ? source.message.trim() : `failed rule: ${source.rule.trim()}`)
  switch (source.reason) {
    case 'FieldValueForbidden':
      return forbiddenField(field, detail)
    case 'FieldValueRequired':
      return requiredField(field, detail)
    case 'FieldValueDuplicate':
      return duplicateField(field, type)
    default:
      return invalidField(field, type, detail)
  }
}

const MESSAGE_BYTES_MAX = 5 * 1024

/** Undefined when the expression gives no message that can be shown. */
const computedMessage = (
  run: Run,
  { messageProgram }: Rule,
  bindings: Readonly<Record<string, unknown>>,
): string | undefined => {
  if (!messageProgram) return undefined
  try {
    const { value, cost } = messageProgram.evaluate(bindings, CALL_COST_MAX)
    run.budget -= cost
    const text = typeof value === 'string' ? value.trim() : ''
    if (text === '' || text.includes('\n')) return undefined
    return Buffer.byteLength(text) > MESSAGE_BYTES_MAX ? undefined : text
  } catch {
    return undefined
  }
}
