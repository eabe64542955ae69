/** Writes one line of the structured log: the event's name and what belongs to it. Never a secret or an argument. */
export type Logger = (event: string, details?: Record<string, unknown>) => void;
