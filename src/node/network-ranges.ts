/**
 * The address ranges of a cluster's pods and Services on this host, so that several clusters may share it.
 *
 * Each cluster takes the first pair of ranges that no other cluster holds and no route of the host lies in;
 * a claim is a file named for the pair that holds its owner's state folder. Invariant: two living owners
 * never hold one pair. A claim whose owner's folder is gone is void. It sets up no network.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export interface NetworkRanges {
  /** Addresses of all pods, e.g. `10.244.0.0/16`. */
  clusterCidr: string
  /** Addresses of Services, e.g. `10.96.0.0/16`. */
  serviceCidr: string
}

const CLAIMS_FOLDER = '/run/kubus/networks'
/** 10.244 … 10.254 for pods, 10.96 … 10.106 for Services. */
const PAIRS = 11
const FIRST_POD_OCTET = 244
const FIRST_SERVICE_OCTET = 96

const rangesOf = (pair: number): NetworkRanges => ({
  clusterCidr: `10.${FIRST_POD_OCTET + pair}.0.0/16`,
  serviceCidr: `10.${FIRST_SERVICE_OCTET + pair}.0.0/16`,
})

/** What Kubernetes' tools use by default; for hosts that are shared with no other cluster. */
export const DEFAULT_RANGES = rangesOf(0)

/** Where claims are kept. `root` is the host's root as this process sees it, when it runs in a container. */
export interface ClaimsPlace {
  root?: string
  folder?: string
}

const folderOf = ({ root = '/', folder = CLAIMS_FOLDER }: ClaimsPlace) => join(root, folder)

/**
 * The ranges of the cluster whose state lies in `owner` (an absolute path of the host). Without the right to
 * write claims it gives the default.
 */
export const claimRanges = (
  owner: string,
  place: ClaimsPlace = {},
  routes: readonly string[] = hostRoutes(),
): NetworkRanges => {
  const folder = folderOf(place)
  try {
    mkdirSync(folder, { recursive: true })
  } catch {
    return DEFAULT_RANGES
  }
  for (let pair = 0; pair < PAIRS; pair++) {
    const ranges = rangesOf(pair)
    const prefixes = [ranges.clusterCidr, ranges.serviceCidr].map((cidr) => cidr.split('.0.0/')[0])
    const isRouted = routes.some((route) =>
      prefixes.some((prefix) => route.startsWith(`${prefix}.`)),
    )
    if (!isRouted && claim(join(folder, String(pair)), owner, place)) return ranges
  }
  throw new Error(
    `all ${PAIRS} ranges for pods are taken by other clusters on this host (${folder}); ` +
      'remove one with kubus down --purge',
  )
}

/** Says that `owner` holds `ranges` already: after a reboot claims are gone, the cluster's choice is not. */
export const keepRanges = (owner: string, ranges: NetworkRanges, place: ClaimsPlace = {}): void => {
  const folder = folderOf(place)
  for (let pair = 0; pair < PAIRS; pair++) {
    if (rangesOf(pair).clusterCidr !== ranges.clusterCidr) continue
    try {
      mkdirSync(folder, { recursive: true })
      claim(join(folder, String(pair)), owner, place)
    } catch {
      return
    }
  }
}

export const releaseRanges = (owner: string, place: ClaimsPlace = {}): void => {
  const folder = folderOf(place)
  for (let pair = 0; pair < PAIRS; pair++) {
    const file = join(folder, String(pair))
    if (holderOf(file) === owner) rmSync(file, { force: true })
  }
}

const holderOf = (file: string): string | undefined => {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}

const claim = (file: string, owner: string, { root = '/' }: ClaimsPlace): boolean => {
  const holder = holderOf(file)
  if (holder === owner) return true
  if (holder !== undefined && existsSync(join(root, holder))) return false
  rmSync(file, { force: true })
  try {
    writeFileSync(file, owner, { flag: 'wx' })
    return true
  } catch {
    return false
  }
}

/** Destinations of the host's IPv4 routes, without the default route. */
const hostRoutes = (): string[] => {
  let text: string
  try {
    text = readFileSync('/proc/net/route', 'utf8')
  } catch {
    return []
  }
  return text
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const destination = line.split('\t')[1]
      if (!destination || destination === '00000000') return []
      // The kernel prints the address as a little-endian number.
      const octets = destination.match(/../g)?.reverse() ?? []
      return [octets.map((octet) => Number.parseInt(octet, 16)).join('.')]
    })
}
