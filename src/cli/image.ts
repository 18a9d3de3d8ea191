/**
 * `kubus image`: builds the image of which `ops/docker-compose.yml` makes containers, from this machine's own
 * programs, so that no registry is needed.
 */
import { fileURLToPath } from 'node:url'
import { ensureEngine } from '../node/docker-engine.ts'
import { ensureLocalImages } from '../node/images.ts'
import { buildSystemImage } from '../node/system-image.ts'
import { ensureTool, NATS_SERVER } from '../node/tools.ts'
import { type Command, DATA_OPTION, textOption } from './command.ts'
import { installHostPrograms } from './host.ts'
import { createFolders, stateFolder } from './state-folder.ts'

export const image: Command = {
  name: 'image',
  summary: 'Builds the image that compose runs, from the programs of this machine.',
  options: {
    tag: { type: 'string', value: 'NAME', default: 'kubus:latest', help: 'name of the image' },
    data: { ...DATA_OPTION, help: 'folder that keeps fetched programs' },
  },
  run: async (options) => {
    const folder = stateFolder(textOption(options, 'data'))
    const onProgress = (line: string) => process.stdout.write(`${line}\n`)
    createFolders(folder)
    await installHostPrograms(onProgress)
    const engine = await ensureEngine({ logFile: `${folder.logs}/dockerd.log`, onProgress })
    try {
      const tag = textOption(options, 'tag')
      const { files, bytes } = await buildSystemImage({
        tag,
        socketPath: engine.socketPath,
        toolsDir: folder.tools,
        natsServer: await ensureTool(NATS_SERVER, { toolsDir: folder.tools, onProgress }),
        program: fileURLToPath(import.meta.resolve('./kubus.mjs')),
      })
      // The images that pods need on a machine without a registry.
      await ensureLocalImages({ socketPath: engine.socketPath, stateDir: folder.tools })
      onProgress(`built ${tag}: ${files} files, ${Math.round(bytes / 2 ** 20)} MiB`)
      return 0
    } finally {
      await engine.stop()
    }
  },
}
