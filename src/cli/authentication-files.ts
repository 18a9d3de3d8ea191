/**
 * The files in `authentication/` of the state folder: `configuration.yaml`, an AuthenticationConfiguration, and
 * `webhook.kubeconfig`, which says who reviews tokens that nobody here knows.
 *
 * Invariant: a file is used as a whole or not at all; the error names every fault in it.
 */
import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { parse } from 'yaml'
import type { TokenWebhookSettings } from '../actors/apiserver/authentication/token-webhook.ts'
import { ISSUER } from '../actors/apiserver/service-account-tokens.ts'
import {
  type AuthenticationConfiguration,
  readAuthenticationConfiguration,
} from '../api/authentication/authentication-configuration.ts'
import { configurationErrors } from '../api/authentication/configuration-validation.ts'
import { CommandError } from './command.ts'
import type { StateFolder } from './state-folder.ts'

/** Kubernetes' `--authentication-token-webhook-cache-ttl`. */
const WEBHOOK_CACHE_MS = 120_000

/** Throws CommandError. */
export const parseConfiguration = (
  folder: StateFolder,
  text: string,
): AuthenticationConfiguration =>
  at(folder.authentication('configuration.yaml'), () => {
    const configuration = readAuthenticationConfiguration(parse(text))
    const faults = configurationErrors(configuration, [ISSUER])
    if (faults.length > 0)
      throw new Error(faults.map(({ field, message }) => `${field}: ${message}`).join('; '))
    return configuration
  })

interface Kubeconfig {
  'current-context'?: string
  contexts?: { name: string; context?: { cluster?: string; user?: string } }[]
  clusters?: { name: string; cluster?: Record<string, unknown> }[]
  users?: { name: string; user?: Record<string, unknown> }[]
}

/** Throws CommandError. */
export const parseTokenWebhook = (folder: StateFolder, text: string): TokenWebhookSettings => {
  const path = folder.authentication('webhook.kubeconfig')
  return at(path, () => {
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
      cacheMs: WEBHOOK_CACHE_MS,
      connection: {
        ca: content(cluster, 'certificate-authority'),
        certificate: content(user, 'client-certificate'),
        key: content(user, 'client-key'),
        skipsVerification: cluster['insecure-skip-tls-verify'] === true,
        ...(typeof name === 'string' ? { serverName: name } : {}),
        headers: headersOf(user),
      },
    }
  })
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

const at = <Result>(path: string, read: () => Result): Result => {
  try {
    return read()
  } catch (error) {
    throw new CommandError(`${path}: ${(error as Error).message}`)
  }
}
