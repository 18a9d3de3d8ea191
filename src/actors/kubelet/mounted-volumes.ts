/**
 * The volumes of one pod: mounted once, then kept in step with what their files show; tokens are renewed in time.
 *
 * Invariant: at most one refresh is under way; a change meanwhile is taken up right after it. What cannot be had
 * stays as it was. Which files a volume holds is decided in `volume-content.ts`.
 */
import type { Pod } from '../../api/core/pod.ts'
import type { Host } from './host.ts'
import type { PodMemory } from './pod-memory.ts'
import { mountVolumes, type VolumePaths } from './pod-volumes.ts'
import { hasFiles, metadataShown, volumeReferences } from './volume-content.ts'

/** Least time between two renewals, however the first ended. */
const RENEWAL_REST_MS = 10_000

export interface MountedVolumesPorts {
  host: Host
  memory(): PodMemory
  /** A ConfigMap or Secret that the volumes show has changed. */
  onConfigChanged(): void
  /** Aborts when the pod is ending. */
  signal: AbortSignal
}

export class MountedVolumes {
  /** Where they are on the host. */
  paths: VolumePaths = new Map()
  private unfollow: (() => void) | undefined
  private cancelRenewal: (() => void) | undefined
  private isReleased = false
  private refreshing = false
  /** Something changed since the files were read. */
  private isStale = false
  /** The metadata that the files show. */
  private shown = ''

  constructor(private readonly ports: MountedVolumesPorts) {}

  /** Rejects with the message of a FailedMount event. */
  async mount(): Promise<void> {
    const { host, memory, onConfigChanged } = this.ports
    const { pod, view } = memory()
    // Followed first: what is missing now may come before the next try.
    if (!this.unfollow && hasFiles(pod))
      this.unfollow = host.configs.follow(
        pod.metadata.namespace ?? '',
        volumeReferences(pod),
        () => {
          onConfigChanged()
          void this.refresh()
        },
      )
    this.paths = await mountVolumes(host, pod, view.sandbox?.ip ?? '')
    this.shown = metadataShown(pod)
    this.renewLater(pod)
  }

  /** The pod may have changed: brings its metadata into the files that show it. */
  onPod(pod: Pod): void {
    if (metadataShown(pod) !== this.shown) void this.refresh()
  }

  /** Follows no longer; the files stay. */
  release(): void {
    this.unfollow?.()
    this.cancelRenewal?.()
    this.isReleased = true
  }

  /** Has the tokens in the files renewed in time. */
  private renewLater({ metadata: { uid } }: Pod) {
    const { wheel, tokens, clock } = this.ports.host
    this.cancelRenewal?.()
    const dueMs = this.isReleased ? undefined : tokens.renewAtMs(uid)
    if (dueMs === undefined) return
    const atMs = Math.max(dueMs, clock.now() + RENEWAL_REST_MS)
    this.cancelRenewal = wheel.at(atMs, () => void this.refresh())
  }

  private async refresh() {
    const { host, memory, signal } = this.ports
    this.isStale = true
    if (this.refreshing) return
    this.refreshing = true
    try {
      while (this.isStale && memory().mounted && !signal.aborted) {
        this.isStale = false
        const { pod, view } = memory()
        await mountVolumes(host, pod, view.sandbox?.ip ?? '')
        this.shown = metadataShown(pod)
      }
    } catch (error) {
      const { namespace, name } = memory().pod.metadata
      host.log.debug({ error, namespace, name }, 'volumes not refreshed')
    } finally {
      this.refreshing = false
      this.renewLater(memory().pod)
    }
  }
}
