/**
 * Makes a fresh checkout runnable with Node and npm alone: dependencies when they are not those of
 * package-lock.json, the build when it is older than what it is made of.
 *
 * Invariant: it installs nothing outside the checkout, needs no network when nothing is missing, and tells
 * what cannot be had in one sentence (exit code 1).
 */
import { spawn } from 'node:child_process'
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

/** Runs it silently; resolves with what it said when it failed, undefined when it went well. */
const failureOf = (command, args, signal) =>
  new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], signal })
    let said = ''
    const collect = (data) => {
      said += data
    }
    child.stderr.on('data', collect)
    child.stdout.on('data', collect)
    child.once('error', ({ message }) => resolve(message))
    child.once('close', (code) => resolve(code === 0 ? undefined : said.trim()))
  })

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

const QUIET = ['--no-fund', '--no-audit', '--loglevel=error']
const INSTALL = ['ci', ...QUIET, '--prefer-offline']
const PROBE = ['ping', ...QUIET, '--fetch-retries=0', '--fetch-timeout=20000']
const PROBE_AFTER_MS = 15_000
const UNREACHABLE = /\b(?:EAI_AGAIN|ENOTFOUND|ETIMEDOUT|ECONNREFUSED|ENETUNREACH|EHOSTUNREACH)\b/

/**
 * Where nothing answers npm would try for an hour, so an installation that takes long is given up when the
 * registry cannot be reached. One that has all it needs in npm's cache is over before.
 */
const npmCi = async (flags) => {
  const givenUp = new AbortController()
  let reason
  const probe = setTimeout(async () => {
    const failure = await failureOf('npm', PROBE, givenUp.signal)
    if (!UNREACHABLE.test(failure)) return
    reason = failure
    givenUp.abort()
  }, PROBE_AFTER_MS)
  const failure = await failureOf('npm', [...INSTALL, ...flags], givenUp.signal)
  clearTimeout(probe)
  return reason ?? failure
}

/** The line of npm's complaint that says most. */
const reasonIn = (failure) => {
  const said = failure.split('\n').map((line) => line.replace(/^npm (?:error|ERR!) ?/, '').trim())
  return (
    said.find((line) => /failed, reason|EACCES|ENOSPC|ENOENT|in sync/.test(line)) ??
    said.find((line) => line && !/^(?:npm|code|syscall|errno) /.test(line)) ??
    'npm does not say why'
  )
}

const install = async (withDevelopment) => {
  process.stderr.write('installing dependencies\n')
  const failure = await npmCi(withDevelopment ? [] : ['--omit=dev'])
  if (failure === undefined) return
  fail(
    `the dependencies could not be installed (${reasonIn(failure)}); ` +
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

export const prepareDependencies = async ({ withDevelopment = false } = {}) => {
  const [major] = process.versions.node.split('.').map(Number)
  if (major < OLDEST_NODE)
    fail(`this is Node ${process.versions.node}, and Kubus needs Node ${OLDEST_NODE} or newer`)
  if (!isInstalled(withDevelopment)) await install(withDevelopment)
}

export const prepare = async () => {
  await prepareDependencies()
  if (isBuilt()) return
  process.stderr.write('building\n')
  const failure = await failureOf(process.execPath, [join(root, 'esbuild.config.mjs')])
  if (failure !== undefined) fail(`the build failed: ${failure}`)
}
