/** Receives one line of progress, ready to print. */
export type Report = (text: string) => void;

export const silent: Report = () => {};
