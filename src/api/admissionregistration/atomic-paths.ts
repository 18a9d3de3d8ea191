/**
 * What a configuration names that server-side apply would replace as a whole: lists, maps and structs that are one
 * value. A policy may not name such, as Kubernetes' `mutating/patch/smd.go` has it: what it leaves out would be lost.
 */
import type { FieldShape } from '../managed-fields/field-shape.ts'
import type { Json } from '../meta.ts'

/** As Go shows paths: `.spec.selector`, `.spec.containers[0].command`. */
export const atomicPathsOf = (shape: FieldShape, value: Json, path = ''): string[] => {
  if (typeof value !== 'object' || value === null || shape.is === 'scalar') return []
  const own = shape.atomic ? [path] : []
  if (Array.isArray(value)) {
    if (shape.is !== 'list') return own
    return [...own, ...value.flatMap((item, at) => atomicPathsOf(shape.of, item, `${path}[${at}]`))]
  }
  if (shape.is !== 'struct') return shape.is === 'list' ? [] : own
  const inner = Object.entries(value).flatMap(([name, item]) => {
    const field = shape.field(name)
    return field ? atomicPathsOf(field.shape, item, `${path}.${name}`) : []
  })
  return [...own, ...inner]
}
