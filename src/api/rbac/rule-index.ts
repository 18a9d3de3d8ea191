/**
 * Rules, filed so that a request finds what allows it in a few looks into maps, however many rules there are.
 *
 * What a rule means follows Kubernetes 1.36 (`rbac/v1/evaluation_helpers.go`): `*` is any verb, group or resource
 * (with its subresources), `*\/scale` is that subresource of any resource, a path may end in `*`. Pure.
 */
import type { PolicyRule } from './policy-rule.ts'

/** What is asked for; a resource, or, without one, a path. */
export interface Access {
  verb: string
  group?: string
  resource?: string
  subresource?: string | undefined
  name?: string | undefined
  path?: string
}

/** Who gives a right: to any object, or to those of a name. */
interface Right<Source> {
  any: Source | undefined
  named: Map<string, Source> | undefined
}

type Verbs<Source> = Map<string, Right<Source>>
type Groups<Source> = Map<string, Verbs<Source>>

interface Paths<Source> {
  exact: Map<string, Source>
  /** Longer than what is exact, and few. */
  prefixes: { prefix: string; source: Source }[]
}

const ALL = '*'

export class RuleIndex<Source> {
  private readonly resources = new Map<string, Groups<Source>>()
  private paths: Map<string, Paths<Source>> | undefined

  /** Of several that give the same right the first is remembered. */
  add(rule: PolicyRule, source: Source): void {
    const { verbs, apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] } = rule
    for (const resource of resources) {
      const groups = at(this.resources, resource, () => new Map())
      for (const group of apiGroups) {
        const rights: Verbs<Source> = at(groups, group, () => new Map())
        for (const verb of verbs) grant(rights, verb, resourceNames, source)
      }
    }
    if (nonResourceURLs.length === 0) return
    this.paths ??= new Map()
    for (const verb of verbs) {
      const paths = at(this.paths, verb, (): Paths<Source> => ({ exact: new Map(), prefixes: [] }))
      for (const url of nonResourceURLs) addPath(paths, url, source)
    }
  }

  /** Who allows it; undefined: nobody. */
  find(access: Access): Source | undefined {
    const { resource } = access
    if (resource === undefined) return this.findPath(access.verb, access.path ?? '/')
    const { subresource } = access
    if (!subresource) return this.findIn(resource, access) ?? this.findIn(ALL, access)
    return (
      this.findIn(`${resource}/${subresource}`, access) ??
      this.findIn(ALL, access) ??
      this.findIn(`*/${subresource}`, access)
    )
  }

  private findIn(resource: string, { verb, group = '', name = '' }: Access): Source | undefined {
    const groups = this.resources.get(resource)
    if (!groups) return undefined
    return findVerb(groups.get(group), verb, name) ?? findVerb(groups.get(ALL), verb, name)
  }

  private findPath(verb: string, path: string): Source | undefined {
    if (!this.paths) return undefined
    return findUrl(this.paths.get(verb), path) ?? findUrl(this.paths.get(ALL), path)
  }
}

const at = <Value>(map: Map<string, Value>, key: string, make: () => Value): Value => {
  const found = map.get(key)
  if (found !== undefined) return found
  const made = make()
  map.set(key, made)
  return made
}

const grant = <Source>(
  rights: Verbs<Source>,
  verb: string,
  names: readonly string[],
  source: Source,
): void => {
  const right = at(rights, verb, (): Right<Source> => ({ any: undefined, named: undefined }))
  if (names.length === 0) {
    right.any ??= source
    return
  }
  right.named ??= new Map()
  for (const name of names) if (!right.named.has(name)) right.named.set(name, source)
}

const addPath = <Source>({ exact, prefixes }: Paths<Source>, url: string, source: Source): void => {
  if (!exact.has(url)) exact.set(url, source)
  if (!url.endsWith(ALL)) return
  const prefix = url.replace(/\*+$/, '')
  if (!prefixes.some((each) => each.prefix === prefix)) prefixes.push({ prefix, source })
}

const findVerb = <Source>(
  verbs: Verbs<Source> | undefined,
  verb: string,
  name: string,
): Source | undefined => {
  if (!verbs) return undefined
  return allowed(verbs.get(verb), name) ?? allowed(verbs.get(ALL), name)
}

const allowed = <Source>(right: Right<Source> | undefined, name: string): Source | undefined =>
  right && (right.any ?? right.named?.get(name))

const findUrl = <Source>(paths: Paths<Source> | undefined, path: string): Source | undefined => {
  if (!paths) return undefined
  return (
    paths.exact.get(path) ?? paths.prefixes.find(({ prefix }) => path.startsWith(prefix))?.source
  )
}
