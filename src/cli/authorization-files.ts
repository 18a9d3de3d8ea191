/**
 * `authorization/configuration.yaml` of the state folder: an AuthorizationConfiguration.
 *
 * Invariant: it is used as a whole or not at all; the error names every fault in it.
 */
import { readFileSync } from 'node:fs'
import { parse } from 'yaml'
import type {
  AuthorizationOptions,
  ConfiguredAuthorizer,
} from '../actors/apiserver/authorization/configured-authorizer.ts'
import {
  type AuthorizerConfiguration,
  readAuthorizationConfiguration,
} from '../api/authorization/authorization-configuration.ts'
import { checkExpressions } from '../api/authorization/match-conditions.ts'
import { CommandError } from './command.ts'
import { readWebhookKubeconfig } from './webhook-kubeconfig.ts'

/** `text` was read at `path`. Throws CommandError. */
export const parseAuthorization = (path: string, text: string): AuthorizationOptions => {
  try {
    const { authorizers, errors } = readAuthorizationConfiguration(parse(text))
    for (const [index, each] of authorizers.entries())
      if (each.type === 'Webhook') {
        const field = `authorizers[${index}].matchConditions`
        checkExpressions(errors, field, each.webhook.matchConditions)
      }
    if (errors.length > 0)
      throw new Error(errors.map(({ field, message }) => `${field}: ${message}`).join('; '))
    return { authorizers: authorizers.map(connected) }
  } catch (error) {
    throw new CommandError(`${path}: ${(error as Error).message}`)
  }
}

const connected = (authorizer: AuthorizerConfiguration): ConfiguredAuthorizer => {
  if (authorizer.type !== 'Webhook') return { type: authorizer.type }
  const { name, webhook: configuration } = authorizer
  const file = configuration.kubeConfigFile
  const { url, connection } = readWebhookKubeconfig(file, readFileSync(file, 'utf8'))
  return { type: 'Webhook', settings: { name, configuration, url, connection } }
}
