/**
 * Keeps an IPAddress for each ClusterIP, named by the address, with the Service that has it as its parent (what
 * Kubernetes' `ipallocator` and `core/service/ipallocator/controller` make of them).
 *
 * The apiservers hand out addresses by the Services alone (`service-addresses.ts`), so nothing waits for these objects:
 * they say who has what, to people and to the end of a ServiceCIDR. Invariant: only objects that carry the label of
 * the allocator are changed or deleted.
 */
import { Service } from '../../../api/core/service.ts'
import { objectKey } from '../../../api/meta.ts'
import { IPAddress } from '../../../api/networking/ip-address.ts'
import type { Cache } from '../../../client/view.ts'
import { defineController } from '../controller.ts'
import { type Command, NOTHING } from '../plan.ts'

export const MANAGED_BY = 'ipaddress.kubernetes.io/managed-by'
export const ALLOCATOR = 'ipallocator.k8s.io'
export const FAMILY = 'ipaddress.kubernetes.io/ip-family'

export const ipAddresses = defineController<IPAddress>({
  name: 'ip-addresses',
  component: 'ipallocator-repair-controller',
  for: IPAddress,
  watches: [
    {
      kind: Service,
      keys: ({ type, object, previous }) => {
        const now = type === 'DELETED' ? [] : addressesOf(object as Service)
        const before = addressesOf((previous ?? object) as Service)
        if (type === 'MODIFIED' && now.join() === before.join()) return []
        return [...new Set([...before, ...now])]
      },
    },
  ],
  reconcile: (object, address, view) => {
    const holder = holdersIn(view).get(address)
    if (object && object.metadata.labels?.[MANAGED_BY] !== ALLOCATOR) return NOTHING
    const isRight = object && holder !== undefined && keyOfParent(object) === holder
    if (isRight || (!object && holder === undefined) || object?.metadata.deletionTimestamp)
      return NOTHING
    const commands: Command[] = []
    if (object) commands.push({ verb: 'delete', kind: IPAddress, object })
    if (holder !== undefined)
      commands.push({ verb: 'create', kind: IPAddress, object: draft(address, holder) })
    return { commands }
  },
})

const addressesOf = ({ spec }: Service): string[] =>
  (spec?.clusterIPs ?? []).filter((address) => address !== '' && address !== 'None')

const keyOfParent = ({ spec }: IPAddress): string => {
  const { group = '', resource, namespace, name } = spec?.parentRef ?? {}
  return group === '' && resource === 'services' ? `${namespace}/${name}` : ''
}

const draft = (address: string, holder: string) => {
  const [namespace, name] = holder.split('/') as [string, string]
  const family = address.includes(':') ? 'IPv6' : 'IPv4'
  return {
    metadata: { name: address, labels: { [FAMILY]: family, [MANAGED_BY]: ALLOCATOR } },
    spec: { parentRef: { group: '', resource: 'services', namespace, name } },
  }
}

const holders = new WeakMap<Cache, ReadonlyMap<string, string>>()

/** Who has which address; made once for a cache, and kept up to date from then on. */
const holdersIn = (cache: Cache): ReadonlyMap<string, string> => {
  const known = holders.get(cache)
  if (known) return known
  const found = new Map<string, string>()
  const file = (service: Service) => {
    for (const address of addressesOf(service)) found.set(address, objectKey(service))
  }
  for (const service of cache.list(Service)) file(service)
  cache.subscribe(({ type, kind, object, previous }) => {
    if (kind !== Service) return
    for (const address of addressesOf((previous ?? object) as Service))
      if (found.get(address) === objectKey(object)) found.delete(address)
    if (type !== 'DELETED') file(object as Service)
  })
  holders.set(cache, found)
  return found
}
