/**
 * The `Warning` headers of an answer: all texts, or their beginnings where they are too long together.
 *
 * After Kubernetes' `apiserver/pkg/endpoints/filters/warning.go`.
 */
const TOTAL_MAX = 4 * 1024
const TEXT_MAX = 256

export const warningHeaders = (warnings: readonly string[]): string[] => {
  const texts = warnings.filter((text) => text !== '' && !hasControls(text))
  if (texts.reduce((sum, text) => sum + text.length, 0) <= TOTAL_MAX) return texts.map(headerOf)
  const shown: string[] = []
  let length = 0
  for (const text of texts) {
    if (length >= TOTAL_MAX) break
    const cut = [...text].slice(0, TEXT_MAX).join('')
    length += cut.length
    shown.push(headerOf(cut))
  }
  return shown
}

/** Such a text has no place in a header. */
const hasControls = (text: string): boolean => /\p{Cc}/u.test(text)

const headerOf = (text: string): string =>
  `299 - "${text.replace(/[\\"]/g, '\\$&').replace(/[^\x20-\x7e]/g, '?')}"`
