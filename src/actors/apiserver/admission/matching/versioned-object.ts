/**
 * Objects in the form that a rule names, and back.
 *
 * Invariant: what comes out is fresh wherever forms differ, so that nothing is remembered of an object that is still
 * being changed. Subresources that are documents of their own have one form.
 */
import { checkFields, decodeError } from '../../../../api/check-fields.ts'
import { deepCopy } from '../../../../api/equality.ts'
import type { AnyKind, UncheckedObject } from '../../../../api/kind.ts'
import type { Json, KubernetesObject } from '../../../../api/meta.ts'
import { internalError } from '../../../../api/status-error.ts'
import type { AdmissionAttributes } from '../plugin.ts'
import { documentOf } from './reviewed-kind.ts'

/** `object` of `from` as `to` shows it; the same object when they are one. Throws StatusError. */
export const convert = async (
  from: AnyKind,
  to: AnyKind,
  object: KubernetesObject,
): Promise<KubernetesObject> => {
  if (from === to) return object
  const stored = from.storedAs ? await from.storedAs.store(object) : deepCopy(object)
  if (!to.storedAs) return stored
  return to.storedAs.show(stored) ?? (await to.storedAs.showAll([stored]))[0]!
}

/** The object of a write in `form`. */
export const shownIn = (
  form: AnyKind,
  { kind, subresource }: AdmissionAttributes,
  object: KubernetesObject | undefined,
): Promise<KubernetesObject> | KubernetesObject | undefined =>
  object === undefined || form === kind || documentOf(kind, subresource)
    ? object
    : convert(kind, form, object)

/** What a plug-in made of the object in `form`, decoded and with defaults. Throws 500. */
export const settled = (
  form: AnyKind,
  subresource: string | undefined,
  tree: UncheckedObject,
): KubernetesObject => {
  const document = documentOf(form, subresource)
  const model = document ? document.model : form.model
  if (document && !model) return tree as unknown as KubernetesObject
  const isCustom = !document && form.decode
  const { object, typeErrors } = isCustom
    ? form.decode!(tree as Json)
    : checkFields(model!, tree as Json)
  if (typeErrors[0] !== undefined)
    throw internalError(decodeError(document ?? form, typeErrors[0]).message)
  const settledObject = object as unknown as KubernetesObject
  if (!document) form.applyDefaults?.(settledObject)
  return settledObject
}

/** Puts what `form` says in the place of the object of the write, in place. */
export const putBack = async (
  attributes: AdmissionAttributes,
  form: AnyKind,
  changed: KubernetesObject,
): Promise<void> => {
  const { kind, subresource, object } = attributes
  const isSame = form === kind || documentOf(kind, subresource)
  const next = isSame ? changed : await convert(form, kind, changed)
  const metadata = object!.metadata
  refill(object!, next)
  if (metadata && next.metadata) {
    // Others hold on to the metadata, and its managers hang on it.
    refill(metadata, next.metadata)
    object!.metadata = metadata
  }
}

const refill = (target: object, source: object): void => {
  for (const key of Object.keys(target))
    if (!(key in source)) delete (target as Record<string, unknown>)[key]
  Object.assign(target, source)
}
