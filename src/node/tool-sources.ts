/**
 * Where a program can be fetched from: its public release, Debian's archive, the Go toolchain.
 *
 * Each source puts one program at `kept` and returns undefined, or says in a few words why it cannot.
 * Invariant: nothing is kept whose checksum or signature does not hold; `kept` appears in one step. Scratch
 * folders are the caller's. It does not decide which source comes first.
 */
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { unzipSync } from 'fflate'
import { findProgram, lastLine, runCommand } from './command.ts'
import { unpackFromUnstable } from './debian.ts'

const DOWNLOAD_TIMEOUT_MS = 300_000
const DOWNLOAD_BYTES_MAX = 200 * 1024 * 1024
const BUILD_TIMEOUT_MS = 600_000
const EXECUTABLE = 0o755

/** The body, or why there is none. */
const download = async (url: string): Promise<Buffer | string> => {
  const { host } = new URL(url)
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(DOWNLOAD_TIMEOUT_MS) })
    if (!answer.ok) return `${host} answers with ${answer.status}`
    if (Number(answer.headers.get('content-length')) > DOWNLOAD_BYTES_MAX) return 'it is too large'
    return Buffer.from(await answer.arrayBuffer())
  } catch (error) {
    const { cause, name } = error as Error & { cause?: { code?: string; message: string } }
    return `${host} cannot be reached, ${cause?.code ?? cause?.message ?? name}`
  }
}

export const fromRelease = async (
  { url, sha256, member }: { url: string; sha256: string; member?: string },
  kept: string,
  scratch: string,
): Promise<string | undefined> => {
  const body = await download(url)
  if (typeof body === 'string') return body
  if (createHash('sha256').update(body).digest('hex') !== sha256)
    return `the checksum of ${url} is not the expected one`
  const program = member ? await unpack(url, body, member, scratch) : body
  if (!program) return `${url} lacks ${member}`
  const whole = join(scratch, 'program')
  writeFileSync(whole, program, { mode: EXECUTABLE })
  renameSync(whole, kept)
  return undefined
}

const unpack = async (url: string, body: Buffer, member: string, scratch: string) => {
  if (url.endsWith('.zip'))
    return unzipSync(body, { filter: ({ name }) => name === member })[member]
  const archive = join(scratch, 'archive.tar.gz')
  writeFileSync(archive, body)
  await runCommand('tar', ['-xzf', archive, '-C', scratch, member])
  const path = join(scratch, member)
  return existsSync(path) ? readFileSync(path) : undefined
}

export const fromDebian = (
  { package: name, path }: { package: string; path: string },
  kept: string,
  scratch: string,
): Promise<string | undefined> => unpackFromUnstable(name, path, kept, scratch)

/** Builds an exact version with its own pins of what it depends on, checked by Go's checksum database. */
export const fromGo = async (
  tool: { module: string; package: string },
  version: string,
  kept: string,
  scratch: string,
): Promise<string | undefined> => {
  const go = findProgram('go')
  if (!go) return 'it is not installed'
  const args = ['mod', 'download', '-json', `${tool.module}@v${version}`]
  const fetched = await runCommand(go, args, { cwd: scratch, timeoutMs: BUILD_TIMEOUT_MS })
  if (fetched.code !== 0) return lastLine(fetched.stderr) || 'the module cannot be downloaded'
  const { Dir } = JSON.parse(fetched.stdout) as { Dir: string }
  const whole = join(scratch, 'program')
  const built = await runCommand(
    go,
    ['build', '-o', whole, `.${tool.package.slice(tool.module.length)}`],
    { cwd: Dir, timeoutMs: BUILD_TIMEOUT_MS },
  )
  if (built.code !== 0) return lastLine(built.stderr) || 'it does not build'
  renameSync(whole, kept)
  return undefined
}
