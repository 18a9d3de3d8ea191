/**
 * What an apiserver serves with, read from the state folder: certificates, static tokens, its address.
 */
import type { ApiserverOptions } from '../actors/apiserver/apiserver.ts'
import { readTextIfPresent } from '../node/files.ts'
import { CommandError } from './command.ts'
import { hostAddresses } from './credentials.ts'
import type { StateFolder } from './state-folder.ts'

export const readServing = (
  folder: StateFolder,
): Pick<ApiserverOptions, 'tls' | 'frontProxy' | 'authentication'> & { defaultAddress: string } => {
  const read = (name: string) => {
    const text = readTextIfPresent(folder.pki(name))
    if (text === undefined)
      throw new CommandError(`${folder.pki(name)} is missing; kubus up makes it`)
    return text
  }
  return {
    tls: {
      certificate: read('apiserver.crt'),
      key: read('apiserver.key'),
      clientCa: read('ca.crt'),
    },
    frontProxy: {
      certificate: read('front-proxy-client.crt'),
      key: read('front-proxy-client.key'),
      authority: read('front-proxy-ca.crt'),
    },
    authentication: {
      tokens: parseTokens(readTextIfPresent(folder.pki('tokens.csv')) ?? ''),
      serviceAccountKey: read('sa.key'),
    },
    defaultAddress: hostAddresses()[0] ?? '127.0.0.1',
  }
}

/** Kubernetes' static token file: `token,user,uid,"group1,group2"`. */
const parseTokens = (text: string) =>
  text
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const [token = '', user = '', , ...groups] = line.replaceAll('"', '').split(',')
      return { token, user, groups: groups.filter(Boolean) }
    })
