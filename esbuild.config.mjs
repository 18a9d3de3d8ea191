/**
 * The build: `dist/kubus.mjs` (the command, one chunk per component) and, for tests, `dist/test/**`.
 * Dependencies are bundled, because reading one file is what makes a process start fast.
 */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import { schemaPlugin } from './ops/derive-schemas.mjs'

const requireBanner =
  "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);"

/** docker-modem offers SSH transport through ssh2, which needs a compiler to install; Kubus never uses it. */
const withoutSsh = {
  name: 'without-ssh',
  setup(bundle) {
    bundle.onResolve({ filter: /^ssh2$/ }, () => ({ path: 'ssh2', namespace: 'absent' }))
    bundle.onLoad({ filter: /.*/, namespace: 'absent' }, () => ({
      contents:
        'module.exports = { Client: class { constructor() { throw new Error("no SSH transport") } } }',
    }))
  },
}

const common = {
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'esm',
  splitting: true,
  sourcemap: 'linked',
  chunkNames: 'chunks/[name]-[hash]',
  outExtension: { '.js': '.mjs' },
  banner: { js: requireBanner },
  plugins: [withoutSsh, schemaPlugin],
  logLevel: 'warning',
}

const testFiles = (folder) =>
  readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.test.ts'))
    .map((entry) => join(entry.parentPath, entry.name))

export const buildCommand = () =>
  build({ ...common, entryPoints: { kubus: 'src/main.ts' }, outdir: 'dist', minifySyntax: true })

/** Builds the given test files (all when none is named) and returns the paths of what to run. */
export const buildTests = async (filters = []) => {
  const files = testFiles('test').filter(
    (file) => filters.length === 0 || filters.some((filter) => file.startsWith(filter)),
  )
  const outdir = process.env.KUBUS_TEST_OUT ?? 'dist/test'
  await build({ ...common, entryPoints: files, outbase: 'test', outdir, packages: 'external' })
  return files.map((file) => ({
    source: file,
    built: join(outdir, file.slice('test/'.length).replace(/\.ts$/, '.mjs')),
  }))
}

if (import.meta.url === `file://${process.argv[1]}`) await buildCommand()
