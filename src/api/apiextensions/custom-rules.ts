/**
 * What one version of a custom kind demands of its objects: its schema, compiled when it is first needed.
 *
 * The order of checks is that of Kubernetes' `registry/customresource/strategy.go`. Invariant: rules written in
 * CEL run only on objects that the schema itself accepts.
 */
import type { CustomSchema } from '../kind.ts'
import type { Json } from '../meta.ts'
import { type FieldError, invalidField } from '../status-error.ts'
import { coerceEmbedded, validateEmbedded } from './embedded-objects.ts'
import { checkUniqueLists } from './list-rules.ts'
import { type ScalePaths, validateScale } from './scale-paths.ts'
import { validateValue } from './schema-validation.ts'
import { dropNulls, prune } from './structural-objects.ts'
import { rootSchema, type SchemaNode } from './structural-schema.ts'

type JsonObject = { [key: string]: Json }

/** Evaluates `x-kubernetes-validations`; `old` is undefined for a new object. */
export type RuleCheck = (object: Json, old: Json | undefined) => FieldError[]

const BLOCKING: ReadonlySet<FieldError['reason']> = new Set([
  'FieldValueNotSupported',
  'FieldValueRequired',
  'FieldValueTooLong',
  'FieldValueTooMany',
  'FieldValueTypeInvalid',
])

export class CustomRules {
  private compiled: SchemaNode | undefined
  private ruleCheck: RuleCheck | undefined

  constructor(
    /** Read when the first object is written: definitions rest encoded. */
    private readonly schema: () => CustomSchema,
    private readonly scale: ScalePaths | undefined,
    private readonly keepsEverything: boolean,
  ) {}

  get root(): SchemaNode {
    if (!this.compiled) {
      const root = rootSchema(this.schema())
      this.compiled = this.keepsEverything ? { ...root, preservesUnknown: true } : root
    }
    return this.compiled
  }

  /** Loads the evaluator of rules, if there are any. */
  async load(): Promise<void> {
    if (this.ruleCheck || !this.root.hasRules) return
    const { compileRules } = await import('./rule-check.ts')
    this.ruleCheck = compileRules(this.schema(), this.root)
  }

  /** Prunes and drops nulls, in place. Tells fields that were not known, and faults of embedded metadata. */
  settle(object: JsonObject): { unknown: string[]; faults: FieldError[] } {
    const unknown: string[] = []
    const faults = coerceEmbedded(object, this.root, '', true, unknown)
    if (!this.keepsEverything) {
      for (const path of prune(object, this.root)) unknown.push(`unknown field "${path}"`)
    }
    dropNulls(object, this.root)
    return { unknown, faults }
  }

  validate(object: object, old: object | undefined): FieldError[] {
    return this.check(object as JsonObject, old as JsonObject | undefined, 'all')
  }

  validateStatus(object: object, old: object): FieldError[] {
    return this.check(object as JsonObject, old as JsonObject, 'status')
  }

  private check(
    object: JsonObject,
    old: JsonObject | undefined,
    which: 'all' | 'status',
  ): FieldError[] {
    const { root } = this
    const errors = validateValue(object, root, '', old)
    const { scale } = this
    if (scale) errors.push(...validateScale(object, scale, which))
    errors.push(...validateEmbedded(object, root))
    if (root.hasUniqueLists && (!old || checkUniqueLists(old, root).length === 0))
      errors.push(...checkUniqueLists(object, root))
    if (!this.ruleCheck) return errors
    if (errors.some(({ reason }) => BLOCKING.has(reason)))
      errors.push(invalidField('<nil>', 'null', NOT_ALL_CHECKED))
    else errors.push(...this.ruleCheck(object, old))
    return errors
  }
}

const NOT_ALL_CHECKED =
  'some validation rules were not checked because the object was invalid; correct the existing errors to complete validation'
