/**
 * The scale subresource of a custom kind: three paths into its objects.
 *
 * Paths are plain fields joined by dots, as `.spec.replicas` (Kubernetes' `customresource/etcd.go`).
 * Invariant: a missing number reads as zero, a missing selector as none.
 */
import type { V1CustomResourceSubresourceScale } from '@kubernetes/client-node'
import { deepCopy } from '../equality.ts'
import type { ScaleSubresource } from '../kind.ts'
import type { Json } from '../meta.ts'
import { type FieldError, invalidField } from '../status-error.ts'
import type { CustomObject } from './custom-kind.ts'

export type ScalePaths = V1CustomResourceSubresourceScale

type JsonObject = { [key: string]: Json }

const partsOf = (path: string): string[] => path.replace(/^\./, '').split('.')

const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const readAt = (object: JsonObject, path: string): Json | undefined => {
  let value: Json | undefined = object
  for (const part of partsOf(path)) value = isObject(value) ? value[part] : undefined
  return value
}

export const scaleOf = (paths: ScalePaths): ScaleSubresource<CustomObject> => ({
  replicasPath: paths.specReplicasPath,
  read: (object) => {
    const selector = paths.labelSelectorPath && readAt(object, paths.labelSelectorPath)
    return {
      replicas: Number(readAt(object, paths.specReplicasPath) ?? 0),
      statusReplicas: Number(readAt(object, paths.statusReplicasPath) ?? 0),
      selector: typeof selector === 'string' ? selector : '',
    }
  },
  write: (object, replicas) => {
    const copy = deepCopy(object)
    const parts = partsOf(paths.specReplicasPath)
    let at: JsonObject = copy
    for (const part of parts.slice(0, -1)) {
      if (!isObject(at[part])) at[part] = {}
      at = at[part] as JsonObject
    }
    at[parts.at(-1)!] = replicas
    return copy
  },
})

const INT32_MAX = 2147483647

/** Faults of what the paths point at; `status`: of the status' paths only. */
export const validateScale = (
  object: JsonObject,
  paths: ScalePaths,
  which: 'all' | 'status',
): FieldError[] => {
  const errors: FieldError[] = []
  if (which === 'all') checkCount(errors, object, paths.specReplicasPath)
  checkCount(errors, object, paths.statusReplicasPath)
  const { labelSelectorPath } = paths
  if (labelSelectorPath) {
    const selector = readAt(object, labelSelectorPath)
    if (selector !== undefined && typeof selector !== 'string')
      errors.push(
        invalidField(labelSelectorPath, '', wrongType(labelSelectorPath, selector, 'string')),
      )
  }
  return errors
}

const checkCount = (errors: FieldError[], object: JsonObject, path: string): void => {
  const count = readAt(object, path)
  if (count === undefined) return
  if (typeof count !== 'number' || !Number.isInteger(count))
    errors.push(invalidField(path, 0, wrongType(path, count, 'int64')))
  else if (count < 0) errors.push(invalidField(path, count, 'should be a non-negative integer'))
  else if (count > INT32_MAX)
    errors.push(invalidField(path, count, `should be less than or equal to ${INT32_MAX}`))
}

const GO_TYPES: Readonly<Record<string, string>> = {
  string: 'string',
  number: 'float64',
  boolean: 'bool',
  object: 'map[string]interface {}',
}

const wrongType = (path: string, value: Json, wanted: string): string => {
  const actual = Array.isArray(value) ? '[]interface {}' : (GO_TYPES[typeof value] ?? 'nil')
  const shown = typeof value === 'string' ? value : JSON.stringify(value)
  return `.${partsOf(path).join('.')} accessor error: ${shown} is of the type ${actual}, expected ${wanted}`
}
