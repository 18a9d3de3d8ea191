import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { isStatic } from '../../src/node/busybox.ts'
import { createDockerRuntime } from '../../src/node/docker/docker-runtime.ts'
import { connectEngine } from '../../src/node/docker/engine.ts'
import { removeClusterFromEngine } from '../../src/node/docker/removal.ts'
import {
  ensureLocalImages,
  HELLO_IMAGE,
  HELLO_PORT,
  importImage,
  PAUSE_IMAGE,
} from '../../src/node/images.ts'
import { createPodNetwork } from '../../src/node/pod-network.ts'
import { rootLog } from '../../src/std/log.ts'
import { containerSpec, podIdentity, sandboxSpec } from '../support/runtime-specs.ts'

const cluster = `test-images-${process.pid}`
const log = rootLog.child({}, { level: 'silent' })

test('the example image answers with the name of its pod and ends on SIGTERM', async () => {
  const stateDir = await mkdtemp(join(tmpdir(), 'kubus-images-'))
  await ensureLocalImages()
  await ensureLocalImages()
  const network = createPodNetwork({ node: 'n1', cluster, log })
  const runtime = createDockerRuntime({ node: 'n1', cluster, log, network, stateDir })
  await runtime.configureNetwork({ podCidr: '10.216.0.0/24', clusterCidr: '10.216.0.0/16' })
  try {
    assert.ok(await runtime.imageStatus(PAUSE_IMAGE))
    const pod = podIdentity('n1', cluster, 'hello-x')
    const sandbox = await runtime.createSandbox(sandboxSpec(pod))
    const id = await runtime.create(
      containerSpec(pod, sandbox.id, HELLO_IMAGE, { readOnlyRootFilesystem: true }),
    )
    await runtime.start(id)
    let page = ''
    for (let tries = 0; tries < 50 && page === ''; tries++)
      page = await fetch(`http://${sandbox.ip}:${HELLO_PORT}/`).then(
        (response) => response.text(),
        () => new Promise<string>((resolve) => setTimeout(() => resolve(''), 50)),
      )
    assert.is(page, 'Hello from hello-x\n')
    await runtime.stop(id, 20)
    assert.is((await runtime.inspect(id))?.exitCode, 0)
  } finally {
    await removeClusterFromEngine({ cluster, stateDir })
    await rm(stateDir, { recursive: true, force: true })
  }
})

test('an image is imported with its files and instructions', async () => {
  const docker = connectEngine()
  const name = `kubus/test-import:${process.pid}`
  await importImage(docker, {
    name,
    files: [{ path: '/opt/deep/file', content: 'x' }],
    changes: ['ENTRYPOINT ["/bin/cat"]', 'CMD ["/opt/deep/file"]', 'EXPOSE 99', 'ENV A=b'],
  })
  const { Config } = await docker.getImage(name).inspect()
  assert.equal(Config.Entrypoint, ['/bin/cat'])
  assert.equal(Config.Cmd, ['/opt/deep/file'])
  assert.equal(Object.keys(Config.ExposedPorts), ['99/tcp'])
  assert.ok(Config.Env?.includes('A=b'))
  await docker.getImage(name).remove()
})

test('a program that needs a loader is not static', () => {
  const elf = (headerType: number) => {
    const program = Buffer.alloc(64 + 56)
    program.write('\x7fELF', 'latin1')
    program[4] = 2
    program[5] = 1
    program.writeBigUInt64LE(64n, 32)
    program.writeUInt16LE(56, 54)
    program.writeUInt16LE(1, 56)
    program.writeUInt32LE(headerType, 64)
    return program
  }
  assert.is(isStatic(elf(1)), true)
  assert.is(isStatic(elf(3)), false)
  assert.is(isStatic(Buffer.from('#!/bin/sh')), false)
})

test.run()
