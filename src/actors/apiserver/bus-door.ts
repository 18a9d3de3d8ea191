export const openBusDoor =
  async (..._: unknown[]): Promise<() => Promise<void>> =>
  async () => {}
