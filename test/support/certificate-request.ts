/**
 * PKCS#10 requests as clients make them, each with a key of its own.
 */
import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import {
  cryptoProvider,
  type GeneralNameType,
  Pkcs10CertificateRequestGenerator,
  SubjectAlternativeNameExtension,
} from '@peculiar/x509'

cryptoProvider.set(webcrypto as unknown as Parameters<typeof cryptoProvider.set>[1])

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const

export interface MadeRequest {
  /** Base64 of PEM, as `spec.request` has it. */
  request: string
  /** PEM. */
  key: string
}

export const certificateRequest = async (
  commonName: string,
  organizations: readonly string[] = [],
  names: readonly { type: GeneralNameType; value: string }[] = [],
  /** By object identifier. */
  attributes: Readonly<Record<string, string>> = {},
): Promise<MadeRequest> => {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
  const request = await Pkcs10CertificateRequestGenerator.create({
    name: [
      ...organizations.map((name) => ({ O: [name] })),
      { CN: [commonName] },
      ...Object.entries(attributes).map(([attribute, value]) => ({ [attribute]: [value] })),
    ],
    keys,
    signingAlgorithm: ALGORITHM,
    extensions: names.length > 0 ? [new SubjectAlternativeNameExtension([...names])] : [],
  })
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey))
  return {
    request: Buffer.from(`${request.toString('pem')}\n`).toString('base64'),
    key: `-----BEGIN PRIVATE KEY-----\n${pkcs8.toString('base64')}\n-----END PRIVATE KEY-----\n`,
  }
}
