/** Each method returns a promise. */
type Asynchronous<T> = { [K in keyof T]: (...input: never[]) => Promise<unknown> };

/**
 * Stands in for an object that is opened at the first call of a method, such as one whose code a cold start need not load.
 *
 * @param open called once
 */
export function onDemand<T extends Asynchronous<T>>(open: () => Promise<T>): T {
  let opened: Promise<T> | undefined;
  const method =
    (name: string | symbol) =>
    async (...input: never[]) => {
      opened ??= open();
      return (await opened)[name as keyof T](...input);
    };
  return new Proxy({} as T, { get: (_, name) => method(name) });
}
