/**
 * `kube-system/extension-apiserver-authentication`: by it extension servers know whom to believe.
 *
 * Invariant: it says what this apiserver was started with; one that says something else is brought up to date.
 */
import { ConfigMap } from '../../../api/core/config-map.ts'
import { StatusError } from '../../../api/status-error.ts'
import { SYSTEM } from '../bootstrap.ts'
import { execute } from '../pipeline.ts'
import { NO_QUERY } from '../request.ts'
import type { Services } from '../services.ts'
import type { FrontProxy } from './extension-server.ts'

const NAMESPACE = 'kube-system'
const NAME = 'extension-apiserver-authentication'
/** The common name of the front proxy's certificate. */
const FRONT_PROXY_NAME = 'front-proxy-client'

export const publishAuthentication = async (
  services: Services,
  clientCa: string,
  frontProxy: FrontProxy | undefined,
): Promise<void> => {
  const data: Record<string, string> = {
    'client-ca-file': clientCa,
    ...(frontProxy
      ? {
          'requestheader-allowed-names': JSON.stringify([FRONT_PROXY_NAME]),
          'requestheader-client-ca-file': frontProxy.authority,
          'requestheader-extra-headers-prefix': '["X-Remote-Extra-"]',
          'requestheader-group-headers': '["X-Remote-Group"]',
          'requestheader-uid-headers': '["X-Remote-Uid"]',
          'requestheader-username-headers': '["X-Remote-User"]',
        }
      : {}),
  }
  const known = services.storage.cache.get(ConfigMap, NAMESPACE, NAME)
  const isSame = Object.entries(data).every(([key, value]) => known?.data?.[key] === value)
  if (known && isSame) return
  const base = {
    kind: ConfigMap,
    namespace: NAMESPACE,
    user: SYSTEM,
    manager: 'kube-apiserver',
    query: NO_QUERY,
  }
  const metadata = { name: NAME, namespace: NAMESPACE }
  try {
    if (known)
      await execute(services, {
        ...base,
        verb: 'patch',
        patch: 'merge',
        name: NAME,
        body: { data },
      })
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
