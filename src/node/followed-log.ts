/**
 * Follows a log file that another process writes and rotates, as nats-server does: `nats-1.log` becomes
 * `nats-1.log.2026.01.02.15.04.05.000000000`, and a new one begins.
 *
 * Invariant: lines are handed over whole, once and in order, those of files that were put aside meanwhile included;
 * after a restart from where the last `remember` was. Events of the file system bring the next look. At most
 * `BYTES_A_LOOK` are read at a time, so that a flood costs a bounded share of the processor; what is removed before it
 * was read is lost, and told.
 */
import {
  closeSync,
  existsSync,
  fstatSync,
  openSync,
  readdirSync,
  readSync,
  statSync,
  watch,
} from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { Clock } from '../std/clock.ts'
import type { Log } from '../std/log.ts'
import { readTextIfPresent, writeFileAtomically } from './files.ts'

export interface FollowedLogOptions {
  path: string
  /** File in which the place that was reached is kept. */
  positionFile: string
  clock: Clock
  log: Log
  onLine(line: string): void
}

export interface FollowedLog {
  /** Lines that were handed over are not handed over again after a restart. */
  remember(): void
  /** Ends; what was not read is read after the next start. */
  stop(): Promise<void>
}

const SETTLE_MS = 20
/** Not every file system tells of changes. */
const LOOK_MS = 60_000
const CHUNK_BYTES = 64 * 1024
const BYTES_A_LOOK = 1024 * 1024
const PAUSE_MS = 50
/** A longer line is none of a log. */
const LINE_BYTES_MAX = 256 * 1024
/** The first bytes of a file, a time in it, tell files of one name apart. */
const HEAD_BYTES = 48
const LINE_END = 0x0a

/** Where a reader is: in which file, by its first bytes, and behind how many bytes of whole lines. */
interface Position {
  head: string
  offset: number
}

export const followLog = (options: FollowedLogOptions): FollowedLog => new LogFollower(options)

class LogFollower implements FollowedLog {
  private file: { handle: FileHandle; inode: number; read: number } | undefined
  private carry: Buffer[] = []
  private carried = 0
  private isSkipping = false
  private isStopped = false
  private cancel = (): void => undefined
  private isWaking = false
  private endWatch = (): void => undefined
  private reading: Promise<void>

  constructor(private readonly options: FollowedLogOptions) {
    closeSync(openSync(options.path, 'a', 0o600))
    this.reading = this.openFirst()
    this.wakeAfter(SETTLE_MS)
  }

  remember(): void {
    const { file, carried } = this
    if (!file) return
    const head = this.headOf(this.pathOf(file.inode))
    if (head === undefined) return
    const position: Position = { head, offset: file.read - carried }
    writeFileAtomically(this.options.positionFile, JSON.stringify(position))
  }

  async stop(): Promise<void> {
    this.isStopped = true
    this.cancel()
    this.endWatch()
    await this.reading
    await this.file?.handle.close()
  }

  /** Whichever comes first: an event, or the next look without one. */
  private wakeAfter(delayMs: number): void {
    if (this.isStopped) return
    this.cancel()
    this.isWaking = delayMs < LOOK_MS
    this.cancel = this.options.clock.after(delayMs, () => {
      this.wakeAfter(LOOK_MS)
      this.reading = this.reading
        .then(() => this.look())
        .catch((error: unknown) =>
          this.options.log.error({ err: error, path: this.options.path }, 'a log is not followed'),
        )
    })
  }

  private onEvent(): void {
    if (!this.isWaking && !this.isStopped) this.wakeAfter(SETTLE_MS)
  }

  private async look(): Promise<void> {
    let budget = BYTES_A_LOOK
    while (!this.isStopped) {
      this.file ??= await this.openAt(this.options.path, 0)
      const read = await this.readSome()
      budget -= read
      if (budget <= 0) return this.wakeAfter(PAUSE_MS)
      if (read === 0 && !(await this.turnPage())) return
    }
  }

  /** Hands over the lines of the next piece; how many bytes it had. */
  private async readSome(): Promise<number> {
    const file = this.file!
    const buffer = Buffer.allocUnsafe(CHUNK_BYTES)
    const { bytesRead } = await file.handle.read(buffer, 0, CHUNK_BYTES, file.read)
    file.read += bytesRead
    this.take(buffer.subarray(0, bytesRead))
    return bytesRead
  }

  private take(piece: Buffer): void {
    let rest = piece
    for (let end = rest.indexOf(LINE_END); end >= 0; end = rest.indexOf(LINE_END)) {
      this.carry.push(rest.subarray(0, end))
      const line = Buffer.concat(this.carry)
      this.carry = []
      this.carried = 0
      rest = rest.subarray(end + 1)
      if (this.isSkipping) this.isSkipping = false
      else this.options.onLine(line.toString().trimEnd())
    }
    this.carried += rest.length
    if (this.carried > LINE_BYTES_MAX) this.isSkipping = true
    if (this.isSkipping) this.carry = []
    else if (rest.length > 0) this.carry.push(rest)
  }

  /** At the end of a file: whether there is another one to go on with. */
  private async turnPage(): Promise<boolean> {
    const { handle, inode, read } = this.file!
    if (inodeOf(this.options.path) === inode) {
      const { size } = await handle.stat()
      if (size >= read) return false
      // Somebody emptied it.
      this.file!.read = 0
      return size > 0
    }
    // It was put aside; nothing is written to it any more.
    if ((await this.readSome()) > 0) return true
    const files = this.files()
    const own = files.findIndex((path) => inodeOf(path) === inode)
    if (own < 0) this.options.log.error({ path: this.options.path }, 'lines of a log are lost')
    const next = files[own + 1]
    if (!next) return false
    await handle.close()
    this.file = await this.openAt(next, 0)
    return true
  }

  /** Where the former process stopped; without one, at the end. */
  private async openFirst(): Promise<void> {
    const { path, positionFile } = this.options
    const position = parsePosition(readTextIfPresent(positionFile))
    if (!position) {
      this.file = await this.openAt(path, inodeOf(path) === undefined ? 0 : statSync(path).size)
      return
    }
    const files = this.files()
    const known = position.head
      ? files.find((each) => this.headOf(each)?.startsWith(position.head))
      : path
    this.file = known ? await this.openAt(known, position.offset) : await this.openAt(files[0]!, 0)
  }

  private async openAt(path: string, from: number): Promise<NonNullable<LogFollower['file']>> {
    this.carry = []
    this.carried = 0
    this.isSkipping = false
    this.endWatch()
    if (!existsSync(path)) closeSync(openSync(path, 'a', 0o600))
    // Before it is opened: what is written, or moved, from now on is told.
    const watcher = watch(path, { persistent: false }, () => this.onEvent())
    watcher.on('error', () => undefined)
    this.endWatch = () => watcher.close()
    const handle = await open(path, 'r')
    const { ino: inode, size } = await handle.stat()
    // Put aside between the two: its successor is found when this one is read.
    if (inodeOf(path) !== inode) this.onEvent()
    return { handle, inode, read: Math.min(from, size) }
  }

  /** Oldest first, the one that is written last. */
  private files(): string[] {
    const { path } = this.options
    const folder = dirname(path)
    const stem = `${basename(path)}.`
    const aside = readdirSync(folder)
      .filter((name) => name.startsWith(stem) && /^[\d.]+$/.test(name.slice(stem.length)))
      .sort()
    return [...aside.map((name) => join(folder, name)), path]
  }

  private pathOf(inode: number): string | undefined {
    return this.files().find((path) => inodeOf(path) === inode)
  }

  private headOf(path: string | undefined): string | undefined {
    if (path === undefined || !existsSync(path)) return undefined
    const file = openSync(path, 'r')
    try {
      const head = Buffer.alloc(Math.min(HEAD_BYTES, fstatSync(file).size))
      readSync(file, head, 0, head.length, 0)
      return head.toString('latin1')
    } finally {
      closeSync(file)
    }
  }
}

const inodeOf = (path: string): number | undefined => statSync(path, { throwIfNoEntry: false })?.ino

const parsePosition = (text: string | undefined): Position | undefined => {
  try {
    const { head, offset } = JSON.parse(text ?? '') as Partial<Position>
    return typeof head === 'string' && typeof offset === 'number' ? { head, offset } : undefined
  } catch {
    return undefined
  }
}
