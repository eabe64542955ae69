import { plain } from './plain-text.ts';

export type Column<T> = {
  title: string;
  text: (row: T) => string;
  /** Numbers stand at the right. */
  right?: true;
};

/** Aligned lines for people. A list may be long, so it comes piece by piece; columns grow, and never shrink again. */
export class TableText<T> {
  readonly #columns: Column<T>[];
  readonly #widths: number[];
  #hasTitles = false;

  constructor(columns: Column<T>[]) {
    this.#columns = columns;
    this.#widths = columns.map(({ title }) => title.length);
  }

  /** The lines of some rows, each with its line end; before the first ones the titles. */
  lines(rows: readonly T[]): string {
    const cells = rows.map((row) => this.#columns.map(({ text }) => plain(text(row))));
    for (const row of cells) {
      for (const [index, cell] of row.entries()) this.#widths[index] = Math.max(this.#widths[index]!, [...cell].length);
    }
    const shown = this.#hasTitles ? cells : [this.#columns.map(({ title }) => title), ...cells];
    this.#hasTitles = true;
    return shown.map((row) => `${this.#line(row)}\n`).join('');
  }

  #line(cells: string[]): string {
    return cells
      .map((cell, index) => {
        const padding = ' '.repeat(Math.max(0, this.#widths[index]! - [...cell].length));
        return this.#columns[index]!.right ? padding + cell : cell + padding;
      })
      .join('  ')
      .trimEnd();
  }
}
