/**
 * Debian's packages: installs from the configured suites, unpacks single files from unstable.
 *
 * Invariant: apt verifies every package by the archive's signature; nothing from unstable is installed,
 * its files are only unpacked into the state folder. It uses the mirror this machine is configured with.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { findProgram, isRoot, runCommand } from './command.ts'

const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg'

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
      /^URIs:\s*(https?:\S+\/debian)\/?\s*$/m.exec(text)
    if (match) return match[1]
  }
  return undefined
}

/** Installs packages of the machine's own suite. Throws a sentence that says what to do instead. */
export const installPackages = async (packages: readonly string[], why: string) => {
  const list = packages.join(' ')
  const byHand = `install it yourself: apt-get install ${list}`
  if (!findProgram('apt-get')) throw new Error(`${list} is missing (${why}); ${byHand}`)
  if (!isRoot()) throw new Error(`${list} is missing (${why}) and you are not root; ${byHand}`)
  const env = { DEBIAN_FRONTEND: 'noninteractive' }
  const install = () =>
    runCommand('apt-get', ['install', '-y', '--no-install-recommends', ...packages], { env })
  let result = await install()
  if (result.code !== 0) {
    await runCommand('apt-get', ['update'], { env })
    result = await install()
  }
  if (result.code !== 0)
    throw new Error(
      `${list} could not be installed (${why}): ${result.stderr.trim().split('\n').at(-1)}; ${byHand}`,
    )
}

/**
 * Downloads `name` from Debian unstable and copies the file `path` of it to `destination`.
 * Returns false where this machine cannot (not Debian, no mirror, no such package).
 */
export const unpackFromUnstable = async (
  name: string,
  path: string,
  destination: string,
  scratch: string,
): Promise<boolean> => {
  const mirror = debianMirror()
  if (!mirror || !findProgram('apt-get') || !findProgram('dpkg-deb')) return false
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
  ].flatMap((option) => ['-o', option])
  try {
    const updated = await runCommand('apt-get', [...options, 'update'])
    if (updated.code !== 0) return false
    const fetched = await runCommand('apt-get', [...options, 'download', `${name}/unstable`], {
      cwd: scratch,
    })
    const archive = readdirSync(scratch).find((file) => file.startsWith(`${name}_`))
    if (fetched.code !== 0 || !archive) return false
    const tree = join(scratch, 'tree')
    const unpacked = await runCommand('dpkg-deb', ['-x', join(scratch, archive), tree])
    if (unpacked.code !== 0) return false
    const copied = await runCommand('install', ['-m', '755', join(tree, path), destination])
    return copied.code === 0
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}
