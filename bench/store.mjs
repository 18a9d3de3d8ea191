/**
 * Measures the store on a nats-server of its own: durable writes per second, replay rate, heap per object.
 *
 * Usage: `node bench/store.mjs [writers] [seconds] [objects]`; builds what it needs into dist/bench.
 */
import { build } from 'esbuild'

const [writers = 32, seconds = 5, objects = 20_000] = process.argv.slice(2).map(Number)
await build({
  entryPoints: ['bench/store-bench.ts'],
  outfile: 'dist/bench/store-bench.mjs',
  bundle: true,
  packages: 'external',
  platform: 'node',
  target: 'node20',
  format: 'esm',
  sourcemap: 'inline',
  logLevel: 'warning',
})
const { measure } = await import('../dist/bench/store-bench.mjs')
console.table(await measure({ writers, seconds, objects }))
process.exit(0)
