/**
 * `EncryptionConfiguration` (apiserver.config.k8s.io/v1): which kinds are encrypted in the store, with which keys.
 *
 * After Kubernetes' "Encrypting Confidential Data at Rest". Invariant: pure; a configuration that was parsed has
 * usable keys only. Providers that need a service beside the cluster (kms) or another cipher (secretbox) are
 * refused with a sentence, never ignored.
 */

/** `identity` stores as is. */
export type ProviderType = 'aesgcm' | 'aescbc' | 'identity'

export interface EncryptionKey {
  name: string
  /** 16, 24 or 32 bytes. */
  secret: Uint8Array
}

export interface EncryptionProvider {
  type: ProviderType
  keys: readonly EncryptionKey[]
}

/** The first provider's first key seals what is written; every one opens what is read. */
export interface EncryptionRule {
  resources: readonly string[]
  providers: readonly EncryptionProvider[]
}

export type EncryptionConfiguration = readonly EncryptionRule[]

/** The document is not usable; the message names the path and says what is wrong. */
export class EncryptionConfigurationError extends Error {}

const API_VERSION = 'apiserver.config.k8s.io/v1'
const KEY_BYTES: readonly number[] = [16, 24, 32]
const PROVIDERS: ReadonlySet<string> = new Set(['aesgcm', 'aescbc', 'identity'])

type Loose = Record<string, unknown>

/** Throws EncryptionConfigurationError. */
export const parseEncryptionConfiguration = (document: unknown): EncryptionConfiguration => {
  const { apiVersion, kind, resources } = objectAt(document, 'the document')
  if (apiVersion !== API_VERSION || kind !== 'EncryptionConfiguration')
    throw new EncryptionConfigurationError(
      `it must be an EncryptionConfiguration of ${API_VERSION}, it says ${String(kind)} of ${String(apiVersion)}`,
    )
  return listAt(resources, 'resources').map((rule, index) => parseRule(rule, `resources[${index}]`))
}

/**
 * The providers of a kind, undefined when its objects are stored as they are. As in Kubernetes, the first rule
 * that names the kind counts: by `plural` or `plural.group`, by `*.group` (`*.` is the core group), by `*.*`.
 */
export const providersOf = (
  configuration: EncryptionConfiguration,
  group: string,
  plural: string,
): readonly EncryptionProvider[] | undefined => {
  const names = new Set([group ? `${plural}.${group}` : plural, `*.${group}`, '*.*'])
  return configuration.find(({ resources }) => resources.some((name) => names.has(name)))?.providers
}

const parseRule = (value: unknown, path: string): EncryptionRule => {
  const { resources, providers } = objectAt(value, path)
  const names = listAt(resources, `${path}.resources`).map(String)
  const parsed = listAt(providers, `${path}.providers`).map((provider, index) =>
    parseProvider(provider, `${path}.providers[${index}]`),
  )
  if (names.length === 0 || parsed.length === 0)
    throw new EncryptionConfigurationError(`${path} names no resources or no providers`)
  return { resources: names, providers: parsed }
}

const parseProvider = (value: unknown, path: string): EncryptionProvider => {
  const entries = Object.entries(objectAt(value, path))
  const [type, settings] = entries[0] ?? []
  if (entries.length !== 1 || type === undefined)
    throw new EncryptionConfigurationError(`${path} must name exactly one provider`)
  if (!PROVIDERS.has(type))
    throw new EncryptionConfigurationError(
      `${path}: the provider ${type} is not supported; use aesgcm, aescbc or identity`,
    )
  if (type === 'identity') return { type, keys: [] }
  const keys = listAt(objectAt(settings, `${path}.${type}`)['keys'], `${path}.${type}.keys`)
  if (keys.length === 0) throw new EncryptionConfigurationError(`${path}.${type} has no keys`)
  return {
    type: type as ProviderType,
    keys: keys.map((key, index) => parseKey(key, `${path}.${type}.keys[${index}]`)),
  }
}

const parseKey = (value: unknown, path: string): EncryptionKey => {
  const { name, secret } = objectAt(value, path)
  if (typeof name !== 'string' || !name || name.includes(':'))
    throw new EncryptionConfigurationError(`${path}.name must be a word without colons`)
  if (typeof secret !== 'string')
    throw new EncryptionConfigurationError(`${path}.secret is missing`)
  const bytes = Buffer.from(secret, 'base64')
  if (!KEY_BYTES.includes(bytes.length))
    throw new EncryptionConfigurationError(
      `${path}.secret must be base64 of 16, 24 or 32 bytes, it has ${bytes.length}`,
    )
  return { name, secret: bytes }
}

const objectAt = (value: unknown, path: string): Loose => {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new EncryptionConfigurationError(`${path} must be an object`)
  return value as Loose
}

const listAt = (value: unknown, path: string): readonly unknown[] => {
  if (!Array.isArray(value)) throw new EncryptionConfigurationError(`${path} must be a list`)
  return value
}
