/**
 * The certificates that a cluster makes for itself, in `pki/` of the state folder: made when they are missing,
 * renewed before they expire.
 *
 * Invariant: a certificate that is good is kept. Keys are written before their certificates, each file whole, 0600,
 * by one process at a time; a reader that meets a key with another's certificate waits for the next change. A host
 * without an authority's key renews nothing of that authority.
 *
 * An authority is replaced by overlap: at 80 % of its life the next one is made and trusted beside it, at 90 % that
 * one begins to sign, and the former is trusted until it expires. `<name>.crt` is the bundle of those that are
 * trusted; the first of them is that of `<name>.key`.
 */
import { randomBytes } from 'node:crypto'
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { hostname } from 'node:os'
import {
  type CertificateFacts,
  certificateFacts,
  joinBundle,
  renewalTimeMs,
  splitBundle,
} from '../node/certificate-facts.ts'
import { readTextIfPresent, underLock, writeFileAtomically } from '../node/files.ts'
import type { CertificateRequest, KeyPair } from '../node/pki.ts'
import type { Clock } from '../std/clock.ts'
import type { Log } from '../std/log.ts'
import { hostAddresses } from './host-addresses.ts'
import type { StateFolder } from './state-folder.ts'

/** Signs clients and servers. */
export const AUTHORITY = 'ca'
/** An authority of its own: what it signed may speak in anybody's name. */
export const FRONT_PROXY_AUTHORITY = 'front-proxy-ca'

const AUTHORITIES: Readonly<Record<string, string>> = {
  [AUTHORITY]: 'kubernetes',
  [FRONT_PROXY_AUTHORITY]: 'front-proxy-ca',
}
/** The share of an authority's life after which its successor signs. */
const SUCCEEDED_AT = 0.9
/** Timers do not reach further than some weeks, and the time of a laptop stands still. */
const LOOK_MS = 12 * 3600_000

export interface Served {
  /** Names or addresses of other hosts that serve. */
  hosts?: readonly string[]
  serviceCidr: string
}

interface Wanted extends Pick<CertificateRequest, 'subject' | 'usage' | 'names'> {
  name: string
  authority: string
}

const wantedCertificates = (served: Served): Wanted[] => [
  {
    name: 'apiserver',
    authority: AUTHORITY,
    subject: { commonName: 'kube-apiserver' },
    usage: 'server',
    names: servingNames(served),
  },
  {
    name: 'admin',
    authority: AUTHORITY,
    subject: { commonName: 'kubernetes-admin', organizations: ['system:masters'] },
    usage: 'client',
  },
  {
    /** NATS servers are clients of each other too. */
    name: 'nats',
    authority: AUTHORITY,
    subject: { commonName: 'kubus-nats' },
    usage: 'peer',
    names: servingNames(served),
  },
  {
    /** By it servers behind an apiserver know that it is one. */
    name: 'front-proxy-client',
    authority: FRONT_PROXY_AUTHORITY,
    subject: { commonName: 'front-proxy-client' },
    usage: 'client',
  },
]

const servingNames = ({ hosts = [], serviceCidr }: Served): string[] => [
  'localhost',
  hostname(),
  'kubernetes',
  'kubernetes.default',
  'kubernetes.default.svc',
  'kubernetes.default.svc.cluster.local',
  '127.0.0.1',
  // The Service `default/kubernetes` has the first address of the range.
  serviceCidr.replace(/\.0\/\d+$/, '.1'),
  ...new Set([...hosts, ...hostAddresses()]),
]

/** Makes what is missing or no longer fits this machine, and renews what is due. */
export const ensureCertificates = async (
  folder: StateFolder,
  nowMs: number,
  served: Served,
): Promise<void> => {
  if (!existsSync(folder.pki('sa.key'))) {
    const { newSigningKey } = await import('./signing-keys.ts')
    writeFileAtomically(folder.pki('sa.key'), await newSigningKey(nowMs))
  }
  for (const [name, commonName] of Object.entries(AUTHORITIES)) {
    if (readPair(folder, name)) continue
    const { createAuthority } = await import('../node/pki.ts')
    writePair(folder, name, await createAuthority(commonName, nowMs))
  }
  for (const { name, authority, ...request } of wantedCertificates(served)) {
    const pair = readPair(folder, name)
    if (pair && covers(certificateFacts(pair.certificate), request.names ?? [])) continue
    const { issueCertificate } = await import('../node/pki.ts')
    const signer = readPair(folder, authority)!
    writePair(folder, name, await issueCertificate(signer, { ...request, nowMs }))
  }
  if (!existsSync(folder.pki('tokens.csv')))
    writeFileAtomically(
      folder.pki('tokens.csv'),
      `${randomBytes(32).toString('base64url')},kubernetes-admin,,system:masters\n`,
    )
  await renewCertificates(folder, nowMs)
}

const covers = (facts: CertificateFacts, names: readonly string[]): boolean =>
  names.every((name) => facts.names.includes(name))

/** What is done before it is due. */
interface Sooner {
  /** All certificates are renewed. */
  all?: boolean
  /** The authority of clients and servers takes its next step. */
  succession?: boolean
}

/** Renews what is due; the names of what was written. Nothing when another process is at it. */
export const renewCertificates = async (
  folder: StateFolder,
  nowMs: number,
  { all = false, succession = false }: Sooner = {},
): Promise<string[]> =>
  (await underLock(folder.pki('renewal.lock'), nowMs, async () => {
    const written: string[] = []
    for (const name of Object.keys(AUTHORITIES))
      if (await advanceAuthority(folder, name, nowMs, succession && name === AUTHORITY))
        written.push(name)
    for (const name of certificateNames(folder))
      if (await renewIfDue(folder, name, nowMs, all)) written.push(name)
    return written
  })) ?? []

export interface CertificateState {
  name: string
  /** `self` of an authority. */
  authority: string
  expiresMs: number
  /** From when on it is renewed, or its successor made. */
  renewedMs: number
}

/** Of every certificate in the folder, the first one of a bundle. */
export const certificateStates = (folder: StateFolder): CertificateState[] =>
  certificateNames(folder).map((name) => {
    const facts = certificateFacts(readTextIfPresent(folder.pki(`${name}.crt`)) ?? '')
    const authority = facts.isAuthority
      ? 'self'
      : (Object.keys(AUTHORITIES).find((each) =>
          splitBundle(readTextIfPresent(folder.pki(`${each}.crt`)) ?? '').some(facts.isSignedBy),
        ) ?? 'somebody else')
    return { name, authority, expiresMs: facts.notAfterMs, renewedMs: renewalTimeMs(facts) }
  })

/** Looks twice a day; `onRenewed` hears what was written. The result ends it. */
export const keepCertificates = (
  folder: StateFolder,
  { clock, log, onRenewed }: { clock: Clock; log: Log; onRenewed(names: string[]): void },
): (() => void) => {
  let cancel = (): void => undefined
  const look = (): void => {
    cancel = clock.after(LOOK_MS, look)
    renewCertificates(folder, clock.now()).then(
      (names) => {
        if (names.length === 0) return
        log.info({ names }, 'certificates were renewed')
        onRenewed(names)
      },
      (error: unknown) => log.error({ err: error }, 'certificates could not be renewed'),
    )
  }
  look()
  return () => cancel()
}

/** `<name>.crt` of the folder and of its `nodes`. */
const certificateNames = (folder: StateFolder): string[] =>
  ['', 'nodes'].flatMap((part) => {
    const path = folder.pki(part)
    if (!existsSync(path)) return []
    return readdirSync(path)
      .filter((file) => file.endsWith('.crt'))
      .map((file) => (part ? `${part}/${file.slice(0, -4)}` : file.slice(0, -4)))
  })

const readPair = (folder: StateFolder, name: string): KeyPair | undefined => {
  const certificate = readTextIfPresent(folder.pki(`${name}.crt`))
  const key = readTextIfPresent(folder.pki(`${name}.key`))
  return certificate && key ? { certificate, key } : undefined
}

const writePair = (folder: StateFolder, name: string, pair: KeyPair): void => {
  writeFileAtomically(folder.pki(`${name}.key`), pair.key)
  writeFileAtomically(folder.pki(`${name}.crt`), pair.certificate)
}

/** A certificate of one of the cluster's authorities, at 80 % of its life or when the authority was succeeded. */
const renewIfDue = async (
  folder: StateFolder,
  name: string,
  nowMs: number,
  isWanted: boolean,
): Promise<boolean> => {
  const pair = readPair(folder, name)
  if (!pair) return false
  const facts = certificateFacts(pair.certificate)
  if (facts.isAuthority) return false
  const authority = Object.keys(AUTHORITIES)
    .map((each) => readPair(folder, each))
    .find((each) => each && splitBundle(each.certificate).some((one) => facts.isSignedBy(one)))
  if (!authority) return false
  const [signer = ''] = splitBundle(authority.certificate)
  const isGood = nowMs < renewalTimeMs(facts) && facts.isSignedBy(signer) && facts.matches(pair.key)
  if (isGood && !isWanted) return false
  const { renewCertificate } = await import('../node/pki.ts')
  writePair(folder, name, await renewCertificate(authority, pair.certificate, nowMs))
  return true
}

/** The next step of an authority's succession, if it is time for one. */
const advanceAuthority = async (
  folder: StateFolder,
  name: string,
  nowMs: number,
  isWanted: boolean,
): Promise<boolean> => {
  const pair = readPair(folder, name)
  if (!pair) return false
  const [signer = '', ...others] = splitBundle(pair.certificate)
  const facts = certificateFacts(signer)
  const next = readPair(folder, `${name}-next`)
  const trusted = others.filter((one) => nowMs < certificateFacts(one).notAfterMs)
  if (next && (isWanted || nowMs >= successionMs(facts))) {
    const former = trusted.filter((one) => one !== next.certificate.trim())
    const bundle = joinBundle([next.certificate, signer, ...former])
    writePair(folder, name, { certificate: bundle, key: next.key })
    for (const part of ['key', 'crt']) rmSync(folder.pki(`${name}-next.${part}`), { force: true })
    return true
  }
  if (!next && (isWanted || nowMs >= renewalTimeMs(facts))) {
    const { createAuthority } = await import('../node/pki.ts')
    const lifetimeMs = facts.notAfterMs - facts.notBeforeMs
    const made = await createAuthority(AUTHORITIES[name]!, nowMs, lifetimeMs)
    writePair(folder, `${name}-next`, made)
    trusted.push(made.certificate)
  } else if (trusted.length === others.length) return false
  writeFileAtomically(folder.pki(`${name}.crt`), joinBundle([signer, ...trusted]))
  return true
}

const successionMs = ({ notBeforeMs, notAfterMs }: CertificateFacts): number =>
  notBeforeMs + (notAfterMs - notBeforeMs) * SUCCEEDED_AT
