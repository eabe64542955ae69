/** Loaded by `--import` with `?milliseconds=…`: the clock of the process or thread is so far ahead of the machine's. */
const ahead = Number(new URL(import.meta.url).searchParams.get('milliseconds'));
const { now } = Date;

globalThis.Date = class extends Date {
  static override now = () => now() + ahead;

  constructor(...given: []) {
    super(...((given.length === 0 ? [now() + ahead] : given) as []));
  }
} as DateConstructor;
