export const serveLogs = async (..._: unknown[]): Promise<void> => {}
