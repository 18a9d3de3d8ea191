/**
 * Paths into a schema as rules and selectable fields name them: `.spec.size`, `.spec['a.b'].c`.
 *
 * After `ValidFieldPath` of Kubernetes' `apiextensions-apiserver/pkg/apiserver/schema/cel`. Invariant: a path
 * that is found names something the schema declares.
 */
import type { CustomSchema } from '../kind.ts'
import type { Json } from '../meta.ts'

export interface FoundField {
  /** As field errors write it: `spec.size`, `spec.labels[a]`. */
  text: string
  /** The first part. */
  root: string
  schema: CustomSchema
}

/** A text: what is wrong with the path. */
export const findField = (
  path: string,
  schema: CustomSchema,
  allowsBrackets = true,
): FoundField | string => {
  const tokens = path.match(/'(?:[^'\\]|\\.)*'?|[.[\]]|[^.[\]']+/gs) ?? []
  let at: CustomSchema = schema
  let text = ''
  let root = ''
  const enter = (name: string): boolean => {
    const { properties, additionalProperties } = at
    if (isSchema(properties) && Object.keys(properties).length > 0) {
      const next = properties[name]
      if (!isSchema(next)) return false
      text += text ? `.${name}` : name
      at = next
    } else if (isSchema(additionalProperties)) {
      text += `[${name}]`
      at = additionalProperties
    } else return false
    root ||= name
    return true
  }
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i]!
    if (token === '.') {
      const name = tokens[++i]
      if (name === undefined) return 'unexpected end of JSON path'
      if (!enter(name)) return 'does not refer to a valid field'
    } else if (token === '[') {
      if (!allowsBrackets) return 'array notation is not allowed'
      const quoted = tokens[++i]
      if (quoted === undefined) return 'unexpected end of JSON path'
      if (!/^'.*'$/s.test(quoted)) return `expected single quoted string but got ${quoted}`
      if (!enter(quoted.slice(1, -1).replace(/\\(.)/gs, '$1')))
        return 'does not refer to a valid field'
      const end = tokens[++i]
      if (end === undefined) return 'unexpected end of JSON path'
      if (end !== ']') return `expected ] but got ${end}`
    } else return `expected [ or . but got: ${token}`
  }
  return { text, root, schema: at }
}

const isSchema = (value: Json | undefined): value is { [key: string]: Json } =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
