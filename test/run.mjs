/**
 * Runs the tests: `node test/run.mjs [path prefix …]`.
 *
 * Every file runs in a process of its own, one after the other, and must report at least one test.
 * Without arguments it also checks types and style. The last line is `N passed, N failed`.
 */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { cpus } from 'node:os'

const FILE_TIMEOUT_MS = 8 * 60_000

if (!existsSync('node_modules/esbuild')) {
  const installed = spawnSync('npm', ['ci'], { stdio: 'inherit' })
  if (installed.status !== 0) process.exit(installed.status ?? 1)
}

const { buildCommand, buildTests } = await import('../esbuild.config.mjs')
const filters = process.argv.slice(2)
let passed = 0
let failed = 0

const report = (name, ok, output) => {
  console.log(`${ok ? 'ok  ' : 'FAIL'} ${name}`)
  if (!ok) console.log(output)
}

const runGate = (name, command, args) => {
  const result = spawnSync(command, args, { encoding: 'utf8' })
  const ok = result.status === 0
  if (ok) passed++
  else failed++
  report(name, ok, `${result.stdout}${result.stderr}`)
}

const runFile = ({ source, built }) =>
  new Promise((resolve) => {
    const startedAt = Date.now()
    const child = spawn(process.execPath, ['--enable-source-maps', built], {
      env: { ...process.env, FORCE_COLOR: '0' },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    child.stdout.on('data', (data) => {
      output += data
    })
    child.stderr.on('data', (data) => {
      output += data
    })
    const timer = setTimeout(() => {
      output += `\nstopped after ${FILE_TIMEOUT_MS} ms\n`
      child.kill('SIGKILL')
    }, FILE_TIMEOUT_MS)
    child.on('close', (code) => {
      clearTimeout(timer)
      const sum = (word) =>
        [...output.matchAll(new RegExp(`^ +${word}: +(\\d+)`, 'gm'))].reduce(
          (total, [, count]) => total + Number(count),
          0,
        )
      const total = sum('Total')
      const good = sum('Passed')
      const ok = code === 0 && total > 0 && good === total
      passed += good
      failed += ok ? 0 : Math.max(1, total - good)
      const seconds = ((Date.now() - startedAt) / 1000).toFixed(1)
      report(`${source} (${good}/${total}, ${seconds} s)`, ok, output)
      resolve()
    })
  })

if (filters.length === 0) {
  runGate('types', 'npx', ['tsc', '--noEmit'])
  runGate('style', 'npx', ['biome', 'check', '.'])
}
const files = await buildTests(filters)
/** Pure tests share the machine; whole-cluster tests have it for themselves, and need the command. */
const alone = files.filter(({ source }) => source.startsWith('test/e2e/'))
const together = files.filter(({ source }) => !source.startsWith('test/e2e/'))
if (alone.length > 0) await buildCommand()
await Promise.all(
  Array.from({ length: Math.min(2, cpus().length) }, async () => {
    for (let file = together.shift(); file; file = together.shift()) await runFile(file)
  }),
)
for (const file of alone) await runFile(file)
console.log(`${passed} passed, ${failed} failed`)
process.exit(failed === 0 && passed > 0 ? 0 : 1)
