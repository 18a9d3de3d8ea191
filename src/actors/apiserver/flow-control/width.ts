/**
 * How many seats a request takes: more than one for a long list, and for a watch that begins with one.
 *
 * Pure. Kubernetes' `util/flowcontrol/request/list_work_estimator.go`, for objects of a kilobyte: that many bytes
 * are what a seat stands for there. What everything else costs is one seat.
 */
import { type Limits, SEATS_MAX } from './priority-level.ts'

/** What is asked for; of a watch, only whether it begins with the state. */
export interface ListWork {
  query: URLSearchParams
  /** An object that is selected by its name is looked up. */
  name: string | undefined
}

const OBJECTS_A_SEAT = 100
/** A level gives at most this part of its seats to one request. */
const SHARE_MAX = 0.15

/** `stored` objects are where the request looks. */
export const seatsFor = (
  verb: string,
  { query, name }: ListWork,
  stored: number,
  limits: Limits,
): number => {
  if (name !== undefined || (verb === 'watch' && !beginsWithState(query))) return 1
  const limit = Number(query.get('limit') ?? 0)
  const objects = limit > 0 ? Math.min(limit, stored) : stored
  return Math.max(1, Math.min(Math.ceil(objects / OBJECTS_A_SEAT), widestOf(limits)))
}

const beginsWithState = (query: URLSearchParams): boolean => {
  const revision = query.get('resourceVersion')
  const wanted = query.get('sendInitialEvents')
  return (wanted !== null && wanted !== 'false' && wanted !== '0') || !revision || revision === '0'
}

const widestOf = ({ nominal, queuing }: Limits): number => {
  if (!queuing) return SEATS_MAX
  const ofLevel = Math.min(Math.ceil(nominal * SHARE_MAX), Math.floor(nominal / queuing.handSize))
  return Math.max(1, Math.min(ofLevel, SEATS_MAX))
}
