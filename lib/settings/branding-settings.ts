import { existsSync, readFileSync, statSync } from 'node:fs';
import { extname, resolve } from 'node:path';
import { Token } from 'aws-cdk-lib/core';
import { type Branding, DEFAULT_NAME } from '../../lambda/shared/branding.ts';
import { quoted } from './setting-validation.ts';

/** How people see the server. */
export interface BrandingSettings {
  /**
   * Name of the server on the consent page, the other pages of sign-in and the dashboard, in at most 64 characters. Clients
   * show it too, unless the server of `createServer` has a `title`.
   * @default 'Holdfast'
   */
  readonly name?: string;
  /**
   * Path of the server's icon on these pages: a PNG or SVG file of at most 16 kB, absolute or relative to the working
   * directory of the CDK app. Clients receive it too, unless the server of `createServer` has `icons`.
   * @default - no icon
   */
  readonly icon?: string;
}

const LONGEST_NAME = 64;

/** In bytes. Each page and each response to `initialize` contains the icon. */
const LARGEST_ICON = 16 * 1024;

const PNG_SIGNATURE = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');

/** The supported formats by file extension. */
const formats: Record<string, { type: string; isValid: (content: Buffer) => boolean }> = {
  '.png': { type: 'image/png', isValid: (content) => content.subarray(0, 8).equals(PNG_SIGNATURE) },
  '.svg': { type: 'image/svg+xml', isValid: (content) => /<svg[\s>]/.test(content.toString()) },
};

const formatOf = (icon: string) => formats[extname(icon).toLowerCase()];

/** Yields an error message for each invalid setting. */
export function* validateBranding({ name = DEFAULT_NAME, icon }: BrandingSettings): Generator<string> {
  if (Token.isUnresolved(name))
    yield 'name is known at deployment only: write it as text, because pages are built at synth';
  else if (name.trim() === '' || name.length > LONGEST_NAME || /\p{C}|[\u2028\u2029]/u.test(name)) {
    yield `name is ${quoted(name)}: choose 1 to ${LONGEST_NAME} characters without control characters`;
  }
  if (icon !== undefined) yield* validateIcon(icon);
}

function* validateIcon(icon: string): Generator<string> {
  const format = formatOf(icon);
  if (format === undefined) yield `icon is ${quoted(icon)}: name a file that ends in .png or .svg`;
  else if (!existsSync(icon)) yield `icon is ${quoted(icon)}, and ${resolve(icon)} does not exist: name a file`;
  else if (statSync(icon).size > LARGEST_ICON) {
    yield `icon is ${quoted(icon)}, which has ${statSync(icon).size} bytes: choose a file of at most ${LARGEST_ICON}`;
  } else if (!format.isValid(readFileSync(icon))) {
    yield `icon is ${quoted(icon)}, whose content is not ${format.type}: choose a PNG or SVG file`;
  }
}

/** The branding with the content of the icon. The settings are valid. */
export function brandingOf({ name, icon }: BrandingSettings): Branding {
  return {
    name,
    icon: icon && `data:${formatOf(icon)!.type};base64,${readFileSync(icon).toString('base64')}`,
  };
}
