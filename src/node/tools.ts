/**
 * The programs Kubus needs besides Node: found on the machine, or fetched once into the state folder.
 *
 * Order: the named environment variable, the state folder, PATH (if new enough), the project's public
 * release (checksum of the same release verified), Debian unstable (archive signature), the Go toolchain.
 * Invariant: a tool is in place whole or not at all. It installs nothing outside the state folder.
 */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { arch } from 'node:os'
import { join } from 'node:path'
import { findProgram, runCommand } from './command.ts'
import { unpackFromUnstable } from './debian.ts'

export interface Tool {
  name: string
  /** What it is for, in the sentence a person reads when it cannot be had. */
  purpose: string
  environmentVariable: string
  /** Oldest version that serves, `major.minor`. */
  minimum: string
  versionArgs: readonly string[]
  /** Release to fetch. */
  version: string
  /** Archive or plain binary, and the file with its SHA-256. */
  release(architecture: 'amd64' | 'arm64'): { url: string; checksums: string; member?: string }
  debian?: { package: string; path: string }
  go?: { module: string; package: string }
}

const github = (repository: string, version: string, file: string) =>
  `https://github.com/${repository}/releases/download/v${version}/${file}`

export const NATS_SERVER: Tool = {
  name: 'nats-server',
  purpose: 'the message bus that stores the cluster',
  environmentVariable: 'KUBUS_NATS_SERVER',
  minimum: '2.12',
  versionArgs: ['--version'],
  version: '2.15.1',
  release: (architecture) => ({
    url: github(
      'nats-io/nats-server',
      '2.15.1',
      `nats-server-v2.15.1-linux-${architecture}.tar.gz`,
    ),
    checksums: github('nats-io/nats-server', '2.15.1', 'SHA256SUMS'),
    member: `nats-server-v2.15.1-linux-${architecture}/nats-server`,
  }),
  debian: { package: 'nats-server', path: 'usr/sbin/nats-server' },
  go: {
    module: 'github.com/nats-io/nats-server/v2',
    package: 'github.com/nats-io/nats-server/v2',
  },
}

export const NATS_CLI: Tool = {
  name: 'nats',
  purpose: 'the command that operates the cluster on the bus',
  environmentVariable: 'KUBUS_NATS_CLI',
  minimum: '0.2',
  versionArgs: ['--version'],
  version: '0.4.0',
  release: (architecture) => ({
    url: github('nats-io/natscli', '0.4.0', `nats-0.4.0-linux-${architecture}.zip`),
    checksums: github('nats-io/natscli', '0.4.0', 'SHA256SUMS'),
    member: `nats-0.4.0-linux-${architecture}/nats`,
  }),
  go: { module: 'github.com/nats-io/natscli', package: 'github.com/nats-io/natscli/nats' },
}

export const KUBECTL: Tool = {
  name: 'kubectl',
  purpose: "Kubernetes' own command line",
  environmentVariable: 'KUBUS_KUBECTL',
  minimum: '1.32',
  versionArgs: ['version', '--client'],
  version: '1.36.4',
  release: (architecture) => ({
    url: `https://dl.k8s.io/release/v1.36.4/bin/linux/${architecture}/kubectl`,
    checksums: `https://dl.k8s.io/release/v1.36.4/bin/linux/${architecture}/kubectl.sha256`,
  }),
  debian: { package: 'kubectl', path: 'usr/bin/kubectl' },
}

/** Runs on its own, without the `docker` command around it. */
export const DOCKER_COMPOSE: Tool = {
  name: 'docker-compose',
  purpose: 'what starts actor processes as containers, from ops/docker-compose.yml',
  environmentVariable: 'KUBUS_DOCKER_COMPOSE',
  minimum: '2.20',
  versionArgs: ['version'],
  version: '2.40.3',
  release: (architecture) => {
    const file = `docker-compose-linux-${architecture === 'arm64' ? 'aarch64' : 'x86_64'}`
    const url = github('docker/compose', '2.40.3', file)
    return { url, checksums: `${url}.sha256` }
  },
  debian: {
    package: 'docker-compose',
    path: 'usr/libexec/docker/cli-plugins/docker-compose',
  },
}

const ANSWER_TIMEOUT_MS = 10_000
const DOWNLOAD_TIMEOUT_MS = 300_000
const DOWNLOAD_BYTES_MAX = 200 * 1024 * 1024

/** What a build from source reports: it is taken at its word. */
const UNNUMBERED = 'unnumbered'

/** The version a program reports, `major.minor.patch`; undefined when it does not run. */
export const toolVersion = async (path: string, tool: Tool): Promise<string | undefined> => {
  const { code, stdout, stderr } = await runCommand(path, tool.versionArgs, { timeoutMs: 20_000 })
  if (code !== 0) return undefined
  return /(\d+\.\d+(?:\.\d+)?)/.exec(`${stdout}${stderr}`)?.[1] ?? UNNUMBERED
}

/** Compares `major.minor` numerically. */
export const isAtLeast = (version: string, minimum: string): boolean => {
  if (version === UNNUMBERED) return true
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const [minimumMajor = 0, minimumMinor = 0] = minimum.split('.').map(Number)
  return major > minimumMajor || (major === minimumMajor && minor >= minimumMinor)
}

export interface ToolSearch {
  /** Folder that keeps fetched tools. */
  toolsDir: string
  /** Told what takes time. */
  onProgress?(line: string): void
}

/** The path of a tool that is new enough. Throws one sentence: what is missing, why, how to get it. */
export const ensureTool = async (tool: Tool, search: ToolSearch): Promise<string> => {
  const named = process.env[tool.environmentVariable]
  if (named) return requireVersion(named, tool)
  const kept = join(search.toolsDir, tool.name)
  if (existsSync(kept)) return kept
  const onPath = findProgram(tool.name)
  let tooOld = ''
  if (onPath) {
    const version = await toolVersion(onPath, tool)
    if (version && isAtLeast(version, tool.minimum)) return onPath
    tooOld = version ? ` (${onPath} is ${version}, too old)` : ''
  }
  search.onProgress?.(`fetching ${tool.name} ${tool.version}`)
  mkdirSync(search.toolsDir, { recursive: true })
  for (const fetchFrom of [fromRelease, fromDebian, fromGo]) {
    if ((await fetchFrom(tool, kept, search.toolsDir)) && (await toolVersion(kept, tool)))
      return kept
  }
  throw new Error(
    `${tool.name} ${tool.minimum} or newer is missing${tooOld}: it is ${tool.purpose}; ` +
      `download it from ${tool.release('amd64').url} and put it on PATH`,
  )
}

const requireVersion = async (path: string, tool: Tool): Promise<string> => {
  const version = await toolVersion(path, tool)
  if (version && isAtLeast(version, tool.minimum)) return path
  throw new Error(
    `${tool.environmentVariable}=${path} ${version ? `is version ${version}` : 'does not run'}; ` +
      `Kubus needs ${tool.name} ${tool.minimum} or newer`,
  )
}

const download = async (url: string, timeoutMs: number): Promise<Buffer | undefined> => {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) })
    if (!answer.ok || Number(answer.headers.get('content-length')) > DOWNLOAD_BYTES_MAX)
      return undefined
    return Buffer.from(await answer.arrayBuffer())
  } catch {
    return undefined
  }
}

const fromRelease = async (tool: Tool, kept: string, toolsDir: string): Promise<boolean> => {
  const { url, checksums, member } = tool.release(arch() === 'arm64' ? 'arm64' : 'amd64')
  const sums = await download(checksums, ANSWER_TIMEOUT_MS)
  if (!sums) return false
  const file = url.slice(url.lastIndexOf('/') + 1)
  const lines = sums.toString().trim().split('\n')
  const line = lines.find((text) => text.endsWith(file)) ?? (lines.length === 1 ? lines[0] : '')
  const wanted = line?.split(/\s+/)[0]
  const body = await download(url, DOWNLOAD_TIMEOUT_MS)
  if (!body || !wanted || createHash('sha256').update(body).digest('hex') !== wanted) return false
  const scratch = mkdtempSync(join(toolsDir, 'fetch-'))
  try {
    const archive = join(scratch, file)
    writeFileSync(archive, body, { mode: 0o755 })
    if (!member) {
      renameSync(archive, kept)
      return true
    }
    const unpack: [string, string[]] = file.endsWith('.zip')
      ? ['unzip', ['-q', archive, '-d', scratch]]
      : ['tar', ['-xzf', archive, '-C', scratch]]
    const { code } = await runCommand(...unpack)
    if (code !== 0) return false
    renameSync(join(scratch, member), kept)
    return true
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

const fromDebian = async (tool: Tool, kept: string, toolsDir: string): Promise<boolean> =>
  tool.debian !== undefined &&
  unpackFromUnstable(
    tool.debian.package,
    tool.debian.path,
    kept,
    mkdtempSync(join(toolsDir, 'fetch-')),
  )

/** Builds with an installed Go toolchain, in a module of its own so that the release is pinned. */
const fromGo = async (tool: Tool, kept: string, toolsDir: string): Promise<boolean> => {
  if (!tool.go || !findProgram('go')) return false
  const scratch = mkdtempSync(join(toolsDir, 'fetch-'))
  try {
    const go = (...args: string[]) => runCommand('go', args, { cwd: scratch })
    await go('mod', 'init', 'fetch')
    await go('mod', 'edit', '-require', `${tool.go.module}@v${tool.version}`)
    const fetched = await go('mod', 'download', '-json', `${tool.go.module}@v${tool.version}`)
    if (fetched.code !== 0) return false
    const { Dir } = JSON.parse(fetched.stdout) as { Dir: string }
    const target = tool.go.package.slice(tool.go.module.length)
    const built = await runCommand('go', ['build', '-o', join(scratch, 'tool'), `.${target}`], {
      cwd: Dir,
    })
    if (built.code !== 0) return false
    renameSync(join(scratch, 'tool'), kept)
    return true
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}
