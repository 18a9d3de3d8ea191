/**
 * Until when a key that no longer signs must be known, so that no token of a service account is refused early: pure.
 *
 * The cluster itself asks for tokens of a year at most; who asks for longer ones is written down, by key and year, in
 * a ConfigMap. Tokens in Secrets last as long as their Secret. Invariant: entries are only ever added, one for each
 * key and year, so replicas that write at once lose nothing.
 */
import { decodeToken } from '../../std/json-web-token.ts'
import type { ConfigMap } from './config-map.ts'
import type { Secret } from './secret.ts'
import { TOKEN_SECRET_TYPE } from './token-secret.ts'

/** As long as the tokens that kubelets ask for are honoured (Kubernetes' `ExpirationExtensionSeconds`). */
export const USUAL_TOKEN_SECONDS = 365 * 24 * 3600

export const LASTING_TOKENS = { namespace: 'kube-system', name: 'kubus-lasting-tokens' } as const

/** The entry for a token that ends at `endMs`, in ms since the epoch: `<key id>.<first year without it>`. */
export const lastingEntry = (keyId: string, endMs: number): string =>
  `${keyId}.${new Date(endMs).getUTCFullYear() + 1}`

/** When the last one that was written down ends at the latest, in ms since the epoch; 0 when none was. */
export const lastTokenEndMs = (entries: ConfigMap | undefined, keyId: string): number => {
  const years = Object.keys(entries?.data ?? {})
    .filter((entry) => entry.startsWith(`${keyId}.`))
    .map((entry) => Number(entry.slice(keyId.length + 1)))
    .filter(Number.isInteger)
  return years.length === 0 ? 0 : Date.UTC(Math.max(...years), 0, 1)
}

/** The id of the key that signed the token in a Secret; undefined where there is none. */
export const secretKeyId = ({ type, data }: Secret): string | undefined => {
  const token = data?.['token']
  if (type !== TOKEN_SECRET_TYPE || !token) return undefined
  return decodeToken(Buffer.from(token, 'base64').toString())?.header.kid
}
