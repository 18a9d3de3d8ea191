/**
 * Sets of field paths in the form of FieldsV1, which Kubernetes stores: `{"f:spec":{"f:replicas":{}}}`.
 *
 * An element is `f:name`, `k:{"key":"value"}`, `v:value` or `i:index`. Invariant: a node that is empty or holds
 * `.` is a member; a root is never one; sets are never mutated and share their parts. After
 * structured-merge-diff's `fieldpath`. It knows no schema.
 */
export interface FieldSet {
  readonly [element: string]: FieldSet
}

/** The mark of a node that is a member though others lie under it. */
export const MEMBER = '.'
/** A member with nothing under it; as a root the empty set. */
export const LEAF: FieldSet = Object.freeze({})

export const isEmptySet = (set: FieldSet): boolean => {
  for (const _ in set) return false
  return true
}

/** A node; undefined when neither it nor anything under it is a member. */
export const nodeOf = (isMember: boolean, children: FieldSet | undefined): FieldSet | undefined => {
  if (!children) return isMember ? LEAF : undefined
  return isMember ? { [MEMBER]: LEAF, ...children } : children
}

export const isMember = (node: FieldSet): boolean => MEMBER in node || isEmptySet(node)

export const union = (one: FieldSet, other: FieldSet): FieldSet => {
  if (isEmptySet(one)) return other
  return isEmptySet(other) || one === other ? one : mergeChildren(one, other)
}

const mergeChildren = (one: FieldSet, other: FieldSet): FieldSet => {
  let merged: Record<string, FieldSet> | undefined
  for (const element in other) {
    const present = one[element]
    const joined = present ? unionOfNodes(present, other[element]!) : other[element]!
    if (joined === present) continue
    merged ??= { ...one }
    merged[element] = joined
  }
  return merged ?? one
}

const unionOfNodes = (one: FieldSet, other: FieldSet): FieldSet => {
  if (one === other) return one
  if (isEmptySet(one)) return isMember(other) ? other : { [MEMBER]: LEAF, ...other }
  if (isEmptySet(other)) return isMember(one) ? one : { [MEMBER]: LEAF, ...one }
  return mergeChildren(one, other)
}

/** The members of `one` that `other` has not; the same set when there is nothing to take away. */
export const difference = (one: FieldSet, other: FieldSet): FieldSet => {
  if (isEmptySet(other)) return one
  return childrenWithout(one, other) ?? LEAF
}

const childrenWithout = (one: FieldSet, other: FieldSet): FieldSet | undefined => {
  let kept: Record<string, FieldSet> | undefined
  let isSame = true
  for (const element in one) {
    if (element === MEMBER) continue
    const node = one[element]!
    const taken = other[element]
    const left = taken ? nodeWithout(node, taken) : node
    if (left !== node) isSame = false
    if (!left) continue
    kept ??= {}
    kept[element] = left
  }
  return isSame && !(MEMBER in one) ? one : kept
}

const nodeWithout = (node: FieldSet, taken: FieldSet): FieldSet | undefined => {
  const children = isEmptySet(node) ? undefined : childrenWithout(node, taken)
  const stays = isMember(node) && !isMember(taken)
  const left = nodeOf(stays, children)
  return left && isSameNode(left, node) ? node : left
}

/** Whether nothing was taken: the same members on this level, and the very same children. */
const isSameNode = (one: FieldSet, other: FieldSet): boolean => {
  if (one === other) return true
  let count = 0
  for (const element in one) {
    if (one[element] !== other[element]) return false
    count++
  }
  for (const _ in other) count--
  return count === 0
}

export const intersection = (one: FieldSet, other: FieldSet): FieldSet =>
  commonChildren(one, other) ?? LEAF

const commonChildren = (one: FieldSet, other: FieldSet): FieldSet | undefined => {
  let common: Record<string, FieldSet> | undefined
  for (const element in one) {
    if (element === MEMBER || !other[element]) continue
    const node = nodeOf(
      isMember(one[element]!) && isMember(other[element]),
      commonChildren(one[element]!, other[element]),
    )
    if (!node) continue
    common ??= {}
    common[element] = node
  }
  return common
}

/** Whether every member of `part` is one of `whole`. */
export const contains = (whole: FieldSet, part: FieldSet): boolean => {
  for (const element in part) {
    if (element === MEMBER) continue
    const node = part[element]!
    const counterpart = whole[element]
    if (!counterpart || (isMember(node) && !isMember(counterpart))) return false
    if (!contains(counterpart, node)) return false
  }
  return true
}

/** Whether some member of `one` is one of `other`. */
export const intersects = (one: FieldSet, other: FieldSet): boolean => {
  for (const element in one) {
    if (element === MEMBER) continue
    const counterpart = other[element]
    if (!counterpart) continue
    if (isMember(one[element]!) && isMember(counterpart)) return true
    if (intersects(one[element]!, counterpart)) return true
  }
  return false
}

export const hasPath = (set: FieldSet, path: readonly string[]): boolean => {
  let node: FieldSet | undefined = set
  for (const element of path) {
    node = node[element]
    if (!node) return false
  }
  return isMember(node)
}

export const setOfPath = (path: readonly string[]): FieldSet =>
  path.reduceRight<FieldSet>((node, element) => ({ [element]: node }), LEAF)

/** Every member's path, in Kubernetes' order: those of a level before those under it. */
export const pathsOf = (set: FieldSet): string[][] => {
  const paths: string[][] = []
  const visit = (node: FieldSet, prefix: readonly string[]) => {
    const elements = Object.keys(node)
      .filter((element) => element !== MEMBER)
      .sort(compareElements)
    for (const element of elements) if (isMember(node[element]!)) paths.push([...prefix, element])
    for (const element of elements) visit(node[element]!, [...prefix, element])
  }
  visit(set, [])
  return paths
}

/** `.spec.containers[name="web"].image`, as conflicts name a path. */
export const pathText = (path: readonly string[]): string => path.map(elementText).join('')

const elementText = (element: string): string => {
  const content = element.slice(2)
  switch (element[0]) {
    case 'f':
      return `.${content}`
    case 'k':
      return `[${Object.entries(JSON.parse(content) as Record<string, unknown>)
        .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
        .join(',')}]`
    case 'v':
      return `[=${content}]`
    default:
      return `[${content}]`
  }
}

/** Names by their characters, numbers in keys by their size. */
export const compareElements = (one: string, other: string): number => {
  if (one === other) return 0
  let at = 0
  while (one[at] === other[at]) at++
  if (one.startsWith('k:') || one.startsWith('v:')) {
    const byLength = digitsAt(one, at) - digitsAt(other, at)
    if (byLength !== 0 && isDigit(one[at - 1] ?? '', one[at] ?? '', other[at] ?? ''))
      return byLength
  }
  return one < other ? -1 : 1
}

const isDigit = (before: string, one: string, other: string): boolean =>
  /^\d$/.test(before) || (/^\d$/.test(one) && /^\d$/.test(other))

const digitsAt = (text: string, at: number): number => {
  let end = at
  while (text.charCodeAt(end) >= 48 && text.charCodeAt(end) <= 57) end++
  return end - at
}

/** The JSON text of FieldsV1, in Kubernetes' order. */
export const fieldsText = (set: FieldSet): string => {
  let text = ''
  let last = ''
  for (const element in set) {
    if (hasOwnOrder(element) ? compareElements(last, element) > 0 : last > element)
      return sortedText(set)
    text += text === '' ? '{' : ','
    text += nodeText(element, set[element]!)
    last = element
  }
  return text === '' ? '{}' : `${text}}`
}

const sortedText = (set: FieldSet): string => {
  const elements = Object.keys(set)
  if (elements.length > 1) elements.sort(compareElements)
  let text = ''
  for (const element of elements)
    text += `${text === '' ? '{' : ','}${nodeText(element, set[element]!)}`
  return `${text}}`
}

const nodeText = (element: string, node: FieldSet): string =>
  isEmptySet(node) ? `${headOf(element)}{}` : `${headOf(element)}${fieldsText(node)}`

/** Keys and values with numbers in them do not go by their characters. */
const hasOwnOrder = (element: string): boolean =>
  element.charCodeAt(1) === COLON && (element[0] === 'k' || element[0] === 'v')

const COLON = 0x3a

const HEADS_MAX = 2_048
const heads = new Map<string, string>()
/** What hardly two objects have in common. */
const OWN_VALUE = /^(?:v:|i:|k:\{"(?:ip|uid)")/

/** `"f:name":`; those of names and of most keys, of which there are few, are made once. */
const headOf = (element: string): string => {
  const known = heads.get(element)
  if (known !== undefined) return known
  const head = `${JSON.stringify(element)}:`
  if (heads.size < HEADS_MAX && !OWN_VALUE.test(element)) heads.set(element, head)
  return head
}

/** What is wrong with `value` as FieldsV1; undefined when nothing is. */
export const fieldsFault = (value: unknown, levels = LEVELS_MAX): string | undefined => {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || levels === 0)
    return 'fields are no object'
  for (const element in value) {
    if (element !== MEMBER && !isElement(element)) return `${element} is no element of a path`
    const fault = fieldsFault((value as Record<string, unknown>)[element], levels - 1)
    if (fault) return fault
  }
  return undefined
}

const LEVELS_MAX = 256

const isElement = (element: string): boolean => {
  if (element.startsWith('f:')) return true
  if (element.startsWith('i:')) return /^i:-?\d+$/.test(element)
  if (!element.startsWith('k:') && !element.startsWith('v:')) return false
  try {
    const value: unknown = JSON.parse(element.slice(2))
    const isRecord = typeof value === 'object' && value !== null && !Array.isArray(value)
    return element.startsWith('v:') || isRecord
  } catch {
    return false
  }
}
