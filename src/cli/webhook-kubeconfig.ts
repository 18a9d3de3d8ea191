/**
 * A kubeconfig that describes a webhook: `server` is where it is asked, the user is who asks.
 *
 * Invariant: files it names are read at once, beside it unless their paths are absolute. It opens no connection.
 */
import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { parse } from 'yaml'
import type { RemoteConnection } from '../actors/apiserver/authentication/remote-json.ts'

interface Kubeconfig {
  'current-context'?: string
  contexts?: { name: string; context?: { cluster?: string; user?: string } }[]
  clusters?: { name: string; cluster?: Record<string, unknown> }[]
  users?: { name: string; user?: Record<string, unknown> }[]
}

/** `path` is where `text` was read. Throws Error. */
export const readWebhookKubeconfig = (
  path: string,
  text: string,
): { url: string; connection: RemoteConnection } => {
  const { contexts, clusters, users, ...rest } = (parse(text) ?? {}) as Kubeconfig
  const context = contexts?.find(({ name }) => name === rest['current-context'])?.context
  const cluster = clusters?.find(({ name }) => name === context?.cluster)?.cluster
  const user = users?.find(({ name }) => name === context?.user)?.user ?? {}
  if (!cluster) throw new Error('its current context names no cluster')
  const { server } = cluster
  if (typeof server !== 'string' || !server.startsWith('https://'))
    throw new Error(`its server must be an https URL, it is ${String(server)}`)
  const content = contentIn(dirname(path))
  const name = cluster['tls-server-name']
  return {
    url: server,
    connection: {
      ca: content(cluster, 'certificate-authority'),
      certificate: content(user, 'client-certificate'),
      key: content(user, 'client-key'),
      skipsVerification: cluster['insecure-skip-tls-verify'] === true,
      ...(typeof name === 'string' ? { serverName: name } : {}),
      headers: headersOf(user),
    },
  }
}

/** Of `<key>-data`, in base64, or the file that `<key>` names. */
const contentIn =
  (folder: string) =>
  (from: Record<string, unknown>, key: string): string | undefined => {
    const data = from[`${key}-data`]
    if (typeof data === 'string' && data !== '') return Buffer.from(data, 'base64').toString()
    const file = from[key]
    return typeof file === 'string' && file !== ''
      ? readFileSync(resolve(folder, file), 'utf8')
      : undefined
  }

const headersOf = ({ token, username, password }: Record<string, unknown>) => {
  const headers: Record<string, string> = {}
  if (typeof token === 'string') headers['authorization'] = `Bearer ${token}`
  else if (typeof username === 'string') {
    const credentials = Buffer.from(`${username}:${String(password ?? '')}`).toString('base64')
    headers['authorization'] = `Basic ${credentials}`
  }
  return headers
}
