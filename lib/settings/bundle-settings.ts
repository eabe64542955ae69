import type { ILayerVersion } from 'aws-cdk-lib/aws-lambda';
import { quoted } from './setting-validation.ts';

/** The content of the function and its worker beside the bundled code of your server. */
export interface BundleSettings {
  /**
   * Folders of the project whose files the server reads, such as `templates`. They have the same paths relative to the server
   * as in the project: `new URL('../templates/mail.html', import.meta.url)` in its module, or `assetPath` of
   * `holdfast/server`, finds a file on Lambda and on the laptop.
   * @default - none
   */
  readonly assets?: string | readonly string[];
  /**
   * Packages that are not bundled, such as those with native modules. A package in `dependencies` of the project is installed
   * beside the bundle, for Linux on arm64; another one is expected in a layer. In the local emulator, the packages are those
   * of the project.
   * @default - none
   */
  readonly external?: readonly string[];
  /**
   * Layers for the architecture arm64. The local emulator has the Node.js modules of layers that are folders of the same app.
   * @default - none
   */
  readonly layers?: readonly ILayerVersion[];
}

const packageSyntax = /^(@[a-z0-9~-][a-z0-9._~-]*\/)?[a-z0-9~-][a-z0-9._~-]*$/;

/** Yields an error message for each invalid package name. The build checks folders and packages. */
export function* validateBundle({ external = [] }: BundleSettings): Generator<string> {
  for (const name of external) {
    if (!packageSyntax.test(name)) yield `external has ${quoted(name)}: write the name of a package, such as sharp`;
  }
}
