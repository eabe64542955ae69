import type { ComponentChildren } from 'preact';

export type NumberColumn<T> = {
  name: string;
  cell(item: T, index: number): ComponentChildren;
  /** A phone has no room for the column. */
  isSecondary?: boolean;
};

type Props<T> = {
  caption: string;
  items: T[];
  keyOf(item: T): string | number;
  /** The first column has the name of the row; the others have numbers. */
  columns: NumberColumn<T>[];
  class?: string;
};

const classOf = ({ isSecondary }: { isSecondary?: boolean }) => (isSecondary ? 'number secondary' : 'number');

/** A table of names with numbers. */
export const NumberTable = <T,>({ caption, items, keyOf, columns: [first, ...others], class: className }: Props<T>) => (
  <table class={className}>
    <caption class="visually-hidden">{caption}</caption>
    <thead>
      <tr>
        <th scope="col">{first!.name}</th>
        {others.map((column) => (
          <th key={column.name} scope="col" class={classOf(column)}>
            {column.name}
          </th>
        ))}
      </tr>
    </thead>
    <tbody>
      {items.map((item, index) => (
        <tr key={keyOf(item)}>
          <th scope="row">{first!.cell(item, index)}</th>
          {others.map((column) => (
            <td key={column.name} class={classOf(column)}>
              {column.cell(item, index)}
            </td>
          ))}
        </tr>
      ))}
    </tbody>
  </table>
);
