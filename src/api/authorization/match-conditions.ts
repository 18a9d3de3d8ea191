/**
 * Expressions that say which requests an authorization webhook is asked about.
 *
 * They see `request`, the spec of a SubjectAccessReview v1 (Kubernetes 1.36, `apiserver/pkg/authorization/cel`).
 * Import it lazily: it brings the compiler.
 */
import { type Compiled, CompileError, compile } from '../cel/cel.ts'
import { BOOL, listOf, mapOf, objectType, STRING } from '../cel/cel-type.ts'
import { type FieldError, invalidField } from '../status-error.ts'

const requirement = objectType('kubernetes.SelectorRequirement', {
  key: STRING,
  operator: STRING,
  values: listOf(STRING),
})
const selector = (name: string) =>
  objectType(name, { rawSelector: STRING, requirements: listOf(requirement) })

const REQUEST = objectType('kubernetes.SubjectAccessReviewSpec', {
  resourceAttributes: objectType('kubernetes.ResourceAttributes', {
    namespace: STRING,
    verb: STRING,
    group: STRING,
    version: STRING,
    resource: STRING,
    subresource: STRING,
    name: STRING,
    fieldSelector: selector('kubernetes.FieldSelectorAttributes'),
    labelSelector: selector('kubernetes.LabelSelectorAttributes'),
  }),
  nonResourceAttributes: objectType('kubernetes.NonResourceAttributes', {
    path: STRING,
    verb: STRING,
  }),
  user: STRING,
  groups: listOf(STRING),
  extra: mapOf(STRING, listOf(STRING)),
  uid: STRING,
})

export class MatchConditions {
  private readonly conditions: readonly Compiled[]

  /** Throws CompileError. */
  constructor(expressions: readonly string[]) {
    this.conditions = expressions.map((each) =>
      compile(each, { variables: { request: REQUEST } }, BOOL),
    )
  }

  /**
   * Whether the webhook is asked: one that is false says no, whatever fails. Throws Error when none is false and
   * some cannot be evaluated.
   */
  match(request: object): boolean {
    const faults: string[] = []
    for (const condition of this.conditions)
      try {
        if (condition.evaluate({ request }).value !== true) return false
      } catch (error) {
        faults.push(
          `cel evaluation error: expression '${condition.expression}' resulted in error: ${(error as Error).message}`,
        )
      }
    if (faults.length > 0)
      throw new Error(faults.length > 1 ? `[${faults.join(', ')}]` : faults[0]!)
    return true
  }
}

/** Pushes the faults of expressions that cannot be used. */
export const checkExpressions = (
  errors: FieldError[],
  path: string,
  expressions: readonly string[],
): void => {
  for (const [index, expression] of expressions.entries())
    try {
      new MatchConditions([expression])
    } catch (error) {
      const why = error instanceof CompileError ? error.message : (error as Error).message
      errors.push(invalidField(`${path}[${index}].expression`, expression, why))
    }
}
