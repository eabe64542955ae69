import type { ResourceTemplate, UriTemplate } from '@modelcontextprotocol/server';
import { constructOnSdk, sdkPath } from './sdk-on-demand.ts';

type Callbacks = ConstructorParameters<typeof ResourceTemplate>[1];

/** Literal text and expressions that the SDK's parser accepts. */
const plainTemplate = /^(?:[^{}]|\{[+#./?&]?\w+(?:,\w+)*\*?\}){1,1000}$/;

/** Stands in for the SDK's `ResourceTemplate`, which parses the template when it is matched with a URI. */
export class LightTemplate {
  readonly #text: string;
  readonly #callbacks: Callbacks;
  #template: UriTemplate | undefined;

  constructor(template: string, callbacks: Callbacks) {
    this.#text = template;
    this.#callbacks = callbacks;
    const isPlain = typeof template === 'string' && plainTemplate.test(template);
    if (new.target === LightTemplate && isPlain && typeof callbacks === 'object' && callbacks !== null) return;
    const { ResourceTemplate } = sdkPath().sdk;
    const input = [template, callbacks] as const;
    if (new.target === LightTemplate) {
      // biome-ignore lint/correctness/noConstructorReturn: the SDK decides about other templates
      return new ResourceTemplate(...input) as unknown as LightTemplate;
    }
    // biome-ignore lint/correctness/noConstructorReturn: the SDK may call what the owner's class overrides
    return constructOnSdk(new.target, LightTemplate, ResourceTemplate, [...input]) as LightTemplate;
  }

  /** @returns undefined for another value */
  static factsOf(value: unknown): { text: string; lists: boolean; completes: boolean } | undefined {
    if (typeof value !== 'object' || value === null || !(#text in value)) return undefined;
    const { list, complete = {} } = value.#callbacks;
    const names = (value.#text.match(/\{[^}]*\}/g) ?? []).flatMap((expression) => expression.match(/\w+/g) ?? []);
    return { text: value.#text, lists: Boolean(list), completes: names.some((name) => complete[name]) };
  }

  get uriTemplate(): UriTemplate {
    this.#template ??= new (sdkPath().sdk.UriTemplate)(this.#text);
    return this.#template;
  }

  get listCallback(): Callbacks['list'] {
    return this.#callbacks.list;
  }

  completeCallback(variable: string) {
    return this.#callbacks.complete?.[variable];
  }
}
