/**
 * What an apiserver serves with, read from the state folder: certificates, tokens, how it authenticates.
 *
 * Invariant: what is returned fits together; a folder that is being written is an error, and read again.
 */
import type { Apiserver, ApiserverOptions, Credentials } from '../actors/apiserver/apiserver.ts'
import { parseTokenFile } from '../actors/apiserver/authentication/static-tokens.ts'
import { certificateFacts } from '../node/certificate-facts.ts'
import { readTextIfPresent, watchFolders } from '../node/files.ts'
import type { Clock } from '../std/clock.ts'
import type { Log } from '../std/log.ts'
import { CommandError } from './command.ts'
import { hostAddresses } from './host-addresses.ts'
import type { StateFolder } from './state-folder.ts'

export type Serving = Required<Pick<ApiserverOptions, 'tls' | 'frontProxy' | 'authentication'>>

export const defaultAddress = (): string => hostAddresses()[0] ?? '127.0.0.1'

/** Throws CommandError with a sentence for a person. */
export const readServing = async (folder: StateFolder): Promise<Serving> => {
  const read = (name: string) => {
    const text = readTextIfPresent(folder.pki(name))
    if (text === undefined)
      throw new CommandError(`${folder.pki(name)} is missing; kubus up makes it`)
    return text
  }
  const readPair = (name: string) => {
    const pair = { certificate: read(`${name}.crt`), key: read(`${name}.key`) }
    if (certificateFacts(pair.certificate).matches(pair.key)) return pair
    throw new CommandError(`${folder.pki(`${name}.key`)} is not the key of ${name}.crt`)
  }
  return {
    tls: { ...readPair('apiserver'), clientCa: read('ca.crt') },
    frontProxy: { ...readPair('front-proxy-client'), authority: read('front-proxy-ca.crt') },
    authentication: {
      serviceAccountKey: read('sa.key'),
      tokens: readTokens(folder.pki('tokens.csv')),
      ...(await readAuthentication(folder)),
    },
  }
}

const readTokens = (path: string) => {
  try {
    return parseTokenFile(readTextIfPresent(path) ?? '')
  } catch (error) {
    throw new CommandError(`${path}: ${(error as Error).message}`)
  }
}

/** Few clusters have these files: what reads them is loaded then. */
const readAuthentication = async (
  folder: StateFolder,
): Promise<Partial<Credentials['authentication']>> => {
  const configuration = readTextIfPresent(folder.authentication('configuration.yaml'))
  const webhook = readTextIfPresent(folder.authentication('webhook.kubeconfig'))
  if (configuration === undefined && webhook === undefined) return {}
  const { parseConfiguration, parseTokenWebhook } = await import('./authentication-files.ts')
  return {
    ...(configuration === undefined
      ? {}
      : { configuration: parseConfiguration(folder, configuration) }),
    ...(webhook === undefined ? {} : { webhook: parseTokenWebhook(folder, webhook) }),
  }
}

/** Who decides, where the folder says so. Throws CommandError. */
export const readAuthorization = async ({
  authorization: path,
}: StateFolder): Promise<Pick<ApiserverOptions, 'authorization'>> => {
  const text = readTextIfPresent(path)
  if (text === undefined) return {}
  const { parseAuthorization } = await import('./authorization-files.ts')
  return { authorization: parseAuthorization(path, text) }
}

/** Has `apiserver` serve with what the folder says whenever that changes. The result ends it. */
export const followServing = (
  folder: StateFolder,
  initial: Serving,
  apiserver: Apiserver,
  { clock, log }: { clock: Clock; log: Log },
): (() => void) => {
  let shown = JSON.stringify(initial)
  const look = async (): Promise<void> => {
    try {
      const serving = await readServing(folder)
      const text = JSON.stringify(serving)
      if (text === shown) return
      shown = text
      await apiserver.present(serving)
      log.info('the apiserver serves with new credentials')
    } catch (error) {
      log.error({ error: (error as Error).message }, 'new credentials are not used')
    }
  }
  return watchFolders([folder.pki(''), folder.authentication('')], clock, () => void look())
}
