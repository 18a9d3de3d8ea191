/**
 * Makes a fresh checkout runnable with Node alone: dependencies when missing, the build when it is older
 * than the sources. It installs nothing outside the checkout.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const built = join(root, 'dist/kubus.mjs')

const run = (command, args, what) => {
  process.stderr.write(`${what}\n`)
  const { status } = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2] })
  if (status === 0) return
  process.stderr.write(
    `kubus: ${what} failed; run \`${command} ${args.join(' ')}\` in ${root} to see why\n`,
  )
  process.exit(1)
}

const newestSource = () => {
  const files = readdirSync(join(root, 'src'), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
  files.push(join(root, 'esbuild.config.mjs'), join(root, 'package.json'))
  return Math.max(...files.map((file) => statSync(file).mtimeMs))
}

export const prepare = async () => {
  if (!existsSync(join(root, 'node_modules/esbuild')))
    run('npm', ['ci', '--no-fund', '--no-audit', '--loglevel=error'], 'installing dependencies')
  if (!existsSync(built) || statSync(built).mtimeMs < newestSource())
    run(process.execPath, [join(root, 'esbuild.config.mjs')], 'building')
}
