/**
 * The build: `dist/kubus.mjs` (the command, one chunk per component) and, for tests, `dist/test/**`.
 * Dependencies are bundled, because reading one file is what makes a process start fast.
 */
import { readdirSync, realpathSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { schemaPlugin } from './ops/derive-schemas.mjs'
import { openApiFolder, publishOpenApi } from './ops/publish-openapi.mjs'

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

const plugins = [withoutSsh, schemaPlugin]

const common = {
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'esm',
  splitting: true,
  sourcemap: 'linked',
  // Beside the entry, so that `import.meta.resolve('./kubus.mjs')` holds in every chunk.
  chunkNames: '[name]-[hash]',
  outExtension: { '.js': '.mjs' },
  banner: { js: requireBanner },
  logLevel: 'warning',
}

const testFiles = (folder) =>
  readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.test.ts'))
    .map((entry) => join(entry.parentPath, entry.name))

/** Chunks of earlier builds stay for a while: a cluster that runs from them may still load one. */
const KEEP_OLD_CHUNKS_MS = 24 * 3600 * 1000

const removeOldChunks = (outputs) => {
  const current = new Set(Object.keys(outputs))
  for (const name of readdirSync('dist')) {
    const file = `dist/${name}`
    const isOld = /\.mjs(\.map)?$/.test(name) && !current.has(file)
    if (isOld && statSync(file).mtimeMs < Date.now() - KEEP_OLD_CHUNKS_MS) rmSync(file)
  }
}

export const buildCommand = async () => {
  const { metafile } = await build({
    ...common,
    plugins: [openApiFolder('module'), ...plugins],
    entryPoints: { kubus: 'src/main.ts' },
    outdir: 'dist',
    minifySyntax: true,
    metafile: true,
  })
  removeOldChunks(metafile.outputs)
  await publishOpenApi()
}

const buildForTests = async (files) => {
  const outdir = process.env.KUBUS_TEST_OUT ?? 'dist/test'
  await build({
    ...common,
    plugins: [openApiFolder('checkout'), ...plugins],
    entryPoints: files,
    outbase: 'test',
    outdir,
    packages: 'external',
  })
  return files.map((file) => join(outdir, file.slice('test/'.length).replace(/\.ts$/, '.mjs')))
}

/** Builds the given test files (all when none is named) and returns the paths of what to run. */
export const buildTests = async (filters = []) => {
  const files = testFiles('test').filter(
    (file) => filters.length === 0 || filters.some((filter) => file.startsWith(filter)),
  )
  const built = await buildForTests(files)
  await publishOpenApi()
  return files.map((source, index) => ({ source, built: built[index] }))
}

/** Builds `test/support/<name>.ts` for the test runner; returns the path of what to import. */
export const buildSupport = async (name) => {
  const [built] = await buildForTests([`test/support/${name}.ts`])
  return built
}

// Compared as real paths: a checkout may be reached through a link, and its name may hold blanks.
const [, program] = process.argv
if (program && realpathSync(program) === fileURLToPath(import.meta.url)) await buildCommand()
