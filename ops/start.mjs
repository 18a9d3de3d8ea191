/** `npm start`: prepares the checkout, then runs a cluster with the example application in the foreground. */
import { spawn } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { prepare } from './prepare.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
await prepare()
const cluster = spawn(
  process.execPath,
  [
    join(root, 'dist/kubus.mjs'),
    'up',
    '--example',
    join(root, 'examples/hello.yaml'),
    ...process.argv.slice(2),
  ],
  { stdio: 'inherit' },
)
// Ctrl-C reaches the whole foreground group, a signal sent by hand this process alone; a second one does no harm.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => cluster.kill(signal))
cluster.on('exit', (code, signal) => process.exit(code ?? (signal ? 1 : 0)))
