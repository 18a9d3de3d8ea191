/**
 * Runs a host command to its end and collects what it printed.
 * Invariant: never through a shell. It does not retry.
 */
import { spawn } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

export interface CommandResult {
  /** Null when a signal or a missing program ended it. */
  code: number | null
  stdout: string
  stderr: string
}

export interface CommandOptions {
  input?: string
  cwd?: string
  env?: Record<string, string>
  timeoutMs?: number
  /** In a session of its own: a terminal's Ctrl-C does not reach it. */
  detached?: boolean
}

export const runCommand = (
  command: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> =>
  new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: options.cwd,
      detached: options.detached ?? false,
      env: { ...process.env, ...options.env },
      stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      ...(options.timeoutMs ? { timeout: options.timeoutMs } : {}),
    })
    let stdout = ''
    let stderr = ''
    child.stdout?.on('data', (data) => {
      stdout += data
    })
    child.stderr?.on('data', (data) => {
      stderr += data
    })
    child.once('error', (error) => resolve({ code: null, stdout, stderr: error.message }))
    child.once('close', (code) => resolve({ code, stdout, stderr }))
    child.stdin?.on('error', () => {})
    child.stdin?.end(options.input)
  })

/** The full path of `program` on PATH (and the usual system folders), or undefined. */
export const findProgram = (
  program: string,
  path = process.env['PATH'] ?? '',
): string | undefined => {
  const folders = [...path.split(delimiter), '/usr/sbin', '/sbin', '/usr/local/bin', '/usr/bin']
  for (const folder of folders) {
    const candidate = join(folder, program)
    try {
      accessSync(candidate, constants.X_OK)
      return candidate
    } catch {}
  }
  return undefined
}

/** What a program said last, for a sentence. */
export const lastLine = (text: string): string => text.trim().split('\n').at(-1) ?? ''

export const isRoot = () => process.getuid?.() === 0
