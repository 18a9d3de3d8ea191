/**
 * Whether the ports a cluster wants are free, asked before anything starts.
 */
import { createServer } from 'node:net'
import { CommandError } from './command.ts'

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', () => resolve(false))
    probe.listen({ port, host: '0.0.0.0', exclusive: true }, () => probe.close(() => resolve(true)))
  })

/** Throws one sentence that names every port in use and what wants it. */
export const requireFreePorts = async (wanted: readonly { port: number; purpose: string }[]) => {
  const answers = await Promise.all(
    wanted.map(async (want) => ({ ...want, free: await isFree(want.port) })),
  )
  const taken = answers.filter(({ free }) => !free)
  if (taken.length === 0) return
  const list = taken.map(({ port, purpose }) => `${port}, wanted for ${purpose}`).join('; ')
  throw new CommandError(
    `in use by another program: port ${list}; end that program or choose another port`,
  )
}
