/**
 * Expressions of an AuthenticationConfiguration: what they see, what they must give, and their run.
 *
 * They see `claims` (a token's, any JSON) or `user` (who it became). Names that CEL cannot spell are reached
 * escaped, `claims.kubernetes__dot__io`, at every depth. Types and wording follow Kubernetes 1.36
 * (`apiserver/pkg/authentication/cel`). Import it lazily: it brings the compiler.
 */
import { type Compiled, CompileError, compile } from '../cel/cel.ts'
import {
  type CelType,
  DYN,
  escapeName,
  listOf,
  mapOf,
  objectType,
  STRING,
} from '../cel/cel-type.ts'
import { toJson } from '../cel/value.ts'
import type { UserInfo } from '../kind.ts'
import { type FieldError, invalidField } from '../status-error.ts'

const VARIABLES: Readonly<Record<'claims' | 'user', CelType>> = {
  claims: mapOf(STRING, DYN),
  user: objectType('kubernetes.UserInfo', {
    username: STRING,
    uid: STRING,
    groups: listOf(STRING),
    extra: mapOf(STRING, listOf(STRING)),
  }),
}

/** Pushes the fault of `source`; `wanted` is what it must give, where that is fixed. */
export const compileExpression = (
  errors: FieldError[],
  path: string,
  source: string,
  variable: 'claims' | 'user',
  wanted?: 'bool',
): Compiled | undefined => {
  try {
    const compiled = compile(source, { variables: { [variable]: VARIABLES[variable] } })
    if (!wanted || compiled.type.kind === wanted) return compiled
    errors.push(invalidField(path, source, `must evaluate to ${wanted}`))
  } catch (error) {
    if (!(error instanceof CompileError)) throw error
    errors.push(invalidField(path, source, error.message))
  }
  return undefined
}

/** Throws Error in Kubernetes' words when it cannot be evaluated. The result is JSON. */
export const evaluate = (
  compiled: Compiled,
  bindings: { claims: object } | { user: object },
): unknown => {
  try {
    return toJson(compiled.evaluate({ ...bindings }).value)
  } catch (error) {
    throw new Error(
      `expression '${compiled.expression}' resulted in error: ${(error as Error).message}`,
    )
  }
}

/** Claims as expressions see them. */
export const claimsValue = (claims: object): object => withEscapedNames(claims) as object

/** A user as expressions see it. */
export const userValue = ({ name, uid = '', groups, extra = {} }: UserInfo): object =>
  withEscapedNames({ username: name, uid, groups, extra }) as object

/** A copy whose escaped names are there too, but are not counted and not walked over. */
const withEscapedNames = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(withEscapedNames)
  if (typeof value !== 'object' || value === null) return value
  const copy: Record<string, unknown> = Object.create(null)
  for (const [key, part] of Object.entries(value)) copy[key] = withEscapedNames(part)
  for (const key of Object.keys(copy)) {
    const escaped = escapeName(key)
    if (escaped !== key && !Object.hasOwn(copy, escaped))
      Object.defineProperty(copy, escaped, { value: copy[key], enumerable: false })
  }
  return copy
}
