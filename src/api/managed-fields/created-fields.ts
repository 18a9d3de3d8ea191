/**
 * The fields of a new object, as JSON text of FieldsV1, in one walk.
 *
 * The text is that of `compareObjects` from an object of which nothing is set. This is the path of every create:
 * it builds no set. It changes nothing.
 */
import type { Json } from '../meta.ts'
import { compareElements } from './field-set.ts'
import { type FieldShape, type ListShape, type StructShape, UNTYPED } from './field-shape.ts'
import { elementOf, isObject } from './list-elements.ts'

/** `{"f:data":{".":{},"f:key":{}}}`; `skip` says which fields of the object and of its metadata do not count. */
export const createdFields = (
  shape: StructShape,
  object: { [key: string]: Json },
  skip: (field: string, isMetadata: boolean) => boolean,
): string => {
  let text = ''
  for (const name of Object.keys(object).sort()) {
    if (skip(name, false)) continue
    const field = shape.field(name)
    const value = object[name] as Json
    const head = field?.head ?? headOf(name)
    const part = field?.shape ?? shape.rest ?? UNTYPED
    if (name === 'metadata' && isObject(value)) {
      const kept: { [key: string]: Json } = {}
      for (const key in value) if (!skip(key, true)) kept[key] = value[key] as Json
      const metadata = partsText(part, kept)
      if (metadata !== '') text += `${text && ','}${head}{${metadata}}`
    } else text += fieldText(head, part, value, field?.isPresent ?? false, text !== '')
  }
  return `{${text}}`
}

const headOf = (name: string): string => `${JSON.stringify(`f:${name}`)}:`

const OWN = '".":{}'

/** `,"f:name":{…}`, or nothing for what Go's JSON always holds and is empty. */
const fieldText = (
  head: string,
  shape: FieldShape,
  value: Json,
  isPresent: boolean,
  isFurther: boolean,
): string => {
  const comma = isFurther ? ',' : ''
  if (isOneValue(shape, value)) return `${comma}${head}{}`
  const parts = partsText(shape, value)
  if (isPresent) return parts === '' ? '' : `${comma}${head}{${parts}}`
  return parts === '' ? `${comma}${head}{}` : `${comma}${head}{${OWN},${parts}}`
}

const isOneValue = (shape: FieldShape, value: Json): boolean => {
  if (shape.is === 'scalar' || shape.atomic) return true
  return shape.is === 'list' ? !Array.isArray(value) : !isObject(value)
}

const partsText = (shape: FieldShape, value: Json): string => {
  switch (shape.is) {
    case 'struct':
      return structText(shape, value as { [key: string]: Json })
    case 'map':
      return mapText(shape.of, value as { [key: string]: Json })
    case 'untyped':
      return mapText(UNTYPED, value as { [key: string]: Json })
    case 'list':
      return listText(shape, value as Json[])
    case 'scalar':
      return ''
  }
}

const structText = (shape: StructShape, value: { [key: string]: Json }): string => {
  let text = ''
  let known = 0
  for (const field of shape.sorted()) {
    const part = value[field.name]
    if (part === undefined) continue
    known++
    text += fieldText(field.head, field.shape, part, field.isPresent, text !== '')
  }
  if (shape.rest === undefined || known === Object.keys(value).length) return text
  const others: { [key: string]: Json } = {}
  for (const name in value) if (!shape.field(name)) others[name] = value[name] as Json
  const more = mapText(shape.rest, others)
  return text && more ? `${text},${more}` : text || more
}

const mapText = (of: FieldShape, value: { [key: string]: Json }): string => {
  const names = Object.keys(value)
  if (names.length > 1) names.sort()
  let text = ''
  for (const name of names) {
    const item = value[name] as Json
    if (item !== undefined) text += fieldText(headOf(name), of, item, false, text !== '')
  }
  return text
}

const listText = (shape: ListShape, items: readonly Json[]): string => {
  const texts = new Map<string, string>()
  for (const item of items) {
    const result = elementOf(shape, item)
    if ('fault' in result) continue
    const head = `${JSON.stringify(result.element)}:`
    const isDuplicate = texts.has(result.element)
    texts.set(
      result.element,
      isDuplicate ? `${head}{}` : fieldText(head, shape.of, item, false, false),
    )
  }
  if (texts.size <= 1) return texts.values().next().value ?? ''
  return [...texts.keys()]
    .sort(compareElements)
    .map((element) => texts.get(element)!)
    .join(',')
}
