/**
 * The JavaScript client of Kubernetes, loaded whatever the age of this Node.js.
 *
 * Its HTTP library takes hold of what Node.js has since 22.15; only promises with resolvers come to be used.
 */
import workerThreads from 'node:worker_threads'
import zlib from 'node:zlib'

const stubs = zlib as unknown as { createZstdDecompress?: () => never }
const marks = workerThreads as unknown as { markAsUncloneable?: () => void }
const promises = Promise as unknown as { withResolvers?: () => object }

export const javascriptClient = (): Promise<typeof import('@kubernetes/client-node')> => {
  stubs.createZstdDecompress ??= () => {
    throw new Error('this Node.js has no zstd')
  }
  marks.markAsUncloneable ??= () => undefined
  promises.withResolvers ??= withResolvers
  return import('@kubernetes/client-node')
}

const withResolvers = (): object => {
  let settle = {}
  const promise = new Promise((resolve, reject) => {
    settle = { resolve, reject }
  })
  return { promise, ...settle }
}
