/**
 * Encryption of stored values: sealed when they are written, opened when they are read.
 *
 * A sealed value begins with Kubernetes' own words, `k8s:enc:<provider>:v1:<key>:`, which no MessagePack object
 * begins with; then the nonce, the ciphertext and, of AES-GCM, its tag. Invariant: AES-GCM binds a value to its
 * place, so that none can be put under another name. Where a value says a key that is not known, the
 * configuration is read anew: a key that another process seals with is found without a restart.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import {
  type EncryptionConfiguration,
  type EncryptionKey,
  type EncryptionProvider,
  providersOf,
} from '../api/encryption-configuration.ts'
import type { AnyKind } from '../api/kind.ts'
import type { Clock } from '../std/clock.ts'

/** Where a value lies. */
export interface SealedPlace {
  group: string
  resource: string
  namespace?: string | undefined
  name: string
}

export interface SealingPorts {
  /** The configuration as it is now; undefined while it cannot be read, which keeps the one before. */
  load(): EncryptionConfiguration | undefined
  clock: Clock
}

const PREFIX = Buffer.from('k8s:enc:')
const GCM_NONCE_BYTES = 12
const GCM_TAG_BYTES = 16
const CBC_NONCE_BYTES = 16
/** A value that nobody can open must not have the file read again for every reader. */
const RELOAD_MS = 1_000

/** The value's key is not in the configuration, or it was tampered with. */
export class NotOpened extends Error {}

export class Sealing {
  private configuration: EncryptionConfiguration
  private providers = new Map<AnyKind, readonly EncryptionProvider[] | undefined>()
  private loadedAt: number
  private readonly ports: SealingPorts

  constructor(ports: SealingPorts) {
    this.ports = ports
    this.configuration = ports.load() ?? []
    this.loadedAt = ports.clock.monotonic()
  }

  /** Takes what the configuration says now. */
  reload(): void {
    this.configuration = this.ports.load() ?? this.configuration
    this.loadedAt = this.ports.clock.monotonic()
    this.providers = new Map()
  }

  /** Whether values of the kind are sealed when they are written. */
  isSealed(kind: AnyKind): boolean {
    return (this.providersOf(kind)?.[0]?.type ?? 'identity') !== 'identity'
  }

  /** Whether the configuration says anything of the kind. */
  isConcerned(kind: AnyKind): boolean {
    return this.providersOf(kind) !== undefined
  }

  /** `bytes` as they are to be stored at `place`. */
  seal(kind: AnyKind, place: SealedPlace, bytes: Uint8Array): Uint8Array {
    const provider = this.providersOf(kind)?.[0]
    const key = provider?.keys[0]
    if (!provider || !key) return bytes
    const head = Buffer.from(`k8s:enc:${provider.type}:v1:${key.name}:`)
    return provider.type === 'aesgcm' ? sealGcm(head, key, place, bytes) : sealCbc(head, key, bytes)
  }

  /** What was stored at `place`; bytes that were never sealed come back as they are. Throws NotOpened. */
  open(place: SealedPlace, bytes: Uint8Array): Uint8Array {
    if (!startsWith(bytes, PREFIX)) return bytes
    const { type, name, body } = readHead(bytes)
    const key = this.keyOf(place, type, name) ?? this.keyAfterReload(place, type, name)
    if (!key) throw new NotOpened(`no matching key was found for ${type} key ${name}`)
    try {
      return type === 'aesgcm' ? openGcm(key, place, body) : openCbc(key, body)
    } catch {
      throw new NotOpened(`it cannot be opened with the ${type} key ${name}`)
    }
  }

  private providersOf(kind: AnyKind): readonly EncryptionProvider[] | undefined {
    const known = this.providers.get(kind)
    if (known || this.providers.has(kind)) return known
    const providers = providersOf(this.configuration, kind.group, kind.plural)
    this.providers.set(kind, providers)
    return providers
  }

  private keyOf(place: SealedPlace, type: string, name: string): EncryptionKey | undefined {
    const all = providersOf(this.configuration, place.group, place.resource) ?? []
    return all
      .filter((provider) => provider.type === type)
      .flatMap(({ keys }) => keys)
      .find((key) => key.name === name)
  }

  private keyAfterReload(place: SealedPlace, type: string, name: string) {
    if (this.ports.clock.monotonic() - this.loadedAt < RELOAD_MS) return undefined
    this.reload()
    return this.keyOf(place, type, name)
  }
}

const cipherOf = ({ secret }: EncryptionKey, mode: 'gcm' | 'cbc') =>
  `aes-${secret.length * 8}-${mode}` as 'aes-256-gcm'

const additionalData = ({ group, resource, namespace = '', name }: SealedPlace): Buffer =>
  Buffer.from(`${group}/${resource}/${namespace}/${name}`)

const sealGcm = (
  head: Uint8Array,
  key: EncryptionKey,
  place: SealedPlace,
  bytes: Uint8Array,
): Uint8Array => {
  const nonce = randomBytes(GCM_NONCE_BYTES)
  const cipher = createCipheriv(cipherOf(key, 'gcm'), key.secret, nonce)
  cipher.setAAD(additionalData(place))
  const sealed = cipher.update(bytes)
  return Buffer.concat([head, nonce, sealed, cipher.final(), cipher.getAuthTag()])
}

const openGcm = (key: EncryptionKey, place: SealedPlace, body: Buffer): Uint8Array => {
  const decipher = createDecipheriv(
    cipherOf(key, 'gcm'),
    key.secret,
    body.subarray(0, GCM_NONCE_BYTES),
  )
  decipher.setAAD(additionalData(place))
  decipher.setAuthTag(body.subarray(body.length - GCM_TAG_BYTES))
  const sealed = body.subarray(GCM_NONCE_BYTES, body.length - GCM_TAG_BYTES)
  return Buffer.concat([decipher.update(sealed), decipher.final()])
}

const sealCbc = (head: Uint8Array, key: EncryptionKey, bytes: Uint8Array): Uint8Array => {
  const nonce = randomBytes(CBC_NONCE_BYTES)
  const cipher = createCipheriv(cipherOf(key, 'cbc'), key.secret, nonce)
  return Buffer.concat([head, nonce, cipher.update(bytes), cipher.final()])
}

const openCbc = (key: EncryptionKey, body: Buffer): Uint8Array => {
  const nonce = body.subarray(0, CBC_NONCE_BYTES)
  const decipher = createDecipheriv(cipherOf(key, 'cbc'), key.secret, nonce)
  return Buffer.concat([decipher.update(body.subarray(CBC_NONCE_BYTES)), decipher.final()])
}

const startsWith = (bytes: Uint8Array, prefix: Uint8Array): boolean =>
  bytes[0] === prefix[0] && Buffer.compare(bytes.subarray(0, prefix.length), prefix) === 0

const COLON = 0x3a

/** `<type>:v1:<name>:` and what follows. */
const readHead = (bytes: Uint8Array): { type: string; name: string; body: Buffer } => {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const typeEnd = buffer.indexOf(COLON, PREFIX.length)
  const versionEnd = buffer.indexOf(COLON, typeEnd + 1)
  const nameEnd = buffer.indexOf(COLON, versionEnd + 1)
  if (typeEnd < 0 || versionEnd < 0 || nameEnd < 0)
    throw new NotOpened('it begins as a sealed value does, and ends there')
  return {
    type: buffer.toString('utf8', PREFIX.length, typeEnd),
    name: buffer.toString('utf8', versionEnd + 1, nameEnd),
    body: buffer.subarray(nameEnd + 1),
  }
}
