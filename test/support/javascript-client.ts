/**
 * The JavaScript client of Kubernetes, loaded whatever the age of this Node.js.
 *
 * As it is loaded, its HTTP library takes hold of what Node.js has since 22.15; no test comes to use it.
 */
import workerThreads from 'node:worker_threads'
import zlib from 'node:zlib'

const stubs = zlib as unknown as { createZstdDecompress?: () => never }
const marks = workerThreads as unknown as { markAsUncloneable?: () => void }

export const javascriptClient = (): Promise<typeof import('@kubernetes/client-node')> => {
  stubs.createZstdDecompress ??= () => {
    throw new Error('this Node.js has no zstd')
  }
  marks.markAsUncloneable ??= () => undefined
  return import('@kubernetes/client-node')
}
