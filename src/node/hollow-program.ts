/**
 * What a simulated container does, computed from its spec. Pure.
 *
 * It runs until stopped, unless the annotation or variable `hollow.kubus.io/exit-code` (and optionally
 * `hollow.kubus.io/run-ms`) says otherwise, or its command is one whose end is plain: `true`, `false`, `exit N`,
 * `sleep N`, `echo …`, alone or joined by `;` or `&&` after `sh -c`; one whose end the pod waits for ends well at once.
 * Deterministic; it is no shell.
 */
import type { ContainerSpec } from './runtime.ts'

const EXIT_CODE = 'hollow.kubus.io/exit-code'
const RUN_MS = 'hollow.kubus.io/run-ms'
const COMMAND_NOT_FOUND = 127

export interface HollowProgram {
  /** Lines it prints as it starts, with the stream they go to. */
  output: { stream: 'stdout' | 'stderr'; text: string }[]
  /** Undefined: runs until stopped. */
  exit?: { code: number; afterMs: number }
  /** True ends at once on SIGTERM, as a program with a handler does; a bare `sleep` as process 1 does not. */
  obeysTerm: boolean
}

const words = (text: string) =>
  [...text.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map((m) => m[1] ?? m[2] ?? m[3] ?? '')

const isShell = (program: string) => /(^|\/)(sh|ash|bash)$/.test(program)

/** Splits `sh -c` text at `;`, `&&` and newlines. */
const stepsOf = (argv: readonly string[]): string[][] => {
  const [program = '', flag, script] = argv
  if (isShell(program) && flag === '-c' && script !== undefined)
    return script.split(/;|&&|\n/).map((step) => words(step.trim()))
  return [[...argv]]
}

/** The outcome of simple commands, or undefined when one of them is not simple. */
const simulate = (argv: readonly string[]): HollowProgram | undefined => {
  const output: HollowProgram['output'] = []
  let code = 0
  let afterMs = 0
  let obeysTerm = false
  for (const [program, ...args] of stepsOf(argv)) {
    if (program === undefined) continue
    const target = args.at(-1) === '>&2' || args.at(-1) === '1>&2' ? 'stderr' : 'stdout'
    const printed = args.filter((arg) => !arg.endsWith('>&2'))
    if (program === 'true' || program === ':') code = 0
    else if (program === 'false') code = 1
    else if (program === 'echo') output.push({ stream: target, text: `${printed.join(' ')}\n` })
    else if (program === 'trap') obeysTerm = true
    else if (program === 'sleep') afterMs += Number.parseFloat(args[0] ?? '0') * 1000
    else if (program === 'exit')
      return { output, exit: { code: Number(args[0] ?? code), afterMs }, obeysTerm }
    else return undefined
  }
  return { output, exit: { code, afterMs }, obeysTerm }
}

export const hollowProgram = (
  spec: Pick<ContainerSpec, 'command' | 'args' | 'env' | 'annotations' | 'name' | 'isAwaited'>,
): HollowProgram => {
  const told = (key: string) =>
    spec.annotations[key] ?? spec.env.find(({ name }) => name === key)?.value
  const code = told(EXIT_CODE)
  const started = { stream: 'stdout' as const, text: `${spec.name} started\n` }
  if (code !== undefined)
    return {
      output: [started],
      exit: { code: Number(code), afterMs: Number(told(RUN_MS) ?? 0) },
      obeysTerm: true,
    }
  const argv = [...(spec.command ?? []), ...(spec.args ?? [])]
  const simulated = argv.length > 0 ? simulate(argv) : undefined
  if (simulated) return simulated
  const end = spec.isAwaited ? { exit: { code: 0, afterMs: 0 } } : {}
  return { output: [started], ...end, obeysTerm: true }
}

/** What `exec` prints and returns: simple commands as above, and `cat`, which gives back its input. */
export const hollowExec = (argv: readonly string[]) => {
  if (argv[0] === 'cat' && argv.length === 1) return { output: [], code: 0, echoes: true }
  const simulated = simulate(argv)
  if (simulated) return { output: simulated.output, code: simulated.exit?.code ?? 0, echoes: false }
  const text = `hollow: ${argv.join(' ')}\n`
  const isMissing = argv[0]?.includes('no-such') ?? true
  return {
    output: [{ stream: isMissing ? ('stderr' as const) : ('stdout' as const), text }],
    code: isMissing ? COMMAND_NOT_FOUND : 0,
    echoes: false,
  }
}

/** The files that `cat` is asked for, plainly or through a shell; none of another command. */
export const shownPaths = (argv: readonly string[]): readonly string[] => {
  const [step = [], ...more] = stepsOf(argv)
  return more.length === 0 && step[0] === 'cat' ? step.slice(1) : []
}
