/**
 * `RemoteVersion`: a group and version that another server serves, as discovery shows it.
 *
 * Pure: it reads what such a server said of itself and makes it Kubernetes' newest form.
 */

/** A resource in aggregated discovery. */
export interface RemoteResource {
  resource: string
  responseKind: { group: string; version: string; kind: string }
  scope: 'Namespaced' | 'Cluster'
  singularResource: string
  verbs: readonly string[]
  shortNames?: readonly string[]
  categories?: readonly string[]
  subresources?: readonly {
    subresource: string
    responseKind: { group: string; version: string; kind: string }
    verbs: readonly string[]
  }[]
}

export interface RemoteVersion {
  group: string
  version: string
  groupPriority: number
  versionPriority: number
  /** Undefined until the server has answered once. */
  resources: readonly RemoteResource[] | undefined
  /** Whether its last answer is recent. */
  isFresh: boolean
}

interface ListedResource {
  name: string
  singularName?: string
  namespaced?: boolean
  group?: string
  version?: string
  kind?: string
  verbs?: readonly string[]
  shortNames?: readonly string[]
  categories?: readonly string[]
}

/** From the `resources` of an APIResourceList; what is not one is left out. */
export const remoteResources = (
  list: unknown,
  group: string,
  version: string,
): RemoteResource[] => {
  const { resources } = (list ?? {}) as { resources?: unknown }
  const listed = (Array.isArray(resources) ? resources : []).filter(
    (each): each is ListedResource => typeof (each as ListedResource | null)?.name === 'string',
  )
  const kindOf = (each: ListedResource) => ({
    group: each.group ?? group,
    version: each.version ?? version,
    kind: each.kind ?? '',
  })
  return listed
    .filter(({ name }) => !name.includes('/'))
    .map((each) => {
      const below = listed.filter(({ name }) => name.startsWith(`${each.name}/`))
      return {
        resource: each.name,
        responseKind: kindOf(each),
        scope: each.namespaced ? 'Namespaced' : 'Cluster',
        singularResource: each.singularName ?? '',
        verbs: each.verbs ?? [],
        ...(each.shortNames ? { shortNames: each.shortNames } : {}),
        ...(each.categories ? { categories: each.categories } : {}),
        ...(below.length > 0
          ? {
              subresources: below.map((sub) => ({
                subresource: sub.name.slice(each.name.length + 1),
                responseKind: kindOf(sub),
                verbs: sub.verbs ?? [],
              })),
            }
          : {}),
      }
    })
}
