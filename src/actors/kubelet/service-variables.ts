/**
 * The service variables of containers, computed once a namespace from one shared watch of Services.
 *
 * Invariant: the watch starts with the first pod that wants variables. Computed maps are dropped when a
 * service of the namespace changes; they are shared and never mutated.
 */
import type { Pod } from '../../api/core/pod.ts'
import { Service } from '../../api/core/service.ts'
import type { Client, FollowedCache } from '../../client/client.ts'
import { serviceEnvironment } from './environment.ts'

export interface ServiceVariables {
  of(pod: Pod): Promise<ReadonlyMap<string, string>>
  stop(): void
}

/** The namespace and service that every container may know. */
const MASTER = { namespace: 'default', name: 'kubernetes' }

export const createServiceVariables = (client: Client): ServiceVariables => {
  let cache: FollowedCache | undefined
  let computed = new Map<string, ReadonlyMap<string, string>>()
  const services = () => {
    if (cache) return cache
    cache = client.follow([{ kind: Service }])
    cache.subscribe(({ kind }) => {
      if (kind.plural === Service.plural) computed = new Map()
    })
    return cache
  }
  return {
    of: async (pod) => {
      const all = services()
      await all.ready
      const namespace = pod.metadata.namespace ?? ''
      const links = pod.spec?.enableServiceLinks !== false
      const key = `${links}/${namespace}`
      const known = computed.get(key)
      if (known) return known
      const master = all.get(Service, MASTER.namespace, MASTER.name)
      const own = links ? all.list(Service, { namespace }) : []
      const result = serviceEnvironment([...(master ? [master] : []), ...own])
      computed.set(key, result)
      return result
    },
    stop: () => cache?.stop(),
  }
}
