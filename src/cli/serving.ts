/**
 * What an apiserver serves with, read from the state folder: certificates, tokens, how it authenticates.
 *
 * Invariant: a key comes with its certificate, the key that signs tokens with all that verify them. While an
 * apiserver serves, a part of the folder that cannot be used, or is being written, leaves that part as it was, and no
 * other: whatever is wrong, a token that is withdrawn is.
 */
import type { Apiserver, ApiserverOptions, Credentials } from '../actors/apiserver/apiserver.ts'
import { parseTokenFile } from '../actors/apiserver/authentication/static-tokens.ts'
import { certificateFacts } from '../node/certificate-facts.ts'
import { readTextIfPresent, watchFolders } from '../node/files.ts'
import type { Clock } from '../std/clock.ts'
import type { Log } from '../std/log.ts'
import { CommandError } from './command.ts'
import { hostAddresses } from './host-addresses.ts'
import { readServiceAccountKeys } from './signing-keys.ts'
import type { StateFolder } from './state-folder.ts'

export type Serving = Required<Pick<ApiserverOptions, 'tls' | 'frontProxy' | 'authentication'>>

export const defaultAddress = (): string => hostAddresses()[0] ?? '127.0.0.1'

/** What is served with now, and who hears what is wrong with the folder's parts. */
interface Former {
  serving: Serving
  onFault(error: Error): void
}

/** Throws CommandError with a sentence for a person, unless `former` stands in for what cannot be used. */
export const readServing = async (folder: StateFolder, former?: Former): Promise<Serving> => {
  const part = async <Part>(
    read: () => Part | Promise<Part>,
    of: (serving: Serving) => Part,
  ): Promise<Part> => {
    try {
      return await read()
    } catch (error) {
      if (!former) throw error
      former.onFault(error as Error)
      return of(former.serving)
    }
  }
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
  const { configuration, webhook } = await part(
    () => readAuthentication(folder),
    ({ authentication }) => authentication,
  )
  return {
    tls: await part(
      () => ({ ...readPair('apiserver'), clientCa: read('ca.crt') }),
      ({ tls }) => tls,
    ),
    frontProxy: await part(
      () => ({ ...readPair('front-proxy-client'), authority: read('front-proxy-ca.crt') }),
      ({ frontProxy }) => frontProxy,
    ),
    authentication: {
      ...(await part(
        () => readServiceAccountKeys(folder),
        ({ authentication: { serviceAccountKey, otherServiceAccountKeys } }) => ({
          serviceAccountKey,
          otherServiceAccountKeys,
        }),
      )),
      tokens: await part(
        () => readTokens(folder.pki('tokens.csv')),
        ({ authentication }) => authentication.tokens ?? [],
      ),
      configuration,
      webhook,
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
): Promise<Pick<Credentials['authentication'], 'configuration' | 'webhook'>> => {
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
  let shown = initial
  const onFault = (error: Error) =>
    log.error({ error: error.message }, 'new credentials are not used')
  const look = async (): Promise<void> => {
    const former = shown
    const serving = await readServing(folder, { serving: former, onFault })
    if (JSON.stringify(serving) === JSON.stringify(shown)) return
    shown = serving
    try {
      await apiserver.present(serving)
      log.info('the apiserver serves with new credentials')
    } catch (error) {
      // It is tried again with the next look.
      if (shown === serving) shown = former
      onFault(error as Error)
    }
  }
  const end = watchFolders([folder.pki(''), folder.authentication('')], clock, () => void look())
  // What changed while the apiserver started has been missed.
  void look()
  return end
}
