/** The SDK's key of the function that completes an argument. */
const completer = Symbol.for('mcp.completable');

/** As the SDK's `completable`. */
export function completable<S extends object>(schema: S, complete: (...input: never[]) => unknown): S {
  return Object.defineProperty(schema, completer, { value: { complete } });
}

type Field = { type?: unknown; def?: { innerType?: unknown } } | undefined;

/** Whether the server completes an argument, which is a capability. */
export function completesArgument(schema: unknown): boolean {
  const { shape } = (schema ?? {}) as { shape?: unknown };
  if (typeof shape !== 'object' || shape === null) return false;
  return Object.values(shape as Record<string, Field>).some((field) => {
    const inner: unknown = field?.type === 'optional' ? (field.def?.innerType ?? field) : field;
    return typeof inner === 'object' && inner !== null && completer in inner;
  });
}
