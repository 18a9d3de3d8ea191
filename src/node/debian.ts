/**
 * Debian's packages: installs from the configured suites, unpacks single files from unstable.
 *
 * Invariant: apt verifies every package by the archive's signature; nothing from unstable is installed,
 * its files are only unpacked into the state folder. It uses the mirror this machine is configured with.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { sleep } from '../std/clock.ts'
import { type CommandResult, findProgram, isRoot, lastLine, runCommand } from './command.ts'

const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg'
const ANY_MIRROR = 'http://deb.debian.org/debian'
/** A fresh machine often updates itself after its start. */
const LOCK_TIMEOUT_S = 120
const LOCK_RETRY_MS = 2_000
/** English, so that the causes below are found; no questions. */
const QUIET = { DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' }

/** The Debian mirror of this machine's apt configuration, or undefined where there is none. */
export const debianMirror = (etc = '/etc/apt'): string | undefined => {
  const texts: string[] = []
  const read = (path: string) => {
    try {
      texts.push(readFileSync(path, 'utf8'))
    } catch {}
  }
  read(join(etc, 'sources.list'))
  try {
    for (const name of readdirSync(join(etc, 'sources.list.d')))
      read(join(etc, 'sources.list.d', name))
  } catch {}
  for (const text of texts) {
    const match =
      /^deb\s+(?:\[[^\]]*\]\s+)?(https?:\S+\/debian)\/?\s/m.exec(text) ??
      /^URIs:\s*(https?:\S+\/debian)\/?(?:\s|$)/m.exec(text)
    if (match) return match[1]
  }
  return undefined
}

/** What apt says first is the cause; what follows is what came of it. */
const causeOf = ({ stderr }: CommandResult) =>
  (/^[EW]: (.*)/m.exec(stderr)?.[1] ?? lastLine(stderr))
    .trim()
    .replace(/\s+/g, ' ')
    .replace(/\.$/, '')

/** In a session of its own: Ctrl-C must not leave dpkg half way. */
const apt = (args: readonly string[]) =>
  runCommand('apt-get', ['-o', `DPkg::Lock::Timeout=${LOCK_TIMEOUT_S}`, ...args], {
    env: QUIET,
    detached: true,
  })

/** Reads the archives' lists anew; returns why no archive answers, undefined when one does. */
const updateLists = async (): Promise<string | undefined> => {
  const deadline = performance.now() + LOCK_TIMEOUT_S * 1000
  for (;;) {
    const result = await apt(['update', '-o', 'Acquire::Retries=0'])
    if (/^(?:Get|Hit):/m.test(result.stdout)) return undefined
    if (!/\block\b/.test(result.stderr) || performance.now() > deadline) return causeOf(result)
    await sleep(LOCK_RETRY_MS)
  }
}

/** Installs packages of the machine's own suite. Throws a sentence that says what to do instead. */
export const installPackages = async (packages: readonly string[], why: string) => {
  const list = packages.join(' ')
  const missing = `${list} ${packages.length > 1 ? 'are' : 'is'} missing: ${why}`
  const byHand = `apt-get install ${list}`
  if (!findProgram('apt-get'))
    throw new Error(`${missing}; install what your distribution has of them`)
  if (!isRoot()) throw new Error(`${missing}; run as root, or first ${byHand}`)
  const unreachable = await updateLists()
  if (unreachable)
    throw new Error(`${missing}, and apt cannot install now (${unreachable}); later: ${byHand}`)
  const result = await apt(['install', '-y', '--no-install-recommends', ...packages])
  if (result.code === 0) return
  throw new Error(`${missing}, and apt cannot install (${causeOf(result)}); try: ${byHand}`)
}

/**
 * Downloads `name` from Debian unstable and copies the file `path` of it to `destination`, by way of the
 * empty folder `scratch`. Returns in a few words why this machine cannot, undefined when it could.
 */
export const unpackFromUnstable = async (
  name: string,
  path: string,
  destination: string,
  scratch: string,
): Promise<string | undefined> => {
  const mirror = debianMirror() ?? ANY_MIRROR
  if (!findProgram('apt-get') || !findProgram('dpkg-deb') || !existsSync(KEYRING))
    return 'this machine does not run it'
  mkdirSync(join(scratch, 'lists/partial'), { recursive: true })
  mkdirSync(join(scratch, 'cache/archives/partial'), { recursive: true })
  const sources = join(scratch, 'unstable.list')
  writeFileSync(sources, `deb [signed-by=${KEYRING}] ${mirror} unstable main\n`)
  const options = [
    `Dir::Etc::SourceList=${sources}`,
    'Dir::Etc::SourceParts=/dev/null',
    `Dir::State::lists=${join(scratch, 'lists')}`,
    `Dir::Cache=${join(scratch, 'cache')}`,
    'Acquire::Languages=none',
    'APT::Sandbox::User=root',
    'APT::Update::Error-Mode=any',
  ].flatMap((option) => ['-o', option])
  const updated = await runCommand('apt-get', [...options, 'update'], { env: QUIET })
  if (updated.code !== 0) return causeOf(updated)
  const fetched = await runCommand('apt-get', [...options, 'download', `${name}/unstable`], {
    cwd: scratch,
    env: QUIET,
  })
  const archive = readdirSync(scratch).find((file) => file.startsWith(`${name}_`))
  if (fetched.code !== 0 || !archive) return causeOf(fetched)
  const tree = join(scratch, 'tree')
  const unpacked = await runCommand('dpkg-deb', ['-x', join(scratch, archive), tree])
  if (unpacked.code !== 0) return causeOf(unpacked)
  const copied = await runCommand('install', ['-m', '755', join(tree, path), destination])
  return copied.code === 0 ? undefined : lastLine(copied.stderr)
}
