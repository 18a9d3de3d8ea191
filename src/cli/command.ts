/**
 * A command of `kubus`: its options as data, from which parsing and `--help` follow.
 *
 * Invariant: bad usage is one sentence on stderr and exit code 2. It knows no command.
 */
import { parseArgs } from 'node:util'

export interface OptionSpec {
  type: 'string' | 'boolean'
  /** Shown in the help, e.g. `N`. */
  value?: string
  default?: string
  help: string
}

export interface Command {
  name: string
  summary: string
  /** How positional arguments are written in the help; absent: there are none. */
  positionals?: string
  options: Readonly<Record<string, OptionSpec>>
  run(options: Options, positionals: readonly string[]): Promise<number>
}

export type Options = Readonly<Record<string, string | boolean | undefined>>

/** A mistake of the person who called: printed as it is, exit code 2. */
export class UsageError extends Error {}
/** Something that cannot be had: printed as it is, exit code 1. */
export class CommandError extends Error {}

export const DATA_OPTION: OptionSpec = {
  type: 'string',
  value: 'DIR',
  default: '.kubus',
  help: 'state folder of the cluster',
}

export const helpOf = (command: Command): string => {
  const rows = Object.entries({
    ...command.options,
    help: { type: 'boolean', help: 'this text' } as OptionSpec,
  }).map(([name, spec]) => [
    `  --${name}${spec.value ? ` ${spec.value}` : ''}`,
    `${spec.help}${spec.default === undefined ? '' : ` (default ${spec.default})`}`,
  ])
  const width = Math.max(...rows.map(([left = '']) => left.length)) + 2
  const usage = ['kubus', command.name, '[options]', command.positionals].filter(Boolean).join(' ')
  return [
    `${usage}\n\n${command.summary}\n`,
    ...rows.map(([left = '', right]) => left.padEnd(width) + right),
    '',
  ].join('\n')
}

/** Parses, runs and maps errors to an exit code. */
export const runCommandLine = async (command: Command, args: readonly string[]) => {
  try {
    const { values, positionals } = parse(command, args)
    if (values['help']) {
      process.stdout.write(helpOf(command))
      return 0
    }
    return await command.run(values as Options, positionals)
  } catch (error) {
    if (error instanceof UsageError) {
      process.stderr.write(
        `kubus ${command.name}: ${error.message}; see kubus ${command.name} --help\n`,
      )
      return 2
    }
    process.stderr.write(
      `kubus ${command.name}: ${error instanceof Error ? error.message : error}\n`,
    )
    if (error instanceof Error && !(error instanceof CommandError) && process.env['KUBUS_LOG'])
      process.stderr.write(`${error.stack}\n`)
    return 1
  }
}

const parse = (command: Command, args: readonly string[]) => {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: command.positionals !== undefined,
      options: {
        help: { type: 'boolean' as const },
        ...Object.fromEntries(
          Object.entries(command.options).map(([name, { type, default: value }]) => [
            name,
            value === undefined ? { type } : { type, default: value },
          ]),
        ),
      },
    })
  } catch (error) {
    throw new UsageError((error as Error).message.split('. ')[0])
  }
}

/** A whole number within bounds. */
export const integerOption = (options: Options, name: string, least: number, most: number) => {
  const value = Number(options[name])
  if (!Number.isInteger(value) || value < least || value > most)
    throw new UsageError(`--${name} is a whole number from ${least} to ${most}`)
  return value
}

export const textOption = (options: Options, name: string): string => String(options[name] ?? '')
