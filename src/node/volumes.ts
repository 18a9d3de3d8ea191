/**
 * `Volumes`: the port between the kubelet and the host's file system.
 *
 * The kubelet decides which files a volume holds and with which modes; an implementation only puts them on
 * disk, below one directory a pod. Invariant: every path it returns stays inside that directory (hostPath
 * apart), and the files of one volume change together or not at all. It knows no Kubernetes object.
 */

/** An error of a volume, with the message that belongs into a FailedMount event. */
export class VolumeError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'VolumeError'
  }
}

/** One file of a ConfigMap, Secret, downwardAPI or projected volume. */
export interface VolumeFile {
  /** Relative, with `/`; never contains `..`. */
  path: string
  /** A function is asked for it when it is read. */
  data: FileContent | (() => Promise<FileContent>)
  /** Permission bits, e.g. 0o644. */
  mode: number
  /** The user who owns it; that of this process unless given. */
  owner?: number
}

export type FileContent = Uint8Array | string

export interface FilesOptions {
  fsGroup?: number
  /** Kubernetes' plugin, which names the folder; `projected` unless given. */
  plugin?: 'configmap' | 'secret' | 'downward-api' | 'projected'
  /** True keeps the files off the disk, as Kubernetes does with Secrets and tokens. */
  memory?: boolean
}

export interface Volumes {
  /** Creates the pod's empty directory for volume `name`; keeps what is in it when it exists already. */
  emptyDir(
    podUid: string,
    name: string,
    options: { memory: boolean; sizeLimitBytes?: number; fsGroup?: number },
  ): Promise<string>
  /** Checks (and for the …OrCreate types creates) `path` as Kubernetes' hostPath types ask; `type` may be ''. */
  hostPath(path: string, type: string): Promise<string>
  /** Writes the volume's files with Kubernetes' atomic writer (`..data` symlink swap); unchanged ones are left. */
  files(
    podUid: string,
    name: string,
    files: readonly VolumeFile[],
    options: FilesOptions,
  ): Promise<string>
  /** The path of `subPath` below a volume's path; created as a directory when missing; never leaves the volume. */
  subPath(volumePath: string, subPath: string): Promise<string>
  /** Writes a file that Kubus itself manages for the pod (`etc-hosts`) and returns its path. */
  podFile(podUid: string, name: string, content: string): Promise<string>
  /** An empty, world-writable file to mount at terminationMessagePath, new for each attempt. */
  createTerminationLog(podUid: string, container: string, attempt: number): Promise<string>
  /** Its last 4,096 bytes; '' when it does not exist. */
  readTerminationLog(podUid: string, container: string, attempt: number): Promise<string>
  /** Unmounts and deletes everything of the pod. Idempotent. */
  removePod(podUid: string): Promise<void>
  /** uids of pods that have something on this host, so that leftovers can be removed after a restart. */
  listPods(): Promise<string[]>
}
