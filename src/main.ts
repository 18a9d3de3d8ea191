/**
 * The command `kubus`: wiring only. Each verb is a file in `cli/`, loaded when it is asked for, so that
 * a process carries only the code it runs.
 */
import { type Command, runCommandLine } from './cli/command.ts'

const commands: Readonly<Record<string, [summary: string, load: () => Promise<Command>]>> = {
  up: ['start a cluster on this machine', async () => (await import('./cli/up.ts')).up],
  down: ['stop it', async () => (await import('./cli/down.ts')).down],
  status: ['what runs, and how it is', async () => (await import('./cli/status.ts')).status],
  env: [
    'the lines that point kubectl and nats at it',
    async () => (await import('./cli/env.ts')).env,
  ],
  credential: [
    'make, replace and revoke what opens the bus',
    async () => (await import('./cli/credential.ts')).credential,
  ],
  certificates: [
    'when they expire, and their renewal',
    async () => (await import('./cli/certificates-command.ts')).certificates,
  ],
  init: [
    'create its state folder, for actors started by compose',
    async () => (await import('./cli/init.ts')).init,
  ],
  image: ['build the image that compose runs', async () => (await import('./cli/image.ts')).image],
  encryption: [
    'the keys of encryption at rest',
    async () => (await import('./cli/encryption.ts')).encryption,
  ],
  actor: ['run named actors in this process', async () => (await import('./cli/actor.ts')).actor],
  bench: ['measure its speed', async () => (await import('./cli/bench.ts')).bench],
}

const help = () =>
  [
    'kubus <command> [options]\n',
    ...Object.entries(commands).map(([name, [summary]]) => `  ${name.padEnd(14)}${summary}`),
    '\nkubus <command> --help tells its options.\n',
  ].join('\n')

const [name = '', ...args] = process.argv.slice(2)
const entry = Object.hasOwn(commands, name) ? commands[name] : undefined
if (entry) {
  // A command that has returned is over, whatever timers or sockets a cancelled part of it still holds.
  process.exit(await runCommandLine(await entry[1](), args))
} else if (['', 'help', '--help', '-h'].includes(name)) {
  process.stdout.write(help())
} else {
  process.stderr.write(`kubus: there is no command ${JSON.stringify(name)}\n\n${help()}`)
  process.exitCode = 2
}
