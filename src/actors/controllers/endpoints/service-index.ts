/**
 * From a pod's labels to the Services that select it, without looking at every Service.
 *
 * Each Service with a selector is filed under one pair of its selector; a pod asks for each of its labels.
 * Invariant: the index follows the cache it was made from, change by change.
 */
import { Service } from '../../../api/core/service.ts'
import { objectKey } from '../../../api/meta.ts'
import type { Cache } from '../../../client/view.ts'

export type Labels = Readonly<Record<string, string>>

export interface ServiceIndex {
  /** Keys of the Services of `namespace` whose selector `labels` meet. */
  selecting(namespace: string, labels: Labels | undefined): string[]
}

const indexes = new WeakMap<Cache, ServiceIndex>()

/** The index of `cache`; made once, and kept up to date from then on. */
export const serviceIndex = (cache: Cache): ServiceIndex => {
  const known = indexes.get(cache)
  if (known) return known
  const filed = new Map<string, Map<string, Labels>>()

  const update = (service: Service, isGone: boolean) => {
    const pair = firstPair(service)
    if (!pair) return
    const place = `${service.metadata.namespace}\n${pair}`
    const services = filed.get(place) ?? new Map<string, Labels>()
    if (isGone) services.delete(objectKey(service))
    else services.set(objectKey(service), service.spec?.selector ?? {})
    if (services.size > 0) filed.set(place, services)
    else filed.delete(place)
  }

  for (const service of cache.list(Service)) update(service, false)
  cache.subscribe(({ type, kind, object, previous }) => {
    if (kind !== Service) return
    if (previous) update(previous as Service, true)
    if (type !== 'DELETED') update(object as Service, false)
  })

  const index: ServiceIndex = {
    selecting: (namespace, labels = {}) => {
      const keys: string[] = []
      for (const pair of Object.entries(labels))
        for (const [key, selector] of filed.get(`${namespace}\n${pair.join('=')}`) ?? [])
          if (Object.entries(selector).every(([name, value]) => labels[name] === value))
            keys.push(key)
      return keys
    },
  }
  indexes.set(cache, index)
  return index
}

const firstPair = (service: Service): string | undefined =>
  Object.entries(service.spec?.selector ?? {})
    .map((pair) => pair.join('='))
    .sort()[0]
