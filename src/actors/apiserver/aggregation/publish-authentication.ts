/**
 * `kube-system/extension-apiserver-authentication`: by it extension servers know whom to believe.
 *
 * Invariant: it says what this apiserver serves with; one that says something else is brought up to date.
 */
import { FRONT_PROXY_NAMES } from '../authentication/client-certificates.ts'
import { keepConfigMap } from '../keep-config-map.ts'
import type { Services } from '../services.ts'
import type { FrontProxy } from './extension-server.ts'

const NAMESPACE = 'kube-system'
const NAME = 'extension-apiserver-authentication'

export const publishAuthentication = async (
  services: Services,
  clientCa: string,
  frontProxy: FrontProxy | undefined,
): Promise<void> => {
  const data: Record<string, string> = {
    'client-ca-file': clientCa,
    ...(frontProxy
      ? {
          'requestheader-allowed-names': JSON.stringify(FRONT_PROXY_NAMES),
          'requestheader-client-ca-file': frontProxy.authority,
          'requestheader-extra-headers-prefix': '["X-Remote-Extra-"]',
          'requestheader-group-headers': '["X-Remote-Group"]',
          'requestheader-uid-headers': '["X-Remote-Uid"]',
          'requestheader-username-headers': '["X-Remote-User"]',
        }
      : {}),
  }
  await keepConfigMap(services, NAMESPACE, NAME, data)
}
