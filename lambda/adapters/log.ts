/** One JSON object a line, as CloudWatch Logs Insights reads it. Never a token, code, verifier, cookie or argument. */
export function log(event: string, details: Record<string, unknown> = {}): void {
  console.log(JSON.stringify({ event, ...details }));
}
