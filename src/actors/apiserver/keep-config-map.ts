/**
 * A ConfigMap that the apiserver itself writes: it is there, and some of its keys say what they should.
 *
 * Invariant: nothing is written when that is so already; keys of others stay as they are.
 */
import { ConfigMap } from '../../api/core/config-map.ts'
import { StatusError } from '../../api/status-error.ts'
import { SYSTEM } from './bootstrap.ts'
import { execute } from './pipeline.ts'
import { NO_QUERY } from './request.ts'
import type { Services } from './services.ts'

export const keepConfigMap = async (
  services: Services,
  namespace: string,
  name: string,
  data: Readonly<Record<string, string>>,
): Promise<void> => {
  const known = services.storage.cache.get(ConfigMap, namespace, name)
  const isSame = Object.entries(data).every(([key, value]) => known?.data?.[key] === value)
  if (known && isSame) return
  const base = {
    kind: ConfigMap,
    namespace,
    user: SYSTEM,
    manager: 'kube-apiserver',
    query: NO_QUERY,
  }
  const metadata = { name, namespace }
  try {
    if (known)
      await execute(services, { ...base, verb: 'patch', patch: 'merge', name, body: { data } })
    else
      await execute(services, {
        ...base,
        verb: 'create',
        name: undefined,
        body: { metadata, data },
      })
  } catch (error) {
    // Another replica was faster.
    if (!(error instanceof StatusError) || error.reason !== 'AlreadyExists') throw error
  }
}
