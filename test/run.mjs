/**
 * Runs the tests: `node test/run.mjs [path prefix …]`. Works in a fresh clone: it installs and builds what
 * is missing, and starts the Docker engine for its time when none answers.
 *
 * Every file runs in a process of its own, in a temporary folder of its own, and must report at least one
 * test; what it leaves running is ended and counts as a failure. Whole-cluster tests (`test/e2e`) run one
 * after the other. Without arguments it also checks types and style. The last line is `N passed, N failed`.
 */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { delimiter, dirname, join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { prepareDependencies } from '../ops/prepare.mjs'

process.chdir(dirname(dirname(fileURLToPath(import.meta.url))))
const FILE_TIMEOUT_MS = 8 * 60_000
/** The whole run, with what it installs, ends within 20 minutes. */
const RUN_TIMEOUT_MS = 19 * 60_000
/** A process that is just ending is none that was left. */
const ENDING_MS = 3_000
const TOOLS = resolve('.kubus/tools')
/** In the environment of every process of a test file, however far from it. */
const MARK = 'KUBUS_TEST_FILE'

const startedAt = Date.now()
const remainingMs = () => RUN_TIMEOUT_MS - (Date.now() - startedAt)
const filters = process.argv.slice(2)
const counts = { passed: 0, failed: 0 }
let isInterrupted = false

const report = (name, ok, output) => {
  console.log(`${ok ? 'ok  ' : 'FAIL'} ${name}`)
  if (!ok && output) console.log(output)
}

const runGate = (name, command, args) => {
  const result = spawnSync(join('node_modules/.bin', command), args, { encoding: 'utf8' })
  const ok = result.status === 0
  counts[ok ? 'passed' : 'failed']++
  report(name, ok, `${result.stdout}${result.stderr}`)
}

/** Processes that carry `mark`, as `[pid, command line]`. */
const processesOf = (mark) =>
  readdirSync('/proc').flatMap((pid) => {
    if (!/^\d+$/.test(pid)) return []
    try {
      if (!readFileSync(`/proc/${pid}/environ`, 'latin1').includes(`${MARK}=${mark}\0`)) return []
      const line = readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ').trim()
      return line ? [[Number(pid), line]] : []
    } catch {
      return []
    }
  })

/** Ends what carries `mark`, again while a dying supervisor may still start others. */
const killAll = async (mark) => {
  for (let pass = 0; pass < 5; pass++) {
    const left = processesOf(mark)
    if (left.length === 0) return
    for (const [pid] of left) {
      try {
        process.kill(pid, 'SIGKILL')
      } catch {}
    }
    await sleep(100)
  }
}

const sleep = (ms) => new Promise((done) => setTimeout(done, ms))

/** The command lines of what is still there after a moment. */
const survivors = async (mark) => {
  const deadline = Date.now() + ENDING_MS
  let left = processesOf(mark)
  while (left.length > 0 && Date.now() < deadline) {
    await sleep(100)
    left = processesOf(mark)
  }
  return left.map(([pid, line]) => `${pid} ${line}`)
}

const mountsBelow = (folder) =>
  readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((path) => path.startsWith(`${folder}/`))
    .sort((one, other) => other.length - one.length)

/** Clusters whose state lies in `folder` are stopped and cleaned off the host. */
const purgeClusters = (folder) => {
  for (const name of readdirSync(folder)) {
    const data = join(folder, name)
    if (existsSync(join(data, 'cluster.json')))
      spawnSync(resolve('bin/kubus'), ['down', '--purge', '--data', data], { timeout: 60_000 })
  }
}

/** Never below a mount that cannot be ended: it may show a folder of the host. */
const removeFolder = (folder) => {
  for (const path of mountsBelow(folder)) spawnSync('umount', ['-l', path])
  if (mountsBelow(folder).length === 0) rmSync(folder, { recursive: true, force: true })
}

const sumOf = (output, word) =>
  [...output.matchAll(new RegExp(`^ +${word}: +(\\d+)`, 'gm'))].reduce(
    (total, [, count]) => total + Number(count),
    0,
  )

/** Runs one built file to its end: exit code, output, and whether it had to be stopped. */
const execute = (built, mark, folder) =>
  new Promise((done) => {
    const child = spawn(process.execPath, ['--enable-source-maps', built], {
      detached: true,
      env: {
        ...process.env,
        PATH: `${TOOLS}${delimiter}${process.env.PATH}`,
        TMPDIR: folder,
        [MARK]: mark,
        FORCE_COLOR: '0',
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const ended = { pid: child.pid, code: null, output: '', isStopped: false }
    const collect = (data) => {
      ended.output += data
    }
    child.stdout.on('data', collect)
    child.stderr.on('data', collect)
    const limitMs = Math.max(0, Math.min(FILE_TIMEOUT_MS, remainingMs()))
    const timer = setTimeout(() => {
      ended.isStopped = true
      ended.output += `\nstopped after ${Math.round(limitMs / 1000)} s\n`
      killAll(mark)
    }, limitMs)
    // What it left running may hold its output open: its own end counts, then a moment for the output.
    child.on('exit', async (code) => {
      clearTimeout(timer)
      ended.code = code
      await Promise.race([new Promise((closed) => child.on('close', closed)), sleep(500)])
      done(ended)
    })
  })

const runFile = async ({ source, built }, machine) => {
  if (isInterrupted || remainingMs() <= 0) {
    counts.failed++
    return report(`${source} (not run: the time is up)`, false)
  }
  const fileStartedAt = Date.now()
  const mark = `${process.pid}-${source}`
  const folder = mkdtempSync(join(tmpdir(), 'kubus-test-'))
  const { pid, code, output, isStopped } = await execute(built, mark, folder)
  const left = await survivors(mark)
  await killAll(mark)
  if (code !== 0 || left.length > 0) purgeClusters(folder)
  if (code !== 0) await machine?.removeLeftovers(pid).catch(({ message }) => console.log(message))
  removeFolder(folder)

  const total = sumOf(output, 'Total')
  const good = sumOf(output, 'Passed')
  const ok = code === 0 && !isStopped && total > 0 && good === total && left.length === 0
  counts.passed += good
  counts.failed += ok ? 0 : Math.max(1, total - good)
  const seconds = ((Date.now() - fileStartedAt) / 1000).toFixed(1)
  const remains = left.length > 0 ? `\nit left running:\n${left.join('\n')}` : ''
  report(`${source} (${good}/${total}, ${seconds} s)`, ok, `${output}${remains}`)
}

await prepareDependencies({ withDevelopment: true })
const { buildCommand, buildSupport, buildTests } = await import('../esbuild.config.mjs')
if (filters.length === 0) {
  if (!process.env.KUBUS_TEST_OUT) rmSync('dist/test', { recursive: true, force: true })
  runGate('types', 'tsc', ['--noEmit'])
  runGate('style', 'biome', ['check', '.'])
}
/** Tests with clients that are compiled first have a command of their own: `npm run test:clients`. */
const isCompiled = ({ source }) => source.startsWith('test/clients/')
const files = (await buildTests(filters)).filter((file) => filters.length > 0 || !isCompiled(file))
/** Whole-cluster tests have the machine for themselves, and need the command. */
const needsCluster = (file) => file.source.startsWith('test/e2e/') || isCompiled(file)
const alone = files.filter(needsCluster)
const together = files.filter((file) => !needsCluster(file))
let machine
if (alone.length > 0 || filters.length === 0) {
  await buildCommand()
  const { prepareMachine } = await import(
    pathToFileURL(resolve(await buildSupport('machine'))).href
  )
  machine = await prepareMachine(TOOLS, resolve('.kubus/logs/dockerd.log'), console.log)
}

const finish = async () => {
  await machine?.release()
  console.log(`${counts.passed} passed, ${counts.failed} failed`)
  process.exit(counts.failed === 0 && counts.passed > 0 && !isInterrupted ? 0 : 1)
}
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
  process.on(signal, () => {
    isInterrupted = true
    for (const { source } of files) killAll(`${process.pid}-${source}`)
  })

await Promise.all(
  Array.from({ length: Math.min(2, cpus().length) }, async () => {
    for (let file = together.shift(); file; file = together.shift()) await runFile(file, machine)
  }),
)
for (const file of alone) await runFile(file, machine)
await finish()
