/**
 * `Volumes` of a hollow node: every volume is there, and nothing is on disk.
 *
 * Invariant: no call touches the file system or keeps anything, so that thousands of nodes cost nothing.
 */
import type { Volumes } from './volumes.ts'

const NOWHERE = '/dev/null'
const nowhere = () => Promise.resolve(NOWHERE)

/** One may serve any number of hollow nodes. */
export const createHollowVolumes = (): Volumes => ({
  emptyDir: nowhere,
  hostPath: (path) => Promise.resolve(path),
  files: nowhere,
  subPath: nowhere,
  podFile: nowhere,
  createTerminationLog: nowhere,
  readTerminationLog: () => Promise.resolve(''),
  removePod: () => Promise.resolve(),
  listPods: () => Promise.resolve([]),
})
