/**
 * A `before` hook whose failure is told: uvu drops what it throws and reports no test as passed.
 */
export const aloud = (prepare: () => Promise<void>) => async () => {
  try {
    await prepare()
  } catch (error) {
    process.stderr.write(`the tests could not be prepared: ${(error as Error).stack}\n`)
    throw error
  }
}
