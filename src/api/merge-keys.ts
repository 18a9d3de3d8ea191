/**
 * How lists and objects merge: the derived schemas do not say.
 *
 * `patchMergeKey` and `patchStrategy` as Kubernetes' API types tag them, and the list and map types of
 * server-side apply, from `merge-facts.json`, which `ops/derive-merge-facts.mjs` writes. A list that is not
 * named there is atomic: a patch replaces it. A model's text is parsed when it is first asked for.
 */
import textByModel from './merge-facts.json'

export interface MergeRule {
  /** Items of the list are matched by this field; without it the list is a set of scalars. */
  mergeKey?: string
  /** Strategic merge patch's strategies; `merge` for a list, `retainKeys` for a union. */
  strategies: readonly ('merge' | 'retainKeys' | 'replace')[]
  /** `x-kubernetes-list-type`, with the keys of a map-like list; for a map or an object only `atomic`. */
  listType?: 'map' | 'set' | 'atomic'
  listMapKeys?: readonly string[]
}

/** The rule of `Model.field`, if Kubernetes tags it. */
export const mergeRuleOf = (model: string, field: string): MergeRule | undefined =>
  factsOf(model)?.fields.get(field)?.rule

/** Fields whose list or map server-side apply takes as one value, though they look mergeable. */
export const isAtomic = (model: string, field: string): boolean =>
  factsOf(model)?.fields.get(field)?.rule?.listType === 'atomic'

/** Models whose every use server-side apply takes as one value. */
export const isAtomicModel = (model: string): boolean => factsOf(model)?.isAtomic ?? false

/** Objects, lists and maps that Go's JSON of the model always holds, be they empty. */
export const isAlwaysPresent = (model: string, field: string): boolean =>
  factsOf(model)?.fields.get(field)?.isPresent ?? false

/** What a key of a map-like list is where an item leaves it out. */
export const keyDefaultOf = (model: string, field: string): string | undefined =>
  factsOf(model)?.fields.get(field)?.default

/** `Model.field` of everything that has a rule. */
export const mergeRuleFields = (): string[] =>
  Object.keys(textsByModel).flatMap((model) =>
    [...factsOf(model)!.fields]
      .filter(([, { rule }]) => rule !== undefined)
      .map(([field]) => `${model}.${field}`),
  )

interface FieldFacts {
  rule?: MergeRule
  isPresent: boolean
  default?: string
}

interface ModelFacts {
  isAtomic: boolean
  fields: ReadonlyMap<string, FieldFacts>
}

const textsByModel: Readonly<Record<string, string>> = textByModel
const parsed = new Map<string, ModelFacts>()

const factsOf = (model: string): ModelFacts | undefined => {
  const known = parsed.get(model)
  if (known) return known
  const text = textsByModel[model]
  if (text === undefined) return undefined
  const facts = parseFacts(text)
  parsed.set(model, facts)
  return facts
}

/** `atomic` of the model itself, then `field word word …`, separated by `;`. */
const parseFacts = (text: string): ModelFacts => {
  const lines = text.split(';')
  const isAtomicItself = lines[0] === 'atomic'
  const fields = new Map<string, FieldFacts>()
  for (const line of isAtomicItself ? lines.slice(1) : lines) {
    const [field = '', ...words] = line.split(' ')
    fields.set(field, parseWords(words))
  }
  return { isAtomic: isAtomicItself, fields }
}

/**
 * `patch:` strategies, `key:` the merge key, `map:` keys, `set` and `atomic` for server-side apply, `present`
 * for what `isAlwaysPresent` tells, `default:` for `keyDefaultOf`.
 */
const parseWords = (words: readonly string[]): FieldFacts => {
  const facts: FieldFacts = { isPresent: false }
  const ruled = (): MergeRule => {
    facts.rule ??= { strategies: [] }
    return facts.rule
  }
  for (const word of words) {
    const [name, value = ''] = word.split(':')
    if (name === 'patch') ruled().strategies = value.split(',') as MergeRule['strategies']
    else if (name === 'key') ruled().mergeKey = value
    else if (name === 'map')
      Object.assign(ruled(), { listType: 'map', listMapKeys: value.split(',') })
    else if (name === 'set' || name === 'atomic') ruled().listType = name
    else if (name === 'present') facts.isPresent = true
    else facts.default = value
  }
  return facts
}
