#!/usr/bin/env node
// Builds the image `kubus:latest` for ops/docker-compose.yml from this checkout and this machine's programs:
// no base image and no registry. `node ops/build-image.mjs --help` tells its options.
import { spawnSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { prepare } from './prepare.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
await prepare()
const { status } = spawnSync(
  process.execPath,
  [join(root, 'dist/kubus.mjs'), 'image', '--data', join(root, '.kubus'), ...process.argv.slice(2)],
  { stdio: 'inherit' },
)
process.exit(status ?? 1)
