/**
 * The image tests run: busybox with its applets, made locally. Left in the engine, as images are a cache.
 */
import { homedir } from 'node:os'
import { join } from 'node:path'
import { connectEngine } from '../../src/node/docker/engine.ts'
import { importImage } from '../../src/node/images.ts'

export const TEST_IMAGE = 'kubus/test-busybox:1'

/** Made once; concurrent callers in other processes make the same. */
export const ensureTestImage = async (name = TEST_IMAGE): Promise<string> => {
  const docker = connectEngine()
  const present = await docker
    .getImage(name)
    .inspect()
    .then(
      () => true,
      () => false,
    )
  if (!present)
    await importImage(
      docker,
      {
        name,
        files: [{ path: '/etc/test', content: 'kubus\n' }],
        changes: [
          'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
          'CMD ["sh"]',
        ],
      },
      join(homedir(), '.cache', 'kubus'),
    )
  return name
}
