/**
 * The files in `authentication/` of the state folder: `configuration.yaml`, an AuthenticationConfiguration, and
 * `webhook.kubeconfig`, which says who reviews tokens that nobody here knows.
 *
 * Invariant: a file is used as a whole or not at all; the error names every fault in it.
 */
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
import { readWebhookKubeconfig } from './webhook-kubeconfig.ts'

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

/** Throws CommandError. */
export const parseTokenWebhook = (folder: StateFolder, text: string): TokenWebhookSettings => {
  const path = folder.authentication('webhook.kubeconfig')
  return at(path, () => {
    return { ...readWebhookKubeconfig(path, text), cacheMs: WEBHOOK_CACHE_MS }
  })
}

const at = <Result>(path: string, read: () => Result): Result => {
  try {
    return read()
  } catch (error) {
    throw new CommandError(`${path}: ${(error as Error).message}`)
  }
}
