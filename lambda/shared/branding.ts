/** How people see a deployment: the settings `name` and `icon`. */
export type Branding = {
  readonly name?: string | undefined;
  /** A `data:` URL: pages load nothing from other hosts, and a browser opens no such URL as a page, where an SVG's scripts run. */
  readonly icon?: string | undefined;
};

/** The name on pages of a deployment without one. */
export const DEFAULT_NAME = 'Holdfast';

/** `#branding` without a deployment. The stack puts its own in place (`lib/bundle/esbuild-run.ts`). */
export const branding: Branding = {};
