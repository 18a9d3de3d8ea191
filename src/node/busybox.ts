/**
 * A static busybox for local images: found on the host, taken from an image, or from Debian's package.
 *
 * Invariant: what it gives is linked statically, so it runs in an image that holds nothing else. It installs
 * nothing on the host; what it fetches it keeps in the state folder.
 */
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import type Docker from 'dockerode'
import { extract } from 'tar-stream'
import { findProgram, runCommand } from './command.ts'
import { writeFileAtomically } from './files.ts'
import { RuntimeError } from './runtime.ts'

/** Its variants are static; the tag is fixed so that images stay the same. */
const BUSYBOX_IMAGE = 'busybox:1.37.0-musl'
const PACKAGE = 'busybox-static'
const FETCH_TIMEOUT_MS = 60_000
const PT_INTERP = 3

export interface Busybox {
  path: string
  content: Buffer
}

/** True for a 64-bit little-endian ELF program that asks for no dynamic loader. */
export const isStatic = (program: Buffer): boolean => {
  if (program.length < 64 || program.toString('latin1', 0, 4) !== '\x7fELF') return false
  if (program[4] !== 2 || program[5] !== 1) return false
  const table = Number(program.readBigUInt64LE(32))
  const entryBytes = program.readUInt16LE(54)
  const entries = program.readUInt16LE(56)
  for (let index = 0; index < entries; index++)
    if (program.readUInt32LE(table + index * entryBytes) === PT_INTERP) return false
  return true
}

const readStatic = async (path: string): Promise<Busybox | undefined> => {
  const content = await readFile(path).catch(() => undefined)
  return content && isStatic(content) ? { path, content } : undefined
}

const keep = (folder: string, content: Buffer): Busybox => {
  const path = join(folder, 'busybox')
  writeFileAtomically(path, content, 0o755)
  return { path, content }
}

/** Copies the program out of the public busybox image, when the engine has it or can pull it. */
const fromImage = async (docker: Docker, folder: string): Promise<Busybox | undefined> => {
  try {
    const pulled = await docker.pull(BUSYBOX_IMAGE)
    await new Promise<void>((resolve, reject) => {
      docker.modem.followProgress(pulled, (error) => (error ? reject(error) : resolve()))
    })
    const container = await docker.createContainer({ Image: BUSYBOX_IMAGE, Cmd: ['true'] })
    try {
      const archive = await container.getArchive({ path: '/bin/busybox' })
      const entries = archive.pipe(extract())
      for await (const entry of entries) {
        const chunks: Buffer[] = []
        for await (const chunk of entry) chunks.push(chunk as Buffer)
        const content = Buffer.concat(chunks)
        if (isStatic(content)) return keep(folder, content)
      }
    } finally {
      await container.remove({ force: true })
    }
  } catch {
    // No registry answers: the next source may.
  }
  return undefined
}

const fromPackage = async (folder: string): Promise<Busybox | undefined> => {
  if (!findProgram('apt-get') || !findProgram('dpkg-deb')) return undefined
  const work = await mkdtemp(join(tmpdir(), 'kubus-busybox-'))
  try {
    const run = (program: string, args: string[]) =>
      runCommand(program, args, { cwd: work, timeoutMs: FETCH_TIMEOUT_MS })
    await run('apt-get', ['download', PACKAGE])
    const archive = (await readdir(work)).find((file) => file.endsWith('.deb'))
    if (!archive) return undefined
    await run('dpkg-deb', ['-x', archive, 'unpacked'])
    for (const path of ['bin/busybox', 'usr/bin/busybox']) {
      const found = await readStatic(join(work, 'unpacked', path))
      if (found) return keep(folder, found.content)
    }
    return undefined
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

/** `stateDir` keeps a fetched program; throws RuntimeError when none can be had. */
export const findBusybox = async (docker: Docker, stateDir?: string): Promise<Busybox> => {
  const folder = stateDir ?? join(homedir(), '.cache', 'kubus')
  const installed = findProgram('busybox')
  const candidates = [join(folder, 'busybox'), ...(installed ? [installed] : []), '/bin/busybox']
  for (const path of candidates) {
    const found = await readStatic(path)
    if (found) return found
  }
  await mkdir(folder, { recursive: true })
  const fetched = (await fromImage(docker, folder)) ?? (await fromPackage(folder))
  if (fetched) return fetched
  throw new RuntimeError(
    'ImagePullFailed',
    `a static busybox is missing, of which the pause image is made; install Debian's package ${PACKAGE}`,
  )
}

/** The names it answers to, `sh` and `httpd` among them. */
export const busyboxApplets = async (path: string): Promise<string[]> => {
  const { stdout } = await runCommand(path, ['--list'])
  return stdout.split('\n').filter((name) => name !== '' && name !== 'busybox')
}
