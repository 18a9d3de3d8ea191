/**
 * Makes a fresh checkout runnable with Node and npm alone: dependencies when they are not those of
 * package-lock.json, the build when it is older than what it is made of.
 *
 * Invariant: it installs nothing outside the checkout, needs no network when nothing is missing, and tells
 * what cannot be had in one sentence (exit code 1).
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const built = join(root, 'dist/kubus.mjs')
const OLDEST_NODE = 20

const fail = (sentence) => {
  process.stderr.write(`kubus: ${sentence}\n`)
  process.exit(1)
}

/** Runs it silently; returns what it said when it failed. */
const failureOf = (command, args) => {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  })
  return status === 0 ? undefined : (error?.message ?? `${stderr}${stdout}`.trim())
}

const readLock = (path) => {
  try {
    return JSON.parse(readFileSync(join(root, path), 'utf8')).packages
  } catch {
    return {}
  }
}

/** True when npm has installed just what the lock says; it writes its own record last. */
const isInstalled = (withDevelopment) => {
  const installed = readLock('node_modules/.package-lock.json')
  return Object.entries(readLock('package-lock.json')).every(
    ([path, { version, optional, dev }]) =>
      path === '' ||
      installed[path]?.version === version ||
      (!installed[path] && (optional || (dev && !withDevelopment))),
  )
}

/** Few and quick tries: without a network the person should know soon. */
const INSTALL = [
  'ci',
  '--no-fund',
  '--no-audit',
  '--loglevel=error',
  '--prefer-offline',
  '--fetch-retry-mintimeout=1000',
  '--fetch-retry-maxtimeout=10000',
]

const install = (withDevelopment) => {
  process.stderr.write('installing dependencies\n')
  const failure = failureOf('npm', withDevelopment ? INSTALL : [...INSTALL, '--omit=dev'])
  if (failure === undefined) return
  const said = failure.split('\n').map((line) => line.replace(/^npm (?:error|ERR!) ?/, ''))
  const reason =
    said.find((line) => /failed, reason|EACCES|ENOSPC|in sync|not found/i.test(line)) ??
    said.find((line) => line && !/^(?:code|syscall|errno) /.test(line)) ??
    'npm does not say why'
  fail(
    `the dependencies could not be installed (${reason.trim()}); ` +
      `see that npm reaches its registry, or run \`npm ci\` in ${root} to learn more`,
  )
}

const newest = (folder) =>
  Math.max(
    statSync(folder).mtimeMs,
    ...readdirSync(folder, { withFileTypes: true, recursive: true }).map(
      (entry) => statSync(join(entry.parentPath, entry.name)).mtimeMs,
    ),
  )

/** What the build reads. Folders count too: their time tells that a file was removed. */
const isBuilt = () => {
  if (!existsSync(built)) return false
  const inputs = [
    'esbuild.config.mjs',
    'package.json',
    'package-lock.json',
    'ops/derive-schemas.mjs',
  ]
  const newestInput = Math.max(
    newest(join(root, 'src')),
    ...inputs.map((file) => statSync(join(root, file)).mtimeMs),
  )
  return statSync(built).mtimeMs >= newestInput
}

export const prepareDependencies = ({ withDevelopment = false } = {}) => {
  const [major] = process.versions.node.split('.').map(Number)
  if (major < OLDEST_NODE)
    fail(`this is Node ${process.versions.node}, and Kubus needs Node ${OLDEST_NODE} or newer`)
  if (!isInstalled(withDevelopment)) install(withDevelopment)
}

export const prepare = () => {
  prepareDependencies()
  if (isBuilt()) return
  process.stderr.write('building\n')
  const failure = failureOf(process.execPath, [join(root, 'esbuild.config.mjs')])
  if (failure !== undefined) fail(`the build failed: ${failure}`)
}
