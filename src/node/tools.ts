/**
 * The programs Kubus needs besides Node: found on the machine, or fetched once into the state folder.
 *
 * Order: the named environment variable, the state folder, PATH (if new enough), the project's public
 * release (against the checksum kept here), Debian unstable (archive signature), the Go toolchain.
 * Invariant: a tool is in place whole or not at all. It installs nothing outside the state folder.
 */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { arch } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../std/clock.ts'
import { findProgram, runCommand } from './command.ts'
import { fromDebian, fromGo, fromRelease } from './tool-sources.ts'

export interface Release {
  /** A program as it is, a `.tar.gz` or a `.zip`. */
  url: string
  sha256: string
  /** The program's path in the archive. */
  member?: string
}

export interface Tool {
  name: string
  /** What it is for, in the sentence a person reads when it cannot be had. */
  purpose: string
  /** Where a person gets it. */
  homepage: string
  environmentVariable: string
  /** Oldest version that serves, `major.minor`. */
  minimum: string
  versionArgs: readonly string[]
  /** Release to fetch. */
  version: string
  /** By Node's name of the architecture. */
  releases: Readonly<Record<string, Release>>
  debian?: { package: string; path: string }
  go?: { module: string; package: string }
}

const github = (repository: string, version: string, file: string) =>
  `https://github.com/${repository}/releases/download/v${version}/${file}`

const natsServerRelease = (architecture: string, sha256: string): Release => {
  const folder = `nats-server-v2.15.0-linux-${architecture}`
  const url = github('nats-io/nats-server', '2.15.0', `${folder}.tar.gz`)
  return { url, sha256, member: `${folder}/nats-server` }
}

export const NATS_SERVER: Tool = {
  name: 'nats-server',
  purpose: 'the message bus that stores the cluster',
  homepage: 'https://github.com/nats-io/nats-server/releases',
  environmentVariable: 'KUBUS_NATS_SERVER',
  minimum: '2.12',
  versionArgs: ['--version'],
  version: '2.15.0',
  releases: {
    x64: natsServerRelease(
      'amd64',
      '5d2c51caca950333aba84911df7d377f826f3a59ec36061c6539105084f65c92',
    ),
    arm64: natsServerRelease(
      'arm64',
      'cdc208f5a3f42963a52b6ab06ef65626bb870315dc936e26ba571780c6351112',
    ),
  },
  debian: { package: 'nats-server', path: 'usr/sbin/nats-server' },
  go: {
    module: 'github.com/nats-io/nats-server/v2',
    package: 'github.com/nats-io/nats-server/v2',
  },
}

const natsCliRelease = (architecture: string, sha256: string): Release => {
  const folder = `nats-0.4.0-linux-${architecture}`
  const url = github('nats-io/natscli', '0.4.0', `${folder}.zip`)
  return { url, sha256, member: `${folder}/nats` }
}

export const NATS_CLI: Tool = {
  name: 'nats',
  purpose: 'the command that operates the cluster on the bus',
  homepage: 'https://github.com/nats-io/natscli/releases',
  environmentVariable: 'KUBUS_NATS_CLI',
  minimum: '0.2',
  versionArgs: ['--version'],
  version: '0.4.0',
  releases: {
    x64: natsCliRelease(
      'amd64',
      '8dbd437c826b953dbd7432cf890ef22ba3c33dccc3dce5e71b3e8d055427849c',
    ),
    arm64: natsCliRelease(
      'arm64',
      '9ce0c8a6653cd697d0b32687fcb53b59c13a2ad7a6ade7af8ad8a1c0f7357a87',
    ),
  },
  go: { module: 'github.com/nats-io/natscli', package: 'github.com/nats-io/natscli/nats' },
}

const kubectlRelease = (architecture: string, sha256: string): Release => ({
  url: `https://dl.k8s.io/release/v1.36.4/bin/linux/${architecture}/kubectl`,
  sha256,
})

export const KUBECTL: Tool = {
  name: 'kubectl',
  purpose: "Kubernetes' own command line",
  homepage: 'https://kubernetes.io/docs/tasks/tools',
  environmentVariable: 'KUBUS_KUBECTL',
  minimum: '1.32',
  versionArgs: ['version', '--client'],
  version: '1.36.4',
  releases: {
    x64: kubectlRelease(
      'amd64',
      '8b8f088da2dab964f853b38464033b1be15ede2839eca751482357c45abdd05a',
    ),
    arm64: kubectlRelease(
      'arm64',
      '0ecf44450ee6063bf19dd166a103ee6df4a9034455c2abce626e6eea657d73fb',
    ),
  },
  debian: { package: 'kubectl', path: 'usr/bin/kubectl' },
}

const composeRelease = (architecture: string, sha256: string): Release => ({
  url: github('docker/compose', '2.40.3', `docker-compose-linux-${architecture}`),
  sha256,
})

/** Runs on its own, without the `docker` command around it. */
export const DOCKER_COMPOSE: Tool = {
  name: 'docker-compose',
  purpose: 'what starts actor processes as containers, from ops/docker-compose.yml',
  homepage: 'https://github.com/docker/compose/releases',
  environmentVariable: 'KUBUS_DOCKER_COMPOSE',
  minimum: '2.20',
  versionArgs: ['version'],
  version: '2.40.3',
  releases: {
    x64: composeRelease(
      'x86_64',
      'dba9d98e1ba5bfe11d88c99b9bd32fc4a0624a30fafe68eea34d61a3e42fd372',
    ),
    arm64: composeRelease(
      'aarch64',
      'd26373b19e89160546d15407516cc59f453030d9bc5b43ba7faf16f7b4980137',
    ),
  },
  debian: {
    package: 'docker-compose',
    path: 'usr/libexec/docker/cli-plugins/docker-compose',
  },
}

/** What a build from source reports: it is taken at its word. */
const UNNUMBERED = 'unnumbered'
const VERSION_TIMEOUT_MS = 20_000
const ABANDONED_AFTER_MS = 3_600_000

/** The version a program reports, `major.minor.patch`; undefined when it does not run. */
export const toolVersion = async (path: string, tool: Tool): Promise<string | undefined> => {
  const { code, stdout, stderr } = await runCommand(path, tool.versionArgs, {
    timeoutMs: VERSION_TIMEOUT_MS,
  })
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

const serves = (version: string | undefined, tool: Tool) =>
  version !== undefined && isAtLeast(version, tool.minimum)

/** The path of a tool that is new enough. Throws one sentence: what is missing, why, how to get it. */
export const ensureTool = async (tool: Tool, search: ToolSearch): Promise<string> => {
  const named = process.env[tool.environmentVariable]
  if (named) return requireVersion(named, tool)
  const kept = join(search.toolsDir, tool.name)
  if (existsSync(kept) && serves(await toolVersion(kept, tool), tool)) return kept
  const reasons: string[] = []
  const onPath = findProgram(tool.name)
  if (onPath) {
    const version = await toolVersion(onPath, tool)
    if (serves(version, tool)) return onPath
    reasons.push(`${onPath} ${version ? `is ${version}, too old` : 'does not run'}`)
  }
  search.onProgress?.(`fetching ${tool.name} ${tool.version}`)
  const failure = await fetchTool(tool, kept, search.toolsDir, reasons)
  if (failure === undefined) return kept
  throw new Error(
    `${tool.name} ${tool.minimum} or newer is missing: it is ${tool.purpose} (${failure.join('; ')}); ` +
      `get it from ${tool.homepage} and put it on PATH, or name it in ${tool.environmentVariable}`,
  )
}

const noRelease = async () => `none for ${arch()}`

/** Tries the sources in turn; undefined when one gave a program that runs, else why none did. */
const fetchTool = async (
  tool: Tool,
  kept: string,
  toolsDir: string,
  reasons: string[],
): Promise<string[] | undefined> => {
  mkdirSync(toolsDir, { recursive: true })
  removeAbandoned(toolsDir)
  rmSync(kept, { force: true })
  const { debian, go, version } = tool
  const release = tool.releases[arch()]
  const sources = [
    ['its release', release ? (scratch: string) => fromRelease(release, kept, scratch) : noRelease],
    ['Debian', debian && ((scratch: string) => fromDebian(debian, kept, scratch))],
    ['Go', go && ((scratch: string) => fromGo(go, version, kept, scratch))],
  ] as const
  for (const [name, fetchFrom] of sources) {
    if (!fetchFrom) continue
    const scratch = mkdtempSync(join(toolsDir, 'fetch-'))
    try {
      let failure = await fetchFrom(scratch)
      if (failure === undefined) {
        if (serves(await toolVersion(kept, tool), tool)) return undefined
        rmSync(kept, { force: true })
        failure = 'what it has does not run here'
      }
      reasons.push(`${name}: ${failure}`)
    } finally {
      rmSync(scratch, { recursive: true, force: true })
    }
  }
  return reasons
}

/** Folders of fetches that were killed. */
const removeAbandoned = (toolsDir: string) => {
  for (const name of readdirSync(toolsDir)) {
    const path = join(toolsDir, name)
    if (!name.startsWith('fetch-')) continue
    if (statSync(path).mtimeMs < systemClock.now() - ABANDONED_AFTER_MS)
      rmSync(path, { recursive: true, force: true })
  }
}

const requireVersion = async (path: string, tool: Tool): Promise<string> => {
  const version = await toolVersion(path, tool)
  if (serves(version, tool)) return path
  throw new Error(
    `${tool.environmentVariable}=${path} ${version ? `is version ${version}` : 'does not run'}; ` +
      `Kubus needs ${tool.name} ${tool.minimum} or newer`,
  )
}
