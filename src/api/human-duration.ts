/**
 * Durations as `kubectl get` shows them: two units at most, the smaller one only while it matters.
 *
 * The steps are those of Kubernetes' `apimachinery/pkg/util/duration` (`HumanDuration`).
 */
const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY_HOURS = 24
const YEAR_DAYS = 365

/** `milliseconds` in words: `5s`, `3m20s`, `2d4h`; up to two seconds of the future count as now. */
export const humanDuration = (milliseconds: number): string => {
  const seconds = Math.trunc(milliseconds / SECOND)
  if (seconds < -1) return '<invalid>'
  if (seconds <= 0) return '0s'
  if (seconds < 120) return `${seconds}s`
  const minutes = Math.trunc(milliseconds / MINUTE)
  if (minutes < 10) return pair(minutes, 'm', seconds % 60, 's')
  if (minutes < 180) return `${minutes}m`
  const hours = Math.trunc(milliseconds / HOUR)
  if (hours < 8) return pair(hours, 'h', minutes % 60, 'm')
  if (hours < 48) return `${hours}h`
  const days = Math.trunc(hours / DAY_HOURS)
  if (days < 8) return pair(days, 'd', hours % DAY_HOURS, 'h')
  if (days < 2 * YEAR_DAYS) return `${days}d`
  const years = Math.trunc(days / YEAR_DAYS)
  return days < 8 * YEAR_DAYS ? pair(years, 'y', days % YEAR_DAYS, 'd') : `${years}y`
}

const pair = (whole: number, unit: string, rest: number, restUnit: string): string =>
  rest === 0 ? `${whole}${unit}` : `${whole}${unit}${rest}${restUnit}`
