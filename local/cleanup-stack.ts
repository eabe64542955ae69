export type Cleanup = () => void | Promise<void>;

/** Cleanups that run in the reverse order of their registration. */
export class CleanupStack {
  readonly #cleanups: Cleanup[] = [];

  add(cleanup: Cleanup): void {
    this.#cleanups.push(cleanup);
  }

  async run(): Promise<void> {
    for (const cleanup of this.#cleanups.splice(0).reverse()) await cleanup();
  }
}
