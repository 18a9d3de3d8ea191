/**
 * What a person meets when starting, stopping and resuming a cluster: first with real containers, then every
 * way in which it cannot be had, each told in one sentence.
 */
import { execFileSync, spawn } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { ClusterConfig } from '../../src/cli/state-folder.ts'
import { connectEngine } from '../../src/node/docker/engine.ts'
import { ownedBy } from '../../src/node/docker/labels.ts'
import { bridgesOf } from '../../src/node/pod-network.ts'
import { ensureTool, KUBECTL } from '../../src/node/tools.ts'
import { eventually, freePortBlock, run } from '../support/cluster.ts'

const KUBUS = resolve('bin/kubus')
const isRoot = process.getuid?.() === 0
const NOBODY = 65_534
const scratch = realpathSync(mkdtempSync(join(tmpdir(), 'kubus-lifecycle-')))
/** Others may enter it, which they may not where temporary files usually go in a test. */
const open = mkdtempSync('/tmp/kubus-open-')
const ports = await freePortBlock(8)
const portFlags = ['--api-port', String(ports), '--nats-port', String(ports + 4)]
const folders: string[] = []
const newFolder = (name: string) => {
  const data = join(scratch, name)
  folders.push(data)
  return data
}
const kubus = (args: readonly string[], env: Record<string, string> = {}) =>
  run(KUBUS, args, { env, timeoutMs: 300_000 })
const hollow = (data: string) => ['up', '--data', data, '--runtime', 'hollow', ...portFlags]
/** The one sentence of a command that must fail with `code`; log lines, which are JSON, may come before it. */
const refusal = async (args: readonly string[], code: number, env: Record<string, string> = {}) => {
  const answer = await kubus(args, env)
  assert.is(answer.code, code, `${args.join(' ')}: ${answer.stdout}${answer.stderr}`)
  const lines = answer.stderr
    .trimEnd()
    .split('\n')
    .filter((line) => !line.startsWith('{'))
  assert.is(lines.length, 1, answer.stderr)
  return lines[0] ?? ''
}
/** Command lines on this machine that name the folder. */
const commandLines = (data: string) =>
  execFileSync('ps', ['-eo', 'args', '-ww'], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => line.includes(data) && !line.startsWith('ps '))

test.after(async () => {
  for (const data of folders) if (existsSync(data)) await kubus(['down', '--purge', '--data', data])
  for (const folder of [scratch, open]) rmSync(folder, { recursive: true, force: true })
})

/** `kubus up` in the foreground, as from a terminal. */
const foreground = (data: string) => {
  const child = spawn(
    KUBUS,
    ['up', '--data', data, ...portFlags, '--example', 'examples/hello.yaml'],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  )
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (text) => {
      output += text
    })
  const ended = new Promise<number>((done) => child.once('exit', (code) => done(code ?? -1)))
  return {
    /** Until it says what to try. */
    started: async () => {
      await Promise.race([
        eventually(() => /^try: /m.test(output), 'the cluster to start', 240_000),
        ended.then((code) => {
          throw new Error(`up ended with ${code}: ${output}`)
        }),
      ])
      return output
    },
    interrupt: async () => {
      child.kill('SIGINT')
      return ended
    },
  }
}

const answerOf = async (output: string) => {
  const [, url = ''] = /^the Service hello answers at (\S+)$/m.exec(output) ?? []
  assert.ok(url, output)
  return (await fetch(url)).text()
}

const real = newFolder('real')
let kubectl = ''
const kubectlOf = async (data: string, ...args: string[]) => {
  kubectl ||= await ensureTool(KUBECTL, { toolsDir: resolve('.kubus/tools') })
  const { code, stdout, stderr } = await run(kubectl, args, {
    env: { KUBECONFIG: join(data, 'kubeconfig') },
  })
  if (code !== 0) throw new Error(stderr)
  return stdout
}

/** What a cluster may leave on its host. */
const leftovers = async (data: string) => {
  const { id } = JSON.parse(readFileSync(join(data, 'cluster.json'), 'utf8')) as ClusterConfig
  const containers = await connectEngine().listContainers({
    all: true,
    filters: { label: ownedBy(id) },
  })
  const tables = execFileSync('nft', ['list', 'tables'], { encoding: 'utf8' })
  const mounts = readFileSync('/proc/mounts', 'utf8')
  return {
    containers: containers.length,
    bridges: await bridgesOf(id),
    tables: tables.split('\n').filter((line) => line.includes(id)),
    mounts: mounts.split('\n').filter((line) => line.includes(data)),
    processes: commandLines(data),
  }
}
const NOTHING = { containers: 0, bridges: [], tables: [], mounts: [], processes: [] }

test('up in the foreground runs the example, and Ctrl-C leaves nothing on the host', async () => {
  const up = foreground(real)
  const output = await up.started()
  for (const line of [
    `creating a cluster in ${real}`,
    'applying the example application',
    `export KUBECONFIG=${real}/kubeconfig`,
  ])
    assert.match(output, line)
  assert.match(output, /^node-1 +Ready/m)
  assert.is(output.match(/^hello-\S+ +1\/1 +Running/gm)?.length, 3, output)
  assert.match(await answerOf(output), 'hello-')
  await kubectlOf(real, 'create', 'configmap', 'kept', '--from-literal=a=b')
  await kubectlOf(real, 'scale', 'deployment/hello', '--replicas=2')
  const running = await leftovers(real)
  assert.ok(running.containers >= 4)
  assert.is(running.tables.length, 1)
  assert.is(await up.interrupt(), 0)
  assert.equal(await leftovers(real), NOTHING)
})

test('the second start resumes the same state and its workloads, and does not apply the example again', async () => {
  const up = foreground(real)
  const output = await up.started()
  assert.match(output, `resuming the cluster in ${real}`)
  assert.not.match(output, 'applying the example')
  assert.match(await answerOf(output), 'hello-')
  assert.is(await kubectlOf(real, 'get', 'configmap', 'kept', '-o', 'jsonpath={.data.a}'), 'b')
  await kubectlOf(real, 'rollout', 'status', 'deployment/hello', '--timeout=60s')
  const pods = await kubectlOf(real, 'get', 'pods', '-l', 'app=hello', '-o', 'name')
  assert.is(pods.trim().split('\n').length, 2)
  assert.match(
    await refusal(['up', '--data', real], 1),
    /^kubus up: this cluster is running already \(process \d+\); see kubus status, or stop it with kubus down$/,
  )
  assert.is(await up.interrupt(), 0)
  assert.equal(await leftovers(real), NOTHING)
  await kubus(['down', '--purge', '--data', real])
  assert.not.ok(existsSync(real))
})

const quick = newFolder('quick')

test('a detached cluster tells what runs, and ps shows its actors and its state folder', async () => {
  const started = await kubus([...hollow(quick), '--detach', '--nodes', '2'])
  assert.is(started.code, 0, started.stderr)
  assert.match(
    started.stdout,
    /^the cluster runs in the background \(process \d+\); stop it with kubus down$/m,
  )
  const processes = commandLines(quick)
  for (const actor of ['store', 'apiserver', 'events', 'scheduler', 'controllers', 'kubelet'])
    assert.ok(
      processes.some((line) => / actor /.test(line) && line.includes(` ${actor} `)),
      `${actor} in ${processes.join('\n')}`,
    )
  assert.ok(processes.some((line) => /nats-server .*\.conf/.test(line)))
  assert.ok(processes.some((line) => / up /.test(line)))
  const status = await kubus(['status', '--data', quick])
  assert.is(status.code, 0, status.stderr)
  assert.match(status.stdout, /^supervisor +pid \d+ +\d+ MiB$/m)
  assert.match(status.stdout, /^nats-1 +pid \d+ +\d+ MiB$/m)
  assert.match(status.stdout, /^node-2 +Ready/m)
  assert.match(status.stdout, `0 pods; API https://127.0.0.1:${ports}`)
})

test('env prints exports that point kubectl at the cluster, for eval', async () => {
  const { stdout } = await kubus(['env', '--data', quick])
  assert.is(
    stdout,
    `export KUBECONFIG=${quick}/kubeconfig\n` +
      `export NATS_URL=nats://127.0.0.1:${ports + 4}\n` +
      `export NATS_NKEY=${quick}/nats/operator.nk\n`,
  )
  await kubectlOf(quick, 'get', 'nodes')
  const script = `eval "$('${KUBUS}' env --data '${quick}')" && '${kubectl}' get nodes -o name`
  const answer = await run('sh', ['-c', script])
  assert.is(answer.stdout, 'node/node-1\nnode/node-2\n', answer.stderr)
})

test('down keeps the state, and the next start has it', async () => {
  await kubectlOf(quick, 'create', 'configmap', 'kept', '--from-literal=a=b')
  const stopped = await kubus(['down', '--data', quick])
  assert.equal([stopped.code, stopped.stdout], [0, `stopped; ${quick} keeps its state\n`])
  assert.equal(commandLines(quick), [])
  const status = await kubus(['status', '--data', quick])
  assert.is(status.code, 3)
  assert.match(status.stdout, 'does not answer; start the cluster with kubus up')
  const again = await kubus(['up', '--detach', '--data', quick])
  assert.is(again.code, 0, again.stderr)
  assert.is(await kubectlOf(quick, 'get', 'configmap', 'kept', '-o', 'name'), 'configmap/kept\n')
  assert.match(await kubectlOf(quick, 'get', 'nodes', '-o', 'name'), 'node/node-2')
})

test('a supervisor that was killed leaves processes, and the next start takes over', async () => {
  const { pid } = JSON.parse(readFileSync(join(quick, 'running.json'), 'utf8')) as { pid: number }
  process.kill(pid, 'SIGKILL')
  assert.ok(commandLines(quick).length > 2)
  const again = await kubus(['up', '--detach', '--data', quick])
  assert.is(again.code, 0, again.stderr)
  assert.is(await kubectlOf(quick, 'get', 'configmap', 'kept', '-o', 'name'), 'configmap/kept\n')
  assert.is(commandLines(quick).filter((line) => line.includes('nats-server')).length, 1)
  await kubus(['down', '--data', quick])
  assert.equal(commandLines(quick), [])
})

test('state that was lost or damaged is refused, not replaced by an empty cluster', async () => {
  const copy = newFolder('damaged')
  const stream = 'nats/nats-1/jetstream/KUBUS/streams/KV_kubus'
  const damaged = async (harm: (data: string) => void) => {
    execFileSync('cp', ['-r', quick, copy])
    harm(copy)
    const answer = await refusal(hollow(copy), 1)
    assert.equal(commandLines(copy), [])
    rmSync(copy, { recursive: true })
    return answer
  }
  const unusable = `kubus up: the state folder ${copy} is not usable: `
  const advice = '; restore it from a backup, or start afresh with `kubus down --purge`'
  assert.match(
    await damaged((data) => rmSync(join(data, stream), { recursive: true })),
    new RegExp(`^${unusable}its state ends at revision 0 and was at \\d+${advice}$`),
  )
  assert.match(
    await damaged((data) => truncateSync(join(data, stream, 'msgs/1.blk'), 9_000)),
    new RegExp(`^${unusable}(its state ends at|\\d+ of its \\d+ objects are left).*${advice}$`),
  )
  assert.is(
    await damaged((data) => writeFileSync(join(data, 'cluster.json'), '{"id":')),
    `${unusable}cluster.json is not JSON${advice}`,
  )
  assert.is(
    await damaged((data) => rmSync(join(data, 'pki/ca.key'))),
    `${unusable}pki/ca.key is missing${advice}`,
  )
  assert.match(
    await damaged((data) => {
      rmSync(join(data, 'nats/nats-1'), { recursive: true })
      writeFileSync(join(data, 'nats/nats-1'), '')
    }),
    /^kubus up: nats-1 ends as soon as it starts: .*storage directory is not a directory.* \(.*nats-1\.log\)$/,
  )
})

test('down --purge deletes the state folder', async () => {
  const purged = await kubus(['down', '--purge', '--data', quick])
  assert.equal([purged.code, purged.stdout], [0, `stopped; ${quick} is deleted\n`])
  assert.not.ok(existsSync(quick))
  for (const command of ['status', 'env', 'down'])
    assert.match(await refusal([command, '--data', quick], 1), `there is no cluster in ${quick}`)
})

test('a port in use is named, with what it is wanted for', async () => {
  const data = newFolder('ports')
  const other = createServer()
  await new Promise<void>((done) => other.listen(ports, '127.0.0.1', done))
  try {
    const sentence = `kubus up: in use by another program: port ${ports}, wanted for the API server (--api-port); end that program or choose another port`
    assert.is(await refusal(hollow(data), 1), sentence)
    assert.is(await refusal([...hollow(data), '--detach'], 1), sentence)
  } finally {
    await new Promise((done) => other.close(done))
  }
})

test('a nats-server that is too old or does not run is refused', async () => {
  const data = newFolder('old-nats')
  const program = join(scratch, 'nats-server')
  writeFileSync(program, '#!/bin/sh\necho "nats-server: v2.9.10"\n')
  chmodSync(program, 0o755)
  assert.is(
    await refusal(hollow(data), 1, { KUBUS_NATS_SERVER: program }),
    `kubus up: KUBUS_NATS_SERVER=${program} is version 2.9.10; Kubus needs nats-server 2.12 or newer`,
  )
  assert.is(
    await refusal(hollow(data), 1, { KUBUS_NATS_SERVER: '/nonexistent' }),
    'kubus up: KUBUS_NATS_SERVER=/nonexistent does not run; Kubus needs nats-server 2.12 or newer',
  )
})

test('an engine that does not answer, or is elsewhere, is told', async () => {
  if (!isRoot) return
  const args = ['up', '--data', newFolder('no-engine'), ...portFlags]
  assert.is(
    await refusal(args, 1, { DOCKER_HOST: 'unix:///nonexistent' }),
    'kubus up: no Docker engine answers at DOCKER_HOST=unix:///nonexistent: the Docker engine runs the containers; start it, or unset DOCKER_HOST',
  )
  assert.match(
    await refusal(args, 1, { DOCKER_HOST: 'tcp://192.0.2.1:2375' }),
    'kubus up: DOCKER_HOST=tcp://192.0.2.1:2375 is not a socket of this host',
  )
})

/** A copy of the build that everybody may read: the project itself may lie in a folder that is not for all. */
const publicBuild = (): string => {
  const folder = join(open, 'build')
  mkdirSync(folder)
  chmodSync(open, 0o755)
  const copied = new Set<string>()
  const copy = (name: string) => {
    if (copied.has(name) || !existsSync(join('dist', name))) return
    copied.add(name)
    copyFileSync(join('dist', name), join(folder, name))
    const text = readFileSync(join('dist', name), 'utf8')
    for (const [, chunk = ''] of text.matchAll(/["']\.\/([\w.-]+\.mjs)["']/g)) copy(chunk)
  }
  copy('kubus.mjs')
  return join(folder, 'kubus.mjs')
}

test('without root real containers are refused, and simulated ones run', async () => {
  if (!isRoot) return
  const program = publicBuild()
  const data = join(open, 'unprivileged')
  mkdirSync(data)
  chownSync(data, NOBODY, NOBODY)
  const asNobody = (...args: string[]) =>
    run(
      'setpriv',
      [
        `--reuid=${NOBODY}`,
        `--regid=${NOBODY}`,
        '--clear-groups',
        process.execPath,
        program,
        ...args,
      ],
      { env: { HOME: data } },
    )
  const refused = await asNobody('up', '--data', data, ...portFlags)
  assert.is(refused.code, 1, refused.stdout)
  assert.match(
    refused.stderr,
    /^kubus up: real containers need root, for their network and the Service rules; run as root .*\n$/,
  )
  const started = await asNobody(
    'up',
    '--detach',
    '--data',
    data,
    '--runtime',
    'hollow',
    ...portFlags,
  )
  assert.is(started.code, 0, started.stderr)
  assert.match(await kubectlOf(data, 'get', 'nodes'), /^node-1 +Ready/m)
  assert.is((await asNobody('down', '--data', data)).code, 0)
  assert.equal(commandLines(data), [])
  const elsewhere = await asNobody('up', '--data', '/root/kubus', '--runtime', 'hollow')
  assert.is(elsewhere.code, 1)
  assert.match(elsewhere.stderr, /^kubus up: .*\/root\/kubus.*choose another with --data\n$/)
})

test('every command has help, and bad usage is one sentence with exit code 2', async () => {
  const overview = await kubus(['--help'])
  for (const name of ['up', 'down', 'status', 'env', 'init', 'image', 'actor', 'bench']) {
    assert.match(overview.stdout, new RegExp(`^  ${name} `, 'm'))
    const { code, stdout } = await kubus([name, '--help'])
    assert.is(code, 0)
    assert.match(stdout, `kubus ${name} [options]`)
    assert.match(stdout, /^ {2}--help /m)
  }
  for (const name of ['up', 'down', 'status', 'env', 'actor', 'bench'])
    assert.match((await kubus([name, '--help'])).stdout, /^ {2}--data DIR/m)
  assert.match(
    await refusal(['up', '--masters', '2'], 2),
    'kubus up: --masters is 1 or 3; see kubus up --help',
  )
  assert.match(await refusal(['up', '--nodes', 'many'], 2), '--nodes is a whole number from 1 to')
  assert.match(await refusal(['up', '--colour', 'red'], 2), "Unknown option '--colour'")
  assert.match(await refusal(['actor', 'painter'], 2), 'there is no actor painter')
  const unknown = await kubus(['paint'])
  assert.is(unknown.code, 2)
  assert.match(unknown.stderr, 'there is no command "paint"')
})

test.run()
