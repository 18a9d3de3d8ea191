/**
 * What a cluster is created with: authority, serving and client certificates, bus users, kubeconfig.
 *
 * Invariant: everything is made once, in the state folder; only the serving certificate is renewed, when
 * the names or addresses of this machine changed.
 */
import { randomBytes } from 'node:crypto'
import { hostname, networkInterfaces } from 'node:os'
import { newUserKey } from '../bus/nkey.ts'
import { readTextIfPresent, writeFileAtomically } from '../node/files.ts'
import type { KeyPair } from '../node/pki.ts'
import type { StateFolder } from './state-folder.ts'

const readPair = (folder: StateFolder, name: string): KeyPair | undefined => {
  const certificate = readTextIfPresent(folder.pki(`${name}.crt`))
  const key = readTextIfPresent(folder.pki(`${name}.key`))
  return certificate && key ? { certificate, key } : undefined
}

const writePair = (folder: StateFolder, name: string, pair: KeyPair) => {
  writeFileAtomically(folder.pki(`${name}.key`), pair.key)
  writeFileAtomically(folder.pki(`${name}.crt`), pair.certificate, 0o644)
}

/** IPv4 addresses of this machine, loopback excluded, without those of container bridges. */
export const hostAddresses = (): string[] =>
  Object.entries(networkInterfaces())
    .filter(([name]) => !/^(docker|br-|veth|kbs|kbe|cni|flannel)/.test(name))
    .flatMap(([, addresses]) => addresses ?? [])
    .filter((address) => address.family === 'IPv4' && !address.internal)
    .map((address) => address.address)

/** The Service `default/kubernetes` has the first address of the Service range. */
const firstAddress = (cidr: string) => cidr.replace(/\.0\/\d+$/, '.1')

const servingNames = ({ hosts = [], serviceCidr }: Served) => [
  'localhost',
  hostname(),
  'kubernetes',
  'kubernetes.default',
  'kubernetes.default.svc',
  'kubernetes.default.svc.cluster.local',
  '127.0.0.1',
  firstAddress(serviceCidr),
  ...new Set([...hosts, ...hostAddresses()]),
]

interface Served {
  /** Names or addresses of other hosts that serve. */
  hosts?: readonly string[]
  serviceCidr: string
}

/** The key that signs tokens of service accounts; those it signed are good as long as it is there. */
const ensureServiceAccountKey = async (folder: StateFolder) => {
  if (readTextIfPresent(folder.pki('sa.key'))) return
  const { createSigningKey } = await import('../node/pki.ts')
  writeFileAtomically(folder.pki('sa.key'), await createSigningKey())
}

/** By it servers behind an apiserver know that it is one. */
const FRONT_PROXY = 'front-proxy-client'

/** Makes the certificates that are missing; costs nothing when all are there. */
export const ensureCertificates = async (folder: StateFolder, nowMs: number, served: Served) => {
  await ensureServiceAccountKey(folder)
  const names = servingNames(served)
  const stamp = names.join(' ')
  const complete =
    readTextIfPresent(folder.pki('names')) === stamp &&
    readPair(folder, 'ca') &&
    readPair(folder, 'admin') &&
    readPair(folder, FRONT_PROXY)
  if (complete) return
  // Loaded only here: certificate code costs a restart nothing.
  const { createAuthority, issueCertificate } = await import('../node/pki.ts')
  let authority = readPair(folder, 'ca')
  if (!authority) {
    authority = await createAuthority('kubernetes', nowMs)
    writePair(folder, 'ca', authority)
  }
  const serving = await issueCertificate(authority, {
    subject: { commonName: 'kube-apiserver' },
    usage: 'server',
    names,
    nowMs,
  })
  writePair(folder, 'apiserver', serving)
  if (!readPair(folder, 'admin')) {
    const admin = await issueCertificate(authority, {
      subject: { commonName: 'kubernetes-admin', organizations: ['system:masters'] },
      usage: 'client',
      nowMs,
    })
    writePair(folder, 'admin', admin)
  }
  if (!readPair(folder, FRONT_PROXY)) {
    // An authority of its own: what it signed may speak in anybody's name.
    const own = await createAuthority('front-proxy-ca', nowMs)
    const subject = { commonName: 'front-proxy-client' }
    writePair(folder, 'front-proxy-ca', own)
    writePair(folder, FRONT_PROXY, await issueCertificate(own, { subject, usage: 'client', nowMs }))
  }
  if (!readTextIfPresent(folder.pki('tokens.csv')))
    writeFileAtomically(
      folder.pki('tokens.csv'),
      `${randomBytes(32).toString('base64url')},kubernetes-admin,,system:masters\n`,
    )
  writeFileAtomically(folder.pki('names'), stamp)
}

/** The seed of the bus user of operators and components; made on the first start. */
export const ensureBusUser = (folder: StateFolder): string => {
  const known = readTextIfPresent(`${folder.operatorSeed}.pub`)
  if (known && readTextIfPresent(folder.operatorSeed)) return known.trim()
  const { seed, publicKey } = newUserKey()
  writeFileAtomically(folder.operatorSeed, `${seed}\n`)
  writeFileAtomically(`${folder.operatorSeed}.pub`, `${publicKey}\n`)
  return publicKey
}

export const newRoutePassword = () => randomBytes(18).toString('base64url')

/** The administrator's kubeconfig, with everything inside; `host` is where the first apiserver answers. */
export const writeKubeconfig = (folder: StateFolder, apiPort: number, host = '127.0.0.1') => {
  const base64 = (name: string) =>
    Buffer.from(readTextIfPresent(folder.pki(name)) ?? '').toString('base64')
  const text = `apiVersion: v1
kind: Config
clusters:
- name: kubus
  cluster:
    server: https://${host}:${apiPort}
    certificate-authority-data: ${base64('ca.crt')}
users:
- name: kubernetes-admin
  user:
    client-certificate-data: ${base64('admin.crt')}
    client-key-data: ${base64('admin.key')}
contexts:
- name: kubernetes-admin@kubus
  context: {cluster: kubus, user: kubernetes-admin}
current-context: kubernetes-admin@kubus
`
  if (readTextIfPresent(folder.kubeconfig) !== text) writeFileAtomically(folder.kubeconfig, text)
}
