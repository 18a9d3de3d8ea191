/**
 * The annotations of nodes whose content Kubernetes still checks: taints as they once were, and pods to avoid.
 *
 * Paths and wording follow Kubernetes 1.36. Nothing acts on them; what is no JSON is refused in this runtime's
 * words.
 */
import type { V1OwnerReference, V1Taint } from '@kubernetes/client-node'
import type { ObjectMeta, Wire } from '../meta.ts'
import { type FieldError, invalidField, requiredField } from '../status-error.ts'
import { checkTaints } from './scheduling-validation.ts'

const TAINTS = 'scheduler.alpha.kubernetes.io/taints'
const AVOID = 'scheduler.alpha.kubernetes.io/preferAvoidPods'

interface AvoidPods {
  preferAvoidPods?: { podSignature?: { podController?: Partial<Wire<V1OwnerReference>> } }[]
}

export const checkNodeAnnotations = (
  errors: FieldError[],
  path: string,
  annotations: ObjectMeta['annotations'],
): void => {
  if (!annotations) return
  if (annotations[TAINTS]) {
    const taints = parsed<Wire<V1Taint>[]>(errors, path, TAINTS, annotations[TAINTS])
    if (Array.isArray(taints) && taints.every(isTaint)) {
      checkTaints(errors, `${path}.${TAINTS}`, taints)
    } else if (taints !== undefined) {
      errors.push(invalidField(path, TAINTS, 'json: cannot unmarshal into a list of taints'))
    }
  }
  if (annotations[AVOID]) {
    const avoid = parsed<AvoidPods>(errors, `${path}.AvoidPods`, AVOID, annotations[AVOID])
    const entries = avoid?.preferAvoidPods
    if (Array.isArray(entries)) checkAvoidedPods(errors, `${path}.${AVOID}`, entries)
  }
}

/** Whether nothing in it is of another type than in a taint. */
const isTaint = (taint: unknown): boolean =>
  typeof taint === 'object' &&
  taint !== null &&
  Object.values(taint).every((value) => typeof value === 'string')

const checkAvoidedPods = (
  errors: FieldError[],
  path: string,
  entries: NonNullable<AvoidPods['preferAvoidPods']>,
): void => {
  for (const [index, entry] of entries.entries()) {
    const at = `${path}[${index}].PodSignature`
    const controller = entry?.podSignature?.podController
    if (!controller) errors.push(requiredField(at))
    else if (controller.controller !== true) {
      const field = `${at}.PodController.Controller`
      errors.push(invalidField(field, false, 'must point to a controller'))
    }
  }
}

const parsed = <T>(errors: FieldError[], at: string, key: string, text: string): T | undefined => {
  try {
    return JSON.parse(text) as T
  } catch (error) {
    errors.push(invalidField(at, key, (error as Error).message))
    return undefined
  }
}
