import { shorten, singleLine } from '../../lambda/core/support/untrusted-text.ts';

export type Column<T> = {
  title: string;
  text: (row: T) => string;
  /** Aligned right, for numbers. */
  right?: true;
};

/** A cell of text that a client or user chose, shortened. */
export const brief = (text: string, mostCharacters: number): string => shorten(singleLine(text), mostCharacters);

/** A table of aligned columns. A long list arrives in pages, so columns grow from page to page and never shrink. */
export class TextTable<T> {
  readonly #columns: Column<T>[];
  readonly #widths: number[];
  #hasTitles = false;

  constructor(columns: Column<T>[]) {
    this.#columns = columns;
    this.#widths = columns.map(({ title }) => title.length);
  }

  /** The lines of some rows, each with its line end; the titles precede the first rows. */
  lines(rows: readonly T[]): string {
    const cells = rows.map((row) => this.#columns.map(({ text }) => singleLine(text(row))));
    for (const row of cells) {
      for (const [index, cell] of row.entries()) this.#widths[index] = Math.max(this.#widths[index]!, [...cell].length);
    }
    const lines = this.#hasTitles ? cells : [this.#columns.map(({ title }) => title), ...cells];
    this.#hasTitles = true;
    return lines.map((row) => `${this.#line(row)}\n`).join('');
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
