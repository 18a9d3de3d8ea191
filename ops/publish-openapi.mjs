/**
 * Writes the OpenAPI documents of built-in kinds to `dist/openapi`, compressed as they are sent.
 *
 * `src/api/openapi/publish.ts` makes them; it is bundled and run for this only. Bundles find the folder as
 * `kubus:openapi-folder`: beside the command, and for tests where the build of this checkout put it.
 */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { schemaPlugin } from './derive-schemas.mjs'

const FOLDER = 'dist/openapi'

const sameFile = (file, bytes) => {
  try {
    return readFileSync(file).equals(bytes)
  } catch {
    return false
  }
}

/** The publications, made by the sources as they are now. */
const makePublications = async () => {
  const outfile = resolve(`dist/publish-openapi-${process.pid}.mjs`)
  try {
    await build({
      entryPoints: ['src/api/openapi/publish.ts'],
      outfile,
      bundle: true,
      platform: 'node',
      target: 'node20',
      format: 'esm',
      packages: 'external',
      plugins: [schemaPlugin, openApiFolder('module')],
      logLevel: 'warning',
    })
    const { publications } = await import(`${pathToFileURL(outfile)}?at=${Date.now()}`)
    return publications()
  } finally {
    rmSync(outfile, { force: true })
  }
}

export const publishOpenApi = async () => {
  mkdirSync(FOLDER, { recursive: true })
  for (const { name, content } of await makePublications()) {
    const file = `${FOLDER}/${name}.gz`
    const bytes = gzipSync(content, { level: 9 })
    if (sameFile(file, bytes)) continue
    writeFileSync(`${file}.${process.pid}`, bytes)
    renameSync(`${file}.${process.pid}`, file)
  }
}

/** For esbuild: where the documents are, seen from the `module` that asks, or from this `checkout`. */
export const openApiFolder = (seenFrom) => ({
  name: 'openapi-folder',
  setup(bundle) {
    bundle.onResolve({ filter: /^kubus:openapi-folder$/ }, ({ path }) => ({
      path,
      namespace: 'openapi-folder',
    }))
    bundle.onLoad({ filter: /.*/, namespace: 'openapi-folder' }, () => ({
      contents:
        seenFrom === 'module'
          ? "export default new URL('./openapi/', import.meta.url)"
          : `export default new URL(${JSON.stringify(`${pathToFileURL(resolve(FOLDER))}/`)})`,
    }))
  },
})
