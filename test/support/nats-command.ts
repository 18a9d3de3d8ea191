/**
 * The real nats command, found or fetched as people get it; a test that needs it fails with the one sentence
 * that says how to get it.
 */
import { resolve } from 'node:path'
import { ensureTool, NATS_CLI } from '../../src/node/tools.ts'

let found: Promise<string> | undefined

/** Its path. Looked for once a process. */
export const natsCommand = (): Promise<string> => {
  found ??= ensureTool(NATS_CLI, { toolsDir: resolve('.kubus/tools') })
  return found
}
