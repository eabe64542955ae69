import type { ComponentChildren } from 'preact';

/** A name and its value; an `undefined` value omits the property. */
export type Property = readonly [name: string, value: ComponentChildren | undefined];

type Props = { properties: readonly Property[]; isSingleColumn?: boolean };

export const PropertyList = ({ properties, isSingleColumn = false }: Props) => (
  <dl class={isSingleColumn ? 'properties single-column' : 'properties'}>
    {properties.map(
      ([name, value]) =>
        value !== undefined && (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ),
    )}
  </dl>
);
